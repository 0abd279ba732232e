"""What is changed in a picture's colours after they were predicted: it follows edges, and is exact at points.

Pixels that no change reaches keep the colours that they have without it, to the bit.
"""

import dataclasses
import math
from collections.abc import Callable
from typing import Protocol

import numpy as np

_REACH = 1.5  # positions of the change's map: what is missing at a point is added within them
_SIMILAR = 0.05  # of f(Y), 0.14..1: at a difference of L* 6 a pixel gets 1/e of what is added to a point


class Maps(Protocol):
    """Maps [C, h, w] at the picture's size."""

    def rows(self, rows: slice) -> np.ndarray:
        """float32 [C, rows, width]."""


@dataclasses.dataclass(frozen=True)
class Point:
    """A pixel, counted from 0 at the left and upper edge, and its a* and b*."""

    x: int
    y: int
    ab: tuple[float, float]


@dataclasses.dataclass(frozen=True)
class Change:
    """What is added to colours, and where they are known.

    Attributes:
      ab: float32 [h, w, 2], added to a* and b*, at any resolution; 0 where nothing changes.
      points: pixels whose a* and b* are met, each pixel at most once.
    """

    ab: np.ndarray
    points: tuple[Point, ...] = ()


class Changed:
    """The maps that `loops.paint` takes, of colours and a change of them. It takes the place of a `finish.Enlarged`.

    Args:
      colours: maps [2 or 5, h, w], as `loops.paint` takes them.
      change: maps [5, h, w] of what is added.
      position: pixels of the picture that a position of the change's map is wide or high, whichever is more.
      points, shifts: pixels, and float32 [n, 2], what f(X) and f(Z) have more than f(Y) there.
      read_levels: reads rows of the picture, [rows, W, 1 or 3], when they are asked for.
      tables: `lab.luminance_tables` for it.
    """

    def __init__(
        self,
        colours: Maps,
        change: Maps,
        position: float,
        points: tuple[Point, ...],
        shifts: np.ndarray,
        read_levels: Callable[[slice], np.ndarray],
        tables: np.ndarray,
    ):
        self._colours, self._change, self._read_levels, self._tables = colours, change, read_levels, tables
        self._reach = max(1.0, _REACH * position)
        self._points = points
        self._light = np.array([self._light_of(slice(p.y, p.y + 1))[0, p.x] for p in points])  # (n,)
        missing = shifts - np.array([self._shifts_at(point) for point in points]).reshape(-1, 2)
        self._added = self._solve(missing)  # (n, 2)

    def rows(self, rows: slice) -> np.ndarray:
        """float32 [2 or 5, rows, width]. Rows do not depend on which are asked for together."""
        result = self._without_points(rows)
        reach = math.ceil(self._reach)
        near = [i for i, point in enumerate(self._points) if rows.start - reach <= point.y < rows.stop + reach]
        light = self._light_of(rows) if near else None  # (rows, W)
        for i in near:
            columns = slice(max(0, self._points[i].x - reach), self._points[i].x + reach + 1)
            y, x = np.ogrid[rows, columns.start : min(columns.stop, result.shape[2])]
            share = self._share(i, x, y, light[:, columns])  # (rows, columns)
            result[:2, :, columns] += self._added[i][:, None, None] * share.astype(np.float32)
        return result

    def _without_points(self, rows: slice) -> np.ndarray:
        from tintmill.model.painting import loops

        result = self._colours.rows(rows)
        loops.follow(self._read_levels(rows), self._change.rows(rows), self._tables, result)
        return result

    def _share(self, i: int, x, y, light):
        """What places get of what is added to point `i`, 0..1: less with distance, and with another lightness.

        Both factors are positive definite, and so is their product: `_solve` has one answer. The first is Wendland's
        function of smoothness 0 in up to three dimensions.
        """
        near = np.maximum(0.0, 1.0 - np.hypot(x - self._points[i].x, y - self._points[i].y) / self._reach) ** 2
        return near * np.exp(-(((light - self._light[i]) / _SIMILAR) ** 2))

    def _solve(self, missing: np.ndarray) -> np.ndarray:
        """What to add around each point, so that all points together get what is missing: [n, 2] of [n, 2]."""
        if not self._points:
            return missing
        x, y = np.array([(point.x, point.y) for point in self._points]).T
        shares = np.stack([self._share(i, x, y, self._light) for i in range(len(self._points))])  # (n, n)
        return np.linalg.solve(shares, missing)

    def _shifts_at(self, point: Point) -> np.ndarray:
        maps = self._without_points(slice(point.y, point.y + 1))[:, 0, point.x]  # (2,) or (5,)
        if len(maps) == 2:
            return maps
        detail = self._light_of(slice(point.y, point.y + 1))[0, point.x] - maps[4]
        return maps[:2] + maps[2:4] * detail

    def _light_of(self, rows: slice) -> np.ndarray:
        """f(Y) of rows, float32 [rows, W]."""
        from tintmill.model.painting import loops

        levels = self._read_levels(rows)
        light = np.empty(levels.shape[:2], np.float32)
        loops.light(levels, self._tables, light)
        return light
