"""Losses of the error in a*, b* at each pixel: (targets, outputs) -> float32 [B], see `building`."""

from keras import ops

from tintmill.model.losses.colours import mean_of_picture

HUBER_DELTA = 1 / 128  # one unit of a*, b*, as the 1/110 of Zhang et al. 2017, whose unit is ab/110


def mse(targets: dict, outputs: dict):
    """Mean squared error of ab, in units of (ab/128)^2 (Iizuka et al. 2016; deep-koalarization)."""
    return mean_of_picture(ops.square(_ab_error(targets, outputs)))


def l1(targets: dict, outputs: dict):
    """Mean absolute error of ab, in units of ab/128."""
    return mean_of_picture(ops.absolute(_ab_error(targets, outputs)))


def huber(targets: dict, outputs: dict):
    """Mean of e^2 / (2 delta) where |e| < delta, else |e| - delta / 2 (Zhang et al. 2017, which sums a and b).

    e is the error in units of ab/128, delta = `HUBER_DELTA`: quadratic within one unit of a*, b*, `l1` beyond.
    """
    error = ops.absolute(_ab_error(targets, outputs))  # (B, H, W, 2)
    squared = ops.square(error) / (2 * HUBER_DELTA)
    return mean_of_picture(ops.where(error < HUBER_DELTA, squared, error - HUBER_DELTA / 2))


def _ab_error(targets: dict, outputs: dict):
    return ops.cast(outputs["ab"], "float32") - targets["ab"]  # (B, H, W, 2)
