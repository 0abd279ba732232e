"""The 313 ab bins of Zhang et al. 2016, "Colorful Image Colorization", and a picture's histogram over them.

The centres are the published set (`pts_in_hull`): a grid of step 10, rows of constant a* holding one run of b* each.
They cannot be recomputed from the sRGB gamut (that rule gives 309 others), so the runs are written out.
"""

import functools

import numpy as np

STEP = 10
_ROWS = (  # a*, lowest b*, highest b*
    *((-90, 50, 90), (-80, 20, 90), (-70, 0, 90), (-60, -20, 90), (-50, -30, 100), (-40, -40, 100), (-30, -50, 100)),
    *((-20, -50, 100), (-10, -60, 100), (0, -70, 100), (10, -80, 90), (20, -80, 90), (30, -90, 90), (40, -100, 90)),
    *((50, -100, 80), (60, -110, 80), (70, -110, 80), (80, -110, 70), (90, -110, 70), (100, -90, 0)),
)


@functools.cache
def centres() -> np.ndarray:
    """Bin centres, float32 [313, 2]: (a*, b*), sorted by a* then b*. Index of (0, 0): 120."""
    points = [(a, b) for a, low, high in _ROWS for b in range(low, high + STEP, STEP)]
    return np.array(points, np.float32)


@functools.cache
def nearest_table() -> np.ndarray:
    """Index of the nearest centre for each pair of integer a*, b* in -128..127: int16 [256, 256], [a+128, b+128]."""
    values = np.arange(-128, 128, dtype=np.float32)
    in_a, in_b = ((values[:, None] - centres()[:, axis]) ** 2 for axis in (0, 1))  # (256, 313) each
    return np.stack([(row + in_b).argmin(axis=-1) for row in in_a]).astype(np.int16)  # by rows: less memory, faster


def count_pairs(lab8: np.ndarray) -> np.ndarray:
    """Pixels of each pair of integer a*, b*, from which histogram and means follow.

    Args:
      lab8: uint8 [..., 3] as `lab.pack(..., "lab8")` makes it.
    Returns:
      int64 [65536], index 256 (a + 128) + b + 128.
    """
    pairs = lab8[..., 1].astype(np.uint16) * np.uint16(256) + lab8[..., 2]  # (...), 0 to 65535
    return np.bincount(pairs.ravel(), minlength=65536)


def count_bins(counts: np.ndarray) -> np.ndarray:
    """Pixels in each bin, int64 [313], from `count_pairs`."""
    return np.bincount(nearest_table().ravel(), weights=counts, minlength=len(centres())).astype(np.int64)


def sum_colours(counts: np.ndarray) -> dict[str, float]:
    """Sums over the pixels of `count_pairs`: a*, b* and chroma sqrt(a*^2 + b*^2)."""
    values = np.arange(-128.0, 128.0)
    grid = counts.reshape(256, 256)  # rows a*, columns b*
    chroma = np.hypot(values[:, None], values[None, :])  # (256, 256)
    totals = {"a": grid.sum(axis=1) @ values, "b": grid.sum(axis=0) @ values, "chroma": (grid * chroma).sum()}
    return {name: float(total) for name, total in totals.items()}
