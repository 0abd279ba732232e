"""Scores of a coloured picture, and the means of many. `registry` says which metrics there are.

Means are over pictures, with bootstrap intervals. Infinite PSNRs (an answer that equals the truth, as grey does on a
grey picture) are counted and left out of the mean. The rebalanced AuC is a mean over the weights of all pictures'
pixels.
"""

import numpy as np

from tintmill.model.metrics import bootstrap
from tintmill.model.metrics.pair import Pair
from tintmill.model.metrics.registry import METRICS, PARTS, Metric


def score(truth: np.ndarray, picture: np.ndarray, bin_weights: np.ndarray) -> dict[str, float]:
    """All scores of one picture by name, `PARTS` among them.

    Args:
      truth, picture: uint8 [H, W, 3] sRGB.
      bin_weights: how much a pixel of each ab bin counts, [313], see `colour_accuracy.rarity`.
    """
    pair = Pair(truth, picture, bin_weights)
    functions = {name: metric.of_pair for name, metric in METRICS.items() if metric.of_pair} | PARTS
    return {name: function(pair) for name, function in functions.items()}


def summarise(scores: list[dict[str, float]]) -> dict:
    """A row of the table: means over pictures, how many there were, how many PSNRs were infinite and left out.

    Args:
      scores: of each picture, as `score` returns them; values of a feature network may stand beside them.
    Returns:
      "pictures", "infinite_psnr", each metric by name, None where it has no finite value, and "intervals": by metric
      [low, high] of the bootstrap, {} for fewer than two pictures.
    """
    metrics = [metric for metric in METRICS.values() if metric.value_of(scores[0]) is not None]
    columns = {}
    for metric in metrics:
        columns |= _shares(metric, scores)
    means = _means(metrics, {name: column.sum() for name, column in columns.items()})
    resampled = _means(metrics, bootstrap.resampled_sums(columns)) if len(scores) > 1 else {}
    intervals = {name: bootstrap.interval(values) for name, values in resampled.items()}
    row = {"pictures": len(scores), "infinite_psnr": sum(bool(np.isinf(picture["psnr"])) for picture in scores)}
    row |= {name: float(value) if np.isfinite(value) else None for name, value in means.items()}
    return row | {"intervals": {name: ends for name, ends in intervals.items() if ends and row[name] is not None}}


def _shares(metric: Metric, scores: list[dict[str, float]]) -> dict[str, np.ndarray]:
    """What each picture adds to the numerator and to the denominator of the metric's mean, [N] each."""
    values = np.array([metric.value_of(picture) for picture in scores], np.float64)
    weights = np.array([picture[metric.weight] if metric.weight else 1.0 for picture in scores], np.float64)
    counted = ~np.isinf(values)
    return {
        metric.name: np.where(counted, values, 0) * weights,
        _denominator(metric): counted * weights,
    }


def _denominator(metric: Metric) -> str:
    return f"{metric.name}, weights"


def _means(metrics: list[Metric], sums: dict) -> dict:
    """The table's numbers of sums over pictures: numbers, or arrays with a number for each resample."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return {metric.name: metric.finish(sums[metric.name] / sums[_denominator(metric)]) for metric in metrics}
