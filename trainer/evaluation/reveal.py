"""Hints for scoring: colours of the truth, revealed at random places of each picture.

The protocol of Zhang et al. 2017 ("Real-Time User-Guided Image Colorization with Learned Deep Priors", section 4.1):
uniformly distributed places, at each the mean colour of a patch of 7 x 7 pixels.
"""

import hashlib

import numpy as np

from tintmill.model.prediction.hints import Hint

HINTS = "the means of 7 x 7 pixels of the truth at random places (Zhang et al. 2017)"
_RADIUS = 3


def reveal(ab: np.ndarray, name: str, count: int) -> list[Hint]:
    """Hints of a picture, the same in every evaluation; those of a smaller count are the first of a larger one.

    Args:
      ab: the truth's a*, b*, float32 [H, W, 2], with sides of at least 7 pixels.
      name: of the picture, from which the places follow.
      count: of hints.
    """
    height, width = ab.shape[:2]
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
    places = np.random.default_rng(seed).random((count, 2))  # (count, 2): y, x as shares of what a patch fits in
    corners = (places * (height - 2 * _RADIUS, width - 2 * _RADIUS)).astype(int)
    return [_hint(ab, int(top), int(left)) for top, left in corners]


def _hint(ab: np.ndarray, top: int, left: int) -> Hint:
    side = 2 * _RADIUS + 1
    a, b = ab[top : top + side, left : left + side].mean(axis=(0, 1))
    return Hint(left + _RADIUS, top + _RADIUS, (float(a), float(b)), _RADIUS)
