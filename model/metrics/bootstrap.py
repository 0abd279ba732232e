"""How sure a mean over pictures is: the percentile bootstrap.

Pictures are drawn with replacement, as many as there are, and the mean taken anew; 95 % of such means lie in the
interval. It says how much other pictures of the same kind would change the score, not how much another training would.
"""

import numpy as np

RESAMPLES, SEED, SHARE = 1000, 0, 0.95
FEW = 20  # pictures: fewer do not know how far pictures may lie apart, and their intervals are too narrow
DRAWN_AT_ONCE = 4_000_000  # numbers in memory: 32 MB


def resampled_sums(columns: dict[str, np.ndarray], drawn_at_once: int = DRAWN_AT_ONCE) -> dict[str, np.ndarray]:
    """Sums of the columns over each resample; drawn are the same pictures for every call with as many.

    Args:
      columns: a value for each picture, [N] each, N > 0.
      drawn_at_once: numbers that are drawn in one part, but a resample at least.
    Returns:
      float64 [RESAMPLES] each.
    """
    values = np.stack([np.asarray(column, np.float64) for column in columns.values()], axis=-1)
    pictures, generator = len(values), np.random.default_rng(SEED)
    rows = max(1, drawn_at_once // pictures)
    parts = []
    for start in range(0, RESAMPLES, rows):
        count = min(rows, RESAMPLES - start)
        drawn = generator.integers(0, pictures, (count, pictures)) + pictures * np.arange(count)[:, None]  # (count, N)
        times = np.bincount(drawn.ravel(), minlength=count * pictures).reshape(count, pictures)  # (count, N)
        parts.append(times @ values)
    return dict(zip(columns, np.concatenate(parts).T, strict=True))


def interval(values: np.ndarray) -> list[float] | None:
    """[low, high] that hold `SHARE` of the values, outside of which lie as many below as above.

    Values that are no number (a resample in which nothing could be averaged) are left out; None where none is left, or
    where an end is infinite.
    """
    values = values[~np.isnan(values)]
    if not len(values):
        return None
    outside = (1 - SHARE) / 2
    with np.errstate(invalid="ignore"):  # between two infinite values
        low, high = np.quantile(values, [outside, 1 - outside])
    return [float(low), float(high)] if np.isfinite([low, high]).all() else None


def mean_intervals(columns: dict[str, np.ndarray]) -> dict[str, list[float]]:
    """The interval of each column's mean; {} for fewer than two pictures, which say nothing about others."""
    count = len(next(iter(columns.values())))
    if count < 2:
        return {}
    return {name: interval(sums / count) for name, sums in resampled_sums(columns).items()}
