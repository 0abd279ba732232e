"""Hints as people give them, at places of a picture of any size, and as a network takes them."""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np


@dataclasses.dataclass(frozen=True)
class Hint:
    """A colour that is known at a place of a picture.

    Attributes:
      x, y: the pixel, counted from 0 at the left and upper edge of the upright picture.
      ab: its a* and b*, -128..127; its L* is the picture's own.
      radius: pixels beside, above and below it that have the same colour: a square of 2 radius + 1 pixels.
      color: the colour of sRGB that the hint was given by, as #3a5f2b; empty where a* and b* were given.
    """

    x: int
    y: int
    ab: tuple[float, float]
    radius: int = 0
    color: str = dataclasses.field(default="", compare=False)


def draw(hints: Sequence[Hint], picture: tuple[int, int], network: tuple[int, int]) -> np.ndarray:
    """Hints as the input `hints` of a network; of two at one place the later one counts.

    Args:
      picture: (width, height) of the picture whose pixels the hints name.
      network: (width, height) at which the network sees it.
    Returns:
      float32 [h, w, 3]: a*/128 and b*/128, 0 where nothing is known, and the mask, 0 or 1. A hint covers at least one
      position, however small it becomes.
    """
    width, height = network
    drawn = np.zeros((height, width, 3), np.float32)
    for hint in hints:
        drawn[find_square(hint, picture, network)] = hint.ab[0] / 128.0, hint.ab[1] / 128.0, 1.0
    return drawn


def find_square(hint: Hint, picture: tuple[int, int], network: tuple[int, int]) -> tuple[slice, slice]:
    """(rows, columns) of the positions that a hint covers, at least one; sizes are those of `draw`."""
    columns = _positions(hint.x, hint.radius, picture[0], network[0])
    rows = _positions(hint.y, hint.radius, picture[1], network[1])
    return rows, columns


def _positions(middle: int, radius: int, length: int, network_length: int) -> slice:
    """The network's positions whose middles lie in the hint, or the one that holds the hint's middle."""
    scale = network_length / length
    first = math.ceil(max(middle - radius, 0) * scale - 0.5)
    end = math.ceil(min(middle + radius + 1, length) * scale - 0.5)
    if first >= end:
        first = min(int((middle + 0.5) * scale), network_length - 1)
        end = first + 1
    return slice(first, end)
