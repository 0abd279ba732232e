"""Colours at a network's resolution onto a picture of any size: the picture's own L*, chroma only where sRGB has it.

A picture is worked through in blocks of rows, so that memory does not grow with it; each pixel comes out as if the
whole were done at once. What is kept is the luminance Y itself, of which L* is a function: Y goes into the matrix from
XYZ to RGB as it came, and only X and Z follow from the colours. Where that leaves sRGB, chroma is reduced at constant
L* and hue; clipping channels would change L* by up to tens of units. The loops over pixels are in `painting`.
"""

import dataclasses
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
from PIL import Image

from tintmill.model.painting.change import Change, Changed
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.imaging import lab

UPSAMPLE = ("bilinear", "guided")

_THREADS = 8  # at most: each holds a block in memory
_BLOCK = 1 << 16  # pixels, computed at a time
# By the type of levels: the linear values that still round to the lowest and the highest one.
_DISPLAYABLE = {
    np.uint8: (np.float32(-0.5 / 255 / 12.92), np.float32(1.0045)),
    np.uint16: (np.float32(-0.5 / 65535 / 12.92), np.float32(1.00001)),
}
_GUIDE_EPSILON = 3e-3  # of the variance of f(Y), 0.14..1: a step of L* 6 counts half

T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class Painted:
    """`pixels`: sRGB [H, W, 3]; `reduced`: the share of them whose chroma was reduced, 0..1."""

    pixels: np.ndarray
    reduced: float


def paint(
    pixels: np.ndarray,
    ab: np.ndarray,
    chroma: float = 1.0,
    upsample: str = "bilinear",
    change: Change | None = None,
) -> np.ndarray:
    """A picture with its own L* and other colours.

    L* changes by what rounding to 8 bits costs, less than 0.5.

    Args:
      pixels: uint8 or uint16 sRGB [H, W, 3], whose colours are ignored, or [H, W] of a grey picture.
      ab: float32 [h, w, 2], a* and b* at any resolution.
      chroma: a* and b* are multiplied by it.
      upsample: `bilinear`, or `guided`: changes of colour follow the picture's edges.
      change: what is added to `ab`; it is guided, however `ab` is upsampled.
    Returns:
      [H, W, 3] of the dtype of `pixels`.
    """
    return paint_counted(pixels, ab, chroma, upsample, change).pixels


def paint_counted(
    pixels: np.ndarray,
    ab: np.ndarray,
    chroma: float = 1.0,
    upsample: str = "bilinear",
    change: Change | None = None,
    overwrite: bool = False,
) -> Painted:
    """As `paint`, with the share of pixels whose chroma was reduced.

    Args:
      overwrite: whether colours may be painted over `pixels` itself, to save a second picture in memory; they are where
        it is a writable array of colours.
    Raises:
      TintmillError: colours that are no numbers.
    """
    from tintmill.model.painting import loops  # and Numba, for which what colours nothing need not wait

    if not np.isfinite(ab).all():
        raise TintmillError(
            "the network's colours are NaN or infinite: its weights are no good; train again, at a lower "
            "--learning_rate or without --precision=float16"
        )
    height, width = pixels.shape[:2]
    shifts = _find_shifts(ab, chroma)  # (2, h, w)
    enlarged = Enlarged(_guide(pixels, shifts) if upsample == "guided" else shifts, width, height)
    if change is not None:
        enlarged = _change(enlarged, pixels, change, chroma)
    over = overwrite and pixels.ndim == 3 and pixels.flags.writeable
    painted = pixels if over else np.empty((height, width, 3), pixels.dtype)
    tables = _luminance_tables(pixels), lab.rgb_weights(), lab.level_table(pixels.dtype)

    def work(rows: slice) -> int:
        return loops.paint(
            _levels(pixels[rows]), enlarged.rows(rows), painted[rows], *tables, *_DISPLAYABLE[pixels.dtype.type]
        )

    return Painted(painted, sum(_on_all_cores(work, height, width)) / (height * width))


def _find_shifts(ab: np.ndarray, chroma: float) -> np.ndarray:
    """What f(X) and f(Z) have more than f(Y) where colours are `ab`, [..., 2]: float32 [2, ...]."""
    return np.stack([ab[..., 0] * np.float32(chroma / 500), ab[..., 1] * np.float32(-chroma / 200)])


def _change(enlarged: "Enlarged", pixels: np.ndarray, change: Change, chroma: float) -> Changed:
    height, width = pixels.shape[:2]
    rows, columns = change.ab.shape[:2]
    added = Enlarged(_guide(pixels, _find_shifts(change.ab, chroma)), width, height)
    known = np.array([point.ab for point in change.points], np.float32).reshape(-1, 2)
    position = max(width / columns, height / rows)
    shifts = _find_shifts(known, chroma).T  # (points, 2)
    tables = _luminance_tables(pixels)
    return Changed(enlarged, added, position, change.points, shifts, lambda rows: _levels(pixels[rows]), tables)


def load_loops() -> None:
    """Loads the compiled loops, which takes a second: a program that colours does it beside other work."""
    pixels = np.zeros((1, 1, 3), np.uint8)
    grey(pixels)
    paint(pixels, np.zeros((1, 1, 2), np.float32))


def grey(pixels: np.ndarray) -> np.ndarray:
    """The grey version of a picture, uint8 [H, W], as `lab.to_grey`, in bounded memory."""
    if pixels.ndim == 2 and pixels.dtype == np.uint8:
        return pixels
    from tintmill.model.painting import loops

    tables, result = _luminance_tables(pixels), np.empty(pixels.shape[:2], np.uint8)

    def work(rows: slice) -> None:
        loops.grey(_levels(pixels[rows]), tables, lab.grey_table(), result[rows])

    _on_all_cores(work, *pixels.shape[:2])
    return result


def _luminance_tables(pixels: np.ndarray) -> np.ndarray:
    return lab.luminance_tables(pixels.dtype, 1 if pixels.ndim == 2 else 3)


def _levels(pixels: np.ndarray) -> np.ndarray:
    """[H, W, 1 or 3], read-only whether `pixels` is or not: for another type of arrays the loops are compiled anew."""
    levels = np.ascontiguousarray(pixels[..., None] if pixels.ndim == 2 else pixels).view()
    levels.flags.writeable = False
    return levels


def _on_all_cores(work: Callable[[slice], T], height: int, width: int) -> list[T]:
    """What `work` answers for each block of a picture; the compiled loops leave other threads the interpreter."""
    parts = list(blocks(height, width))
    threads = min(len(parts), len(os.sched_getaffinity(0)), _THREADS)
    if threads == 1:
        return [work(rows) for rows in parts]
    with ThreadPoolExecutor(threads, "paint") as pool:
        return list(pool.map(work, parts))


def blocks(height: int, width: int) -> Iterator[slice]:
    """The rows of a picture in blocks of bounded size, but of a row at least."""
    step = max(1, _BLOCK // width)
    for first in range(0, height, step):
        yield slice(first, min(first + step, height))


class Enlarged:
    """Maps [C, h, w] as they are at another size, computed for the rows that are asked for.

    Bilinear where the map grows, as `Image.resize` has it; where it shrinks, averaged. Rows do not depend on which are
    asked for together.
    """

    def __init__(self, maps: np.ndarray, width: int, height: int):
        self._maps = resize(maps, min(width, maps.shape[2]), min(height, maps.shape[1]))
        self._rows, self._columns = _positions(self._maps.shape[1], height), _positions(self._maps.shape[2], width)

    def rows(self, rows: slice) -> np.ndarray:
        """float32 [C, rows, width]."""
        from tintmill.model.painting import loops

        lines, weights = self._rows[0][rows], self._rows[1][rows]
        result = np.empty((len(self._maps), len(lines), len(self._columns[0])), np.float32)
        loops.enlarge(self._maps, lines, weights, *self._columns, result)
        return result


def resize(maps: np.ndarray, width: int, height: int) -> np.ndarray:
    """Maps float32 [C, h, w] bilinearly to another size, averaged where they shrink: float32 [C, height, width]."""
    if maps.shape[1:] == (height, width):
        return np.ascontiguousarray(maps, np.float32)
    images = [Image.fromarray(np.ascontiguousarray(plane, np.float32)) for plane in maps]
    return np.stack([np.asarray(image.resize((width, height), Image.Resampling.BILINEAR)) for image in images])


def _positions(small: int, large: int) -> tuple[np.ndarray, np.ndarray]:
    """For each of `large` places the index before it among `small`, and the weight of the next one."""
    places = np.clip((np.arange(large) + 0.5) * (small / large) - 0.5, 0, small - 1)
    low = places.astype(np.uint32)
    return low, (places - low).astype(np.float32)


def _guide(pixels: np.ndarray, shifts: np.ndarray) -> np.ndarray:
    """What colours need to follow edges, at the map's resolution, where lightness and colours belong together.

    Returns:
      float32 [5, h, w]: the shifts, how they change with lightness around each pixel, the lightness f(Y).
    """
    height, width = (min(sides) for sides in zip(pixels.shape, shifts.shape[1:], strict=False))
    shifts = resize(shifts, width, height)
    small = Image.fromarray(grey(pixels)).resize((width, height), Image.Resampling.BOX)
    guide = _f(lab.luminance(np.asarray(small)))  # (h, w)
    mean = _box(guide)  # (h, w)
    covariance = _box(guide * shifts) - mean * _box(shifts)  # (2, h, w)
    slopes = _box(covariance / (_box(guide * guide) - mean * mean + _GUIDE_EPSILON))
    return np.concatenate([shifts, slopes.astype(np.float32), guide[None]])


def _box(maps: np.ndarray) -> np.ndarray:
    """The mean of 3 x 3 pixels of maps [..., h, w], float64."""
    from scipy.ndimage import uniform_filter

    return uniform_filter(maps.astype(np.float64), size=(1,) * (maps.ndim - 2) + (3, 3), mode="nearest")


def _f(luminance: np.ndarray) -> np.ndarray:
    """CIELAB's f: L* = 116 f(Y) - 16."""
    light = np.cbrt(luminance)
    dark = luminance <= lab.EPSILON
    if dark.any():
        light[dark] = lab.SLOPE * luminance[dark] + lab.OFFSET
    return light
