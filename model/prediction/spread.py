"""What hints change in a picture's colours: as far as the network spreads them, and not over edges.

A network that is told of a colour answers with other colours in many places, also beyond the edges of what was meant,
and near the hint it may miss the colour. So its answer counts where ways from a hint are short that avoid edges
(geodesic distance); there its own change is made to follow edges, and what it misses at the hint is added to it. At
the hint's own pixel the colour is exact.
"""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from tintmill.model.painting import finish
from tintmill.model.painting.change import Change, Point
from tintmill.model.prediction.guided import filter_guided
from tintmill.model.prediction.hints import Hint, find_square
from tintmill.pipeline.imaging import lab

_SIDE = 256  # pixels of the picture's shorter side where edges are looked for
_COARSE = 128  # and where what the network misses is spread, hint by hint
_LONGEST = 4  # times that side: longer strips are squashed
_EDGE = 12.0  # L*: a step over an edge of this difference is as far as the picture's shorter side
_TEXTURE = 6.0  # L*: the deviation of textures, which are no edges
_TEXTURE_SIDE = 64  # of textures a piece has this part of the shorter side
_FLAT = 10.0  # of the variance of L*, below which the change of a network is averaged instead of following edges
_CUT = 0.02  # a reach below this is none
_FAR = np.float32(1e9)


def find_change(grey: np.ndarray, plain: np.ndarray, told: np.ndarray, hints: Sequence[Hint]) -> Change:
    """The change of colours that hints make.

    Args:
      grey: uint8 [H, W], the picture.
      plain: float32 [h, w, 2], the network's a* and b* without hints.
      told: float32 [h, w, 2], the same with hints.
      hints: at least one, in pixels of the picture.
    """
    fine = _Grid(grey, _SIDE)
    before = fine.resize(plain)  # (fine h, fine w, 2)
    radius = max(1, round(2 * min(fine.size) / min(plain.shape[:2])))
    change = filter_guided(fine.lightness, fine.resize(told) - before, radius, _FLAT)
    missed = [np.float32(hint.ab) - _mean_at(before + change, fine.find_square(hint)) for hint in hints]
    change += fine.resize(_spread(_Grid(grey, _COARSE), hints, missed))
    reach = fine.measure_reach(hints)  # (fine h, fine w)
    points = {(hint.x, hint.y): Point(hint.x, hint.y, hint.ab) for hint in hints}
    return Change(change * reach[..., None], tuple(points.values()))


def load_loops() -> None:
    """Loads all compiled loops of colouring, and compiles them where that has not been done yet."""
    finish.load_loops()
    grey = np.zeros((2, 2), np.uint8)
    colours = np.zeros((1, 1, 2), np.float32)
    finish.paint(grey, colours, change=find_change(grey, colours, colours, [Hint(0, 0, (0.0, 0.0))]))


class _Grid:
    """A picture at a size where ways are measured.

    Attributes:
      size: (width, height).
      lightness: L*, float32 [height, width].
    """

    def __init__(self, grey: np.ndarray, side: int):
        self._picture = grey.shape[1], grey.shape[0]
        scale = min(1.0, side / min(self._picture))
        self.size = tuple(min(max(1, round(length * scale)), _LONGEST * side) for length in self._picture)
        small = np.asarray(Image.fromarray(grey).resize(self.size, Image.Resampling.BOX))  # (height, width)
        self.lightness = lab.rgb_to_lab(np.repeat(small[..., None], 3, axis=-1))[..., 0]
        self._smooth = _smooth_textures(self.lightness, max(1, min(self.size) // _TEXTURE_SIDE))

    def resize(self, ab: np.ndarray) -> np.ndarray:
        """Colours [h, w, 2] at this size."""
        return finish.resize(ab.transpose(2, 0, 1), *self.size).transpose(1, 2, 0)

    def find_square(self, hint: Hint) -> tuple[slice, slice]:
        """(rows, columns) of a hint."""
        return find_square(hint, self._picture, self.size)

    def measure_ways(self, hints: Sequence[Hint]) -> np.ndarray:
        """How far each place is from the nearest hint: float32 [height, width]; 1 is the picture's shorter side."""
        from tintmill.model.painting import loops

        ways = np.full(self.lightness.shape, _FAR)
        for hint in hints:
            ways[self.find_square(hint)] = 0.0
        loops.measure_ways(self._smooth, np.float32(1.0 / min(self.size)), np.float32(_EDGE), ways)
        return ways

    def measure_reach(self, hints: Sequence[Hint]) -> np.ndarray:
        """How much of the network's change counts, 1 at hints to 0 far away: float32 [height, width]."""
        reach = np.exp(-np.square(self.measure_ways(hints)))
        return np.maximum(0.0, (reach - np.float32(_CUT)) / np.float32(1 - _CUT))


def _spread(grid: _Grid, hints: Sequence[Hint], missed: Sequence[np.ndarray]) -> np.ndarray:
    """What colours miss at hints, a* and b* each, spread around them: float32 [h, w, 2].

    Between hints it is a mean weighted by the inverse square of the ways (Shepard 1968), which is exact at each of
    them; away from all it ends.
    """
    shape = grid.lightness.shape
    total, weights = np.zeros((*shape, 2), np.float32), np.full(shape, np.float32(1e-12))
    untouched = np.ones(shape, np.float32)
    for hint, ab in zip(hints, missed, strict=True):
        ways = grid.measure_ways([hint])  # (h, w)
        near = np.exp(-np.square(2 * ways))
        weight = near / (np.square(ways) + np.float32(1e-6))
        total += weight[..., None] * ab
        weights += weight
        untouched *= 1 - near
    return total / weights[..., None] * (1 - untouched)[..., None]


def _smooth_textures(lightness: np.ndarray, radius: int) -> np.ndarray:
    """L* [h, w] without textures, its edges kept: the guided filter of a picture by itself."""
    return filter_guided(lightness, lightness[..., None], radius, _TEXTURE**2)[..., 0]


def _mean_at(maps: np.ndarray, square: tuple[slice, slice]) -> np.ndarray:
    """The mean of maps [h, w, C] in a square, [C]."""
    return maps[square].mean(axis=(0, 1))
