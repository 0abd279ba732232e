"""The guided filter: maps that follow the edges of a picture."""

import numpy as np


def filter_guided(guide: np.ndarray, maps: np.ndarray, radius: int, epsilon: float) -> np.ndarray:
    """The guided filter of He et al. 2010: maps [h, w, C] as linear functions of the guide [h, w] in each window.

    Args:
      radius: of the windows, 2 radius + 1 wide.
      epsilon: variance of the guide below which maps are averaged.
    Returns:
      float32 [h, w, C].
    """
    guide = guide[..., None]  # (h, w, 1)
    mean, means = _box(guide, radius), _box(maps, radius)
    variance = _box(guide * guide, radius) - mean * mean
    slopes = (_box(guide * maps, radius) - mean * means) / (variance + epsilon)  # (h, w, C)
    offsets = means - slopes * mean
    return _box(slopes, radius) * guide + _box(offsets, radius)


def _box(maps: np.ndarray, radius: int) -> np.ndarray:
    """The mean of windows of maps [h, w, C], summed in float64: float32 [h, w, C]."""
    from scipy.ndimage import uniform_filter

    size = 2 * radius + 1
    planes = [uniform_filter(plane, size, np.float32, "nearest") for plane in np.moveaxis(maps, -1, 0)]
    return np.stack(planes, axis=-1)
