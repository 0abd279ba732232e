"""Scores of coloured pictures, and their means. A table always holds the trivial answers beside the run.

Per picture: PSNR, SSIM, CIEDE2000 (`pipeline.fidelity`), AuC plain and rebalanced, colourfulness and how far it is from
the truth's, and how far L* is. Means are over pictures, with bootstrap intervals; infinite PSNRs (an answer that equals
the truth, as grey does on a grey picture) are counted and left out of the mean; the rebalanced AuC is a mean over the
weights of all pictures' pixels.
"""

import numpy as np

from tintmill.model.losses import bins
from tintmill.model.metrics import bootstrap
from tintmill.pipeline.imaging import ab_bins, fidelity, lab

# Whose mean over pictures is a plain one; "lpips" is there where it was computed.
PLAIN = (
    *("ssim", "ciede2000", "auc", "colourfulness", "colourfulness_abs", "colourfulness_truth"),
    *("colourfulness_gap_each", "lightness_error", "lpips"),
)
FARTHEST = 150  # of the AuC's thresholds, in units of ab
AB_STEP, AB_LOW, AB_CELLS = 4, -110, 55  # cells of `ab_histogram`: -110..110 holds all of sRGB


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


def ab_histogram(rgb: np.ndarray) -> np.ndarray:
    """Pixels in cells of `AB_STEP` over a* (rows) and b* (columns) from `AB_LOW` on: int64 [AB_CELLS, AB_CELLS]."""
    cells = np.floor((lab.rgb_to_lab(rgb)[..., 1:] - AB_LOW) / AB_STEP).astype(np.int64)
    a, b = np.moveaxis(cells, -1, 0)
    return np.bincount((a * AB_CELLS + b).ravel(), minlength=AB_CELLS**2).reshape(AB_CELLS, AB_CELLS)


def score(truth: np.ndarray, picture: np.ndarray, weights: np.ndarray) -> dict[str, float]:
    """All scores of one picture, and what their means take: `auc_weight`, the sum of its pixels' weights, and
    `colourfulness_truth`.

    Args:
      truth, picture: uint8 [H, W, 3] sRGB.
      weights: of the ab bins, `rarity`.
    """
    truth_lab, picture_lab = (lab.rgb_to_lab(pixels) for pixels in (truth, picture))
    accuracy = colour_accuracy(truth_lab[..., 1:], picture_lab[..., 1:])
    a, b = np.moveaxis(np.clip(np.rint(truth_lab[..., 1:]), -128, 127).astype(int) + 128, -1, 0)
    weight = weights[ab_bins.nearest_table()[a, b]]
    found, wanted = colourfulness(picture), colourfulness(truth)
    return fidelity.compare(truth, picture) | {
        "auc": float(accuracy.mean()),
        "auc_rebalanced": float((accuracy * weight).sum() / weight.sum()),
        "auc_weight": float(weight.sum()),
        "colourfulness": found,
        "colourfulness_abs": colourfulness(picture, absolute=True),
        "colourfulness_truth": wanted,
        "colourfulness_gap_each": abs(found - wanted),
        "lightness_error": float(np.abs(truth_lab[..., 0] - picture_lab[..., 0]).mean()),
    }


def summarise(scores: list[dict[str, float]]) -> dict:
    """A row of the table: means over pictures, how many there were, how many PSNRs were infinite and left out.

    Beside the means of `score`: `psnr_pooled`, the PSNR of the mean MSE, which the worst pictures decide;
    `colourfulness_gap`, that of the means, which forgives too much here for too little there; and `intervals`, by
    metric [low, high] of the bootstrap, empty for fewer than two pictures. None is what has no finite value.
    """
    columns = _columns(scores)
    means = _means({name: column.sum() for name, column in columns.items()})
    resampled = _means(bootstrap.resampled_sums(columns)) if len(scores) > 1 else {}
    intervals = {name: bootstrap.interval(values) for name, values in resampled.items()}
    row = {"pictures": len(scores), "infinite_psnr": len(scores) - int(columns["finite"].sum())}
    row |= {name: float(value) if np.isfinite(value) else None for name, value in means.items()}
    return row | {"intervals": {name: ends for name, ends in intervals.items() if ends and row[name] is not None}}


def _columns(scores: list[dict[str, float]]) -> dict[str, np.ndarray]:
    """What `_means` takes sums of: for each picture its share in every numerator and denominator."""
    found = {name: np.array([s[name] for s in scores], np.float64) for name in scores[0] if name != "id"}
    finite = np.isfinite(found["psnr"])
    return {name: found[name] for name in PLAIN if name in found} | {
        "pictures": np.ones(len(scores)),
        "finite": finite.astype(np.float64),
        "psnr": np.where(finite, found["psnr"], 0),
        "squared_error": 255.0**2 * 10 ** (-found["psnr"] / 10),
        "auc_weight": found["auc_weight"],
        "auc_rebalanced": found["auc_rebalanced"] * found["auc_weight"],
    }


def _means(sums: dict) -> dict:
    """The table's metrics of sums over pictures: numbers, or arrays with a number for each resample."""
    with np.errstate(divide="ignore", invalid="ignore"):
        means = {
            "psnr": sums["psnr"] / sums["finite"],
            "psnr_pooled": -10 * np.log10(sums["squared_error"] / sums["pictures"] / 255.0**2),
            "auc_rebalanced": sums["auc_rebalanced"] / sums["auc_weight"],
        }
    means |= {name: sums[name] / sums["pictures"] for name in PLAIN if name in sums}
    means["colourfulness_gap"] = abs(means["colourfulness"] - means.pop("colourfulness_truth"))
    return means
