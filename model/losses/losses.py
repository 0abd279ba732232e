"""Losses: (targets, outputs) -> one value a picture, float32 [B]. The trainer averages over replicas.

targets: {"l": float32 [B, H, W, 1] in L*/50 - 1, "ab": float32 [B, H, W, 2] in a*/128, b*/128, "label": int64 [B]}; the
label is there where --class_weight asks for it, -1 for a picture without class. outputs: the network's.
"""

from collections.abc import Callable

from keras import ops

from tintmill.model.losses import bins, perceptual
from tintmill.model.losses.settings import LossSettings
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.imaging import lab

Loss = Callable[[dict, dict], object]  # of targets and outputs, as above

HUBER_DELTA = 1 / 128  # one unit of a*, b*, as the 1/110 of Zhang et al. 2017, whose unit is ab/110


def mse(targets: dict, outputs: dict):
    """Mean squared error of ab, in units of (ab/128)^2 (Iizuka et al. 2016; deep-koalarization)."""
    return _mean(ops.square(_ab_error(targets, outputs)))


def l1(targets: dict, outputs: dict):
    """Mean absolute error of ab, in units of ab/128."""
    return _mean(ops.absolute(_ab_error(targets, outputs)))


def huber(targets: dict, outputs: dict):
    """Mean of e^2 / (2 delta) where |e| < delta, else |e| - delta / 2 (Zhang et al. 2017, which sums a and b).

    e is the error in units of ab/128, delta = `HUBER_DELTA`: quadratic within one unit of a*, b*, `l1` beyond.
    """
    error = ops.absolute(_ab_error(targets, outputs))
    return _mean(ops.where(error < HUBER_DELTA, ops.square(error) / (2 * HUBER_DELTA), error - HUBER_DELTA / 2))


PIXEL_LOSSES: dict[str, Loss] = {"mse": mse, "l1": l1, "huber": huber}
LOSSES = (*PIXEL_LOSSES, "bins")


def bins_loss(histogram, rebalance: float) -> Loss:
    """Cross entropy of the predicted distribution over the 313 bins against the soft-encoded colour, in nats.

    -mean_hw w(nearest bin of Z_hw) sum_q Z_hwq log Z^_hwq (Zhang et al. 2016, eq. 2). The weights' mean over the
    dataset is 1, so that the loss is a mean over pixels. The colours are brought to the logits' resolution by taking
    every f-th pixel, as Zhang does: an average of two colours would be a third one.

    Args:
      histogram: pixels of the training split in each bin, [313].
      rebalance: lambda, see `bins.rebalancing_weights`.
    """
    # Tensors made here, not in the loss: a compiled step would hold them as constants of its graph.
    encoded = ops.convert_to_tensor(bins.dense_table())
    weights = ops.convert_to_tensor(bins.pair_weights(histogram, rebalance))

    def loss(targets: dict, outputs: dict):
        logits = ops.cast(outputs["bins"], "float32")
        pairs = _pairs(_every_pixel(targets["ab"], logits))
        logits = logits[:, : pairs.shape[1], : pairs.shape[2]]
        likely = ops.sum(ops.take(encoded, pairs, axis=0) * logits, axis=-1)
        entropy = ops.logsumexp(logits, axis=-1) - likely
        return ops.mean(ops.take(weights, pairs, axis=0) * entropy, axis=(1, 2))

    return loss


def classification(targets: dict, outputs: dict):
    """Cross entropy of the picture's class in nats, 0 for a picture without class (Iizuka et al. 2016, eq. 4)."""
    label, logits = targets["label"], ops.cast(outputs["class_logits"], "float32")
    # one_hot of -1 is a row of zeros on some backends and the last class on others.
    truth = ops.one_hot(ops.maximum(label, 0), logits.shape[-1], dtype="float32")
    entropy = ops.logsumexp(logits, axis=-1) - ops.sum(truth * logits, axis=-1)
    return ops.where(label < 0, 0.0, entropy)


def colourfulness(targets: dict, outputs: dict):
    """1 - M3/100, M3 of Hasler and Suesstrunk 2003 on sRGB 0..255, signed differences (DDColor's paper, 2023).

    1 for a grey picture, 0 for a very colourful one, less for a garish one; it knows no truth, so give it a small
    weight. DDColor's code takes absolute differences of sRGB 0..1, sums over the batch and leaves out the 100.
    """
    rgb = 255.0 * predicted_rgb(targets, outputs)
    red, green, blue = (rgb[..., i] for i in range(3))
    (mean_rg, var_rg), (mean_yb, var_yb) = map(_moments, (red - green, (red + green) / 2 - blue))
    spread, shift = _root(var_rg + var_yb), _root(ops.square(mean_rg) + ops.square(mean_yb))
    return 1.0 - (spread + 0.3 * shift) / 100.0


def perceptual_loss(features: Callable) -> Loss:
    """Mean absolute difference of features of the coloured and the true picture, both with the true L*.

    Args:
      features: as `perceptual.load` returns it.
    """

    def loss(targets: dict, outputs: dict):
        found, wanted = features(predicted_rgb(targets, outputs)), features(true_rgb(targets))
        pairs = zip(features.weights, found, wanted, strict=True)
        return sum(weight * _mean(ops.absolute(one - ops.stop_gradient(other))) for weight, one, other in pairs)

    return loss


def predicted_rgb(targets: dict, outputs: dict):
    """The network's ab on the true L* as sRGB 0..1, [B, H, W, 3]; differentiable, channels outside sRGB clipped."""
    return _rgb(targets["l"], ops.cast(outputs["ab"], "float32"))


def true_rgb(targets: dict):
    """The targets as sRGB 0..1, [B, H, W, 3]."""
    return _rgb(targets["l"], targets["ab"])


def build(settings: LossSettings, histogram) -> Callable[[dict, dict], dict]:
    """The loss that the settings ask for, less its adversarial part, which has a learner of its own (`discriminator`).

    Must be called where the network was: a perceptual network's variables belong to the same devices.

    Args:
      histogram: a function that returns the training split's pixels in each bin, [313]; only --loss=bins asks it.
    Returns:
      A function (targets, outputs) -> {"loss": the weighted sum, float32 [B], and each part, unweighted, by its name
      where there are several}.
    Raises:
      TintmillError: no such loss, or the perceptual network cannot be loaded.
    """
    terms = _terms(settings, histogram)

    def loss(targets: dict, outputs: dict) -> dict:
        parts = {name: function(targets, outputs) for name, _, function in terms}
        total = sum(weight * parts[name] for name, weight, _ in terms)
        return {"loss": total} | {name: parts[name] for name in part_names(settings) if name in parts}

    return loss


def part_names(settings: LossSettings) -> tuple[str, ...]:
    """The total, "loss", and where it has several parts the names of them."""
    weights = {"class": settings.class_weight, "colourfulness": settings.colourfulness_weight}
    weights |= {"perceptual": settings.perceptual_weight, "adversarial": settings.adversarial_weight}
    more = [name for name, weight in weights.items() if weight]
    return ("loss", settings.loss, *more) if more else ("loss",)


def check_outputs(settings: LossSettings, network: str, outputs: dict) -> None:
    """Raises TintmillError where a loss judges what the network does not give."""
    if settings.loss == "bins" and "bins" not in outputs:
        raise TintmillError(f"--loss=bins: --network={network} has no bins; give {', '.join(PIXEL_LOSSES)}")
    if settings.class_weight and "class_logits" not in outputs:
        raise TintmillError(f"--class_weight={settings.class_weight}: --network={network} does not classify; give 0")


def _terms(settings: LossSettings, histogram) -> list[tuple[str, float, Loss]]:
    """(name, weight, function) of each part."""
    terms = [(settings.loss, 1.0, _pixel_loss(settings, histogram))]
    if settings.class_weight:
        terms.append(("class", settings.class_weight, classification))
    if settings.colourfulness_weight:
        terms.append(("colourfulness", settings.colourfulness_weight, colourfulness))
    if settings.perceptual_weight:
        features = perceptual.load(settings.perceptual_network, settings.perceptual_weights)
        terms.append(("perceptual", settings.perceptual_weight, perceptual_loss(features)))
    return terms


def _pixel_loss(settings: LossSettings, histogram) -> Loss:
    if settings.loss not in LOSSES:
        raise TintmillError(f"--loss={settings.loss}: wanted one of {', '.join(LOSSES)}")
    return PIXEL_LOSSES.get(settings.loss) or bins_loss(histogram(), settings.rebalance)


def _ab_error(targets: dict, outputs: dict):
    return ops.cast(outputs["ab"], "float32") - targets["ab"]


def _mean(values):
    """Over all but the batch, in float32: [B, H, W, C] -> [B]."""
    return ops.mean(ops.cast(values, "float32"), axis=(1, 2, 3))


def _every_pixel(ab, logits):
    """ab [B, H, W, 2] at the logits' resolution, at most their size: every f-th pixel, f a power of two."""
    step = 1
    while -(-ab.shape[1] // step) > logits.shape[1] or -(-ab.shape[2] // step) > logits.shape[2]:
        step *= 2
    return ab[:, ::step, ::step]


def _pairs(ab):
    """ab [..., 2] in a*/128, b*/128 as rows of `bins`' tables, int32 [...]."""
    values = ops.cast(ops.clip(ops.round(ab * 128.0), -128, 127), "int32") + 128
    return values[..., 0] * 256 + values[..., 1]


def _moments(values):
    """Mean and variance of each picture, [B, H, W] -> [B], [B]."""
    return ops.mean(values, axis=(1, 2)), ops.var(values, axis=(1, 2))


def _root(square):
    """sqrt without its infinite slope at 0, where a grey picture lies; off by at most 0.001 (of 0..255)."""
    return ops.sqrt(square + 1e-6)


def _rgb(lightness, ab):
    values = ops.concatenate([(lightness + 1.0) * 50.0, ab * 128.0], axis=-1)
    return lab.lab_to_rgb(values, ops)
