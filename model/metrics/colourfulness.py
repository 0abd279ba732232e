"""Colourfulness of pictures, M3 of Hasler and Suesstrunk 2003, "Measuring colourfulness in natural images"."""

import numpy as np

from tintmill.model.metrics.pair import Pair


def colourfulness(rgb: np.ndarray, absolute: bool = False) -> float:
    """M3: sqrt(std(rg)^2 + std(yb)^2) + 0.3 sqrt(mean(rg)^2 + mean(yb)^2), with rg = R - G and yb = (R + G)/2 - B.

    Both differences are signed in the paper. Most repositories take their absolute values, which gives about 8 % less.

    Args:
      rgb: uint8 [H, W, 3] sRGB.
      absolute: the repositories' form.
    """
    red, green, blue = (rgb[..., i].astype(np.float64) for i in range(3))  # (H, W) each
    rg, yb = red - green, (red + green) / 2 - blue
    if absolute:
        rg, yb = np.abs(rg), np.abs(yb)
    return float(np.hypot(rg.std(), yb.std()) + 0.3 * np.hypot(rg.mean(), yb.mean()))


def gap(pair: Pair) -> float:
    """How far the picture's colourfulness is from its truth's, without sign."""
    return abs(colourfulness(pair.picture) - colourfulness(pair.truth))
