"""A picture beside its truth, as metrics take it."""

import dataclasses
import functools

import numpy as np

from tintmill.pipeline.imaging import lab


@dataclasses.dataclass(frozen=True)
class Pair:
    """A true picture and a coloured one of the same size.

    Attributes:
      truth, picture: uint8 [H, W, 3] sRGB.
      bin_weights: how much a pixel of each ab bin counts, [313], see `colour_accuracy.rarity`.
    """

    truth: np.ndarray
    picture: np.ndarray
    bin_weights: np.ndarray

    @functools.cached_property
    def truth_lab(self) -> np.ndarray:
        """float32 [H, W, 3]: L* 0..100, a*, b*."""
        return lab.rgb_to_lab(self.truth)

    @functools.cached_property
    def picture_lab(self) -> np.ndarray:
        """float32 [H, W, 3]: L* 0..100, a*, b*."""
        return lab.rgb_to_lab(self.picture)
