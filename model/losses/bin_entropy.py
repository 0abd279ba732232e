"""`--loss=bins`: cross entropy of the predicted distribution over the 313 ab bins (Zhang et al. 2016)."""

from collections.abc import Callable

from keras import ops

from tintmill.model.losses import bins
from tintmill.model.losses.registry import LossFunction


def make(settings, histogram: Callable) -> LossFunction:
    """As `registry.Loss.make` wants it."""
    return bins_loss(histogram(), settings.rebalance)


def bins_loss(histogram, rebalance: float) -> LossFunction:
    """Cross entropy of the predicted distribution over the 313 bins against the soft-encoded colour, in nats.

    -mean_hw w(nearest bin of Z_hw) sum_q Z_hwq log Z^_hwq (Zhang et al. 2016, eq. 2). The weights' mean over the
    dataset is 1, so that the loss is a mean over pixels. The colours are brought to the logits' resolution by taking
    every f-th pixel, as Zhang does: an average of two colours would be a third one.

    Args:
      histogram: pixels of the training split in each bin, [313].
      rebalance: lambda, see `bins.rebalancing_weights`.
    """
    # Tensors made here, not in the loss: a compiled step would hold them as constants of its graph.
    encoded = ops.convert_to_tensor(bins.dense_table())  # (65536, 313)
    weights = ops.convert_to_tensor(bins.pair_weights(histogram, rebalance))  # (65536,)

    def loss(targets: dict, outputs: dict):
        logits = ops.cast(outputs["bins"], "float32")  # (B, h, w, 313)
        pairs = _pairs(_every_pixel(targets["ab"], logits))  # (B, h', w'), h' <= h, w' <= w
        logits = logits[:, : pairs.shape[1], : pairs.shape[2]]  # (B, h', w', 313)
        likely = ops.sum(ops.take(encoded, pairs, axis=0) * logits, axis=-1)  # (B, h', w')
        entropy = ops.logsumexp(logits, axis=-1) - likely  # (B, h', w')
        return ops.mean(ops.take(weights, pairs, axis=0) * entropy, axis=(1, 2))  # (B,)

    return loss


def _every_pixel(ab, logits):
    """ab [B, H, W, 2] at the logits' resolution, at most their size: every f-th pixel, f a power of two."""
    step = 1
    while -(-ab.shape[1] // step) > logits.shape[1] or -(-ab.shape[2] // step) > logits.shape[2]:
        step *= 2
    middle = (step - 1) // 2  # what the up-sampling after the network takes for the place of the logits
    return ab[:, middle::step, middle::step]  # (B, h', w', 2)


def _pairs(ab):
    """ab [..., 2] in a*/128, b*/128 as rows of `bins`' tables, int32 [...]."""
    values = ops.cast(ops.clip(ops.round(ab * 128.0), -128, 127), "int32") + 128  # (..., 2), 0..255
    return values[..., 0] * 256 + values[..., 1]
