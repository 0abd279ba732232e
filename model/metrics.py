"""Scores of coloured pictures, and their table. A table always holds the trivial answers beside the run.

Per picture: PSNR, SSIM, CIEDE2000 (`pipeline.fidelity`), AuC plain and rebalanced, and colourfulness. Means are over
pictures; infinite PSNRs (an answer that equals the truth, as grey does on a grey picture) are counted and left out of
the mean; the rebalanced AuC is a mean over the weights of all pictures' pixels.
"""

import numpy as np

from model import bins
from pipeline import ab_bins, fidelity, lab

NAMES = ("psnr", "ssim", "ciede2000", "auc", "auc_rebalanced", "colourfulness", "colourfulness_abs")
FARTHEST = 150  # of the AuC's thresholds, in units of ab


def colourfulness(rgb: np.ndarray, absolute: bool = False) -> float:
    """M3 of Hasler and Suesstrunk 2003, "Measuring colourfulness in natural images".

    rg = R - G, yb = (R + G)/2 - B; sqrt(std(rg)^2 + std(yb)^2) + 0.3 sqrt(mean(rg)^2 + mean(yb)^2). Both differences
    are signed in the paper; most repositories take their absolute values, which gives about 8 % less.

    Args:
      rgb: uint8 [H, W, 3] sRGB.
      absolute: the repositories' form.
    """
    red, green, blue = (rgb[..., i].astype(np.float64) for i in range(3))
    rg, yb = red - green, (red + green) / 2 - blue
    if absolute:
        rg, yb = np.abs(rg), np.abs(yb)
    return float(np.hypot(rg.std(), yb.std()) + 0.3 * np.hypot(rg.mean(), yb.mean()))


def colour_accuracy(truth_ab: np.ndarray, ab: np.ndarray) -> np.ndarray:
    """What each pixel adds to the area under the accuracy curve, 0..100 (Deshpande 2015; Zhang et al. 2016, 3.1).

    The curve is the share of pixels with ||ab - truth|| <= t, over t = 0, 1, .. 150; its area is taken by the trapezoid
    rule and divided by 150. A pixel at a distance d counts from t = ceil(d) on.

    Args:
      truth_ab, ab: [H, W, 2], a* and b*.
    Returns:
      float64 [H, W]; their mean is the picture's AuC.
    """
    distance = np.linalg.norm(np.asarray(ab, np.float64) - truth_ab, axis=-1)
    first = np.ceil(distance)
    area = np.where(first == 0, FARTHEST, np.clip(FARTHEST + 0.5 - first, 0, None))
    return area * (100 / FARTHEST)


def rarity(histogram) -> np.ndarray:
    """How much a pixel of each ab bin counts in the rebalanced AuC: 1 / share (Zhang et al. 2016, lambda = 0).

    Args:
      histogram: pixels of the scored pictures in each bin, [313]. Their own, not those of the training pictures: a bin
        that is not in a training set would weigh without bound.
    Returns:
      float64 [313].
    """
    return 1.0 / np.maximum(bins.smooth(histogram), np.finfo(np.float64).tiny)


def score(truth: np.ndarray, picture: np.ndarray, weights: np.ndarray) -> dict[str, float]:
    """All of `NAMES` for one picture, and `auc_weight`, the sum of its pixels' weights.

    Args:
      truth, picture: uint8 [H, W, 3] sRGB.
      weights: of the ab bins, `rarity`.
    """
    truth_ab, ab = (lab.rgb_to_lab(pixels)[..., 1:] for pixels in (truth, picture))
    accuracy = colour_accuracy(truth_ab, ab)
    a, b = np.moveaxis(np.clip(np.rint(truth_ab), -128, 127).astype(int) + 128, -1, 0)
    weight = weights[ab_bins.nearest_table()[a, b]]
    return fidelity.compare(truth, picture) | {
        "auc": float(accuracy.mean()),
        "auc_rebalanced": float((accuracy * weight).sum() / weight.sum()),
        "auc_weight": float(weight.sum()),
        "colourfulness": colourfulness(picture),
        "colourfulness_abs": colourfulness(picture, absolute=True),
    }


def summarise(scores: list[dict[str, float]]) -> dict:
    """Means over pictures, how many there were and how many PSNRs were infinite and left out."""
    finite = [s["psnr"] for s in scores if np.isfinite(s["psnr"])]
    row = {"pictures": len(scores), "infinite_psnr": len(scores) - len(finite)}
    row["psnr"] = float(np.mean(finite)) if finite else None
    for name in NAMES[1:]:
        row[name] = float(np.mean([s[name] for s in scores]))
    weights = [s["auc_weight"] for s in scores]
    row["auc_rebalanced"] = float(np.average([s["auc_rebalanced"] for s in scores], weights=weights))
    return row
