"""The colours of pictures, counted over the ab plane."""

import numpy as np

from tintmill.pipeline.imaging import lab

STEP, LOW, CELLS = 4, -110, 55  # -110..110 holds all of sRGB


def ab_histogram(rgb: np.ndarray) -> np.ndarray:
    """Pixels in cells of `STEP` over a* (rows) and b* (columns) from `LOW` on.

    Args:
      rgb: uint8 [H, W, 3] sRGB.
    Returns:
      int64 [CELLS, CELLS].
    """
    cells = np.floor((lab.rgb_to_lab(rgb)[..., 1:] - LOW) / STEP).astype(np.int64)  # (H, W, 2)
    a, b = np.moveaxis(cells, -1, 0)
    return np.bincount((a * CELLS + b).ravel(), minlength=CELLS**2).reshape(CELLS, CELLS)
