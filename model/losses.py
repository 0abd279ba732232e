"""Losses by name: (targets, outputs) -> one value a picture, float32 [B]. The trainer averages over replicas."""

from collections.abc import Callable

from keras import ops


def mse(targets: dict, outputs: dict):
    """Mean squared error of ab, in units of (ab/128)^2 (Iizuka et al. 2016; deep-koalarization).

    Args:
      targets: {"ab": float32 [B, H, W, 2]} in a*/128, b*/128.
      outputs: the network's outputs, {"ab": float32 [B, H, W, 2]}.
    Returns:
      float32 [B].
    """
    error = ops.cast(outputs["ab"], "float32") - targets["ab"]
    return ops.mean(ops.square(error), axis=(1, 2, 3))


LOSSES: dict[str, Callable] = {
    "mse": mse,
}
