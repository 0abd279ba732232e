"""The area under the curve of colour accuracy (AuC), plain and rebalanced (Deshpande 2015; Zhang et al. 2016, 3.1).

The curve is the share of pixels with ||ab - truth|| <= t, over t = 0, 1, .. 150; its area is taken by the trapezoid
rule and divided by 150.
"""

import numpy as np

from tintmill.model.losses import bins
from tintmill.model.metrics.pair import Pair
from tintmill.pipeline.imaging import ab_bins

FARTHEST = 150  # of the thresholds, in units of ab


def colour_accuracy(truth_ab: np.ndarray, ab: np.ndarray) -> np.ndarray:
    """What each pixel adds to the area under the curve, 0..100. A pixel at a distance d counts from t = ceil(d) on.

    Args:
      truth_ab, ab: [H, W, 2], a* and b*.
    Returns:
      float64 [H, W]; their mean is the picture's AuC.
    """
    distance = np.linalg.norm(np.asarray(ab, np.float64) - truth_ab, axis=-1)  # (H, W)
    first = np.ceil(distance)
    area = np.where(first == 0, FARTHEST, np.clip(FARTHEST + 0.5 - first, 0, None))
    return area * (100 / FARTHEST)


def rarity(histogram) -> np.ndarray:
    """How much a pixel of each ab bin counts in the rebalanced AuC: 1 / share (Zhang et al. 2016, lambda = 0).

    Args:
      histogram: pixels of the scored pictures in each bin, [313]. The weights are not those of the training pictures:
        a bin that is not in a training set would weigh without bound.
    Returns:
      float64 [313].
    """
    return 1.0 / np.maximum(bins.smooth(histogram), np.finfo(np.float64).tiny)


def auc(pair: Pair) -> float:
    """The mean accuracy of the pixels, 0..100."""
    return float(_accuracy(pair).mean())


def auc_rebalanced(pair: Pair) -> float:
    """The mean accuracy of the pixels, weighted by the rarity of their true colour, 0..100."""
    weights = _pixel_weights(pair)
    return float((_accuracy(pair) * weights).sum() / weights.sum())


def weight(pair: Pair) -> float:
    """The sum of the pixels' weights: how much the picture counts in the mean of rebalanced AuCs."""
    return float(_pixel_weights(pair).sum())


def _accuracy(pair: Pair) -> np.ndarray:
    return colour_accuracy(pair.truth_lab[..., 1:], pair.picture_lab[..., 1:])


def _pixel_weights(pair: Pair) -> np.ndarray:
    """[H, W], by the ab bin that is nearest to the true colour."""
    a, b = np.moveaxis(np.clip(np.rint(pair.truth_lab[..., 1:]), -128, 127).astype(int) + 128, -1, 0)  # (H, W) each
    return pair.bin_weights[ab_bins.nearest_table()[a, b]]
