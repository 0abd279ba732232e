"""Colours at a network's resolution onto a picture of any size: the picture's own L*, chroma only where sRGB has it.

A picture is worked through in blocks of rows, so that memory does not grow with it; each pixel comes out as if the
whole were done at once. What is kept is the luminance Y itself, of which L* is a function: Y goes into the matrix from
XYZ to RGB as it came, and only X and Z follow from the colours. Where that leaves sRGB, chroma is reduced at constant
L* and hue; clipping channels would change L* by up to tens of units.
"""

import dataclasses
import functools
import itertools
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from PIL import Image

from pipeline import lab

UPSAMPLE = ("bilinear", "guided")

_THREADS = 8  # at most: each holds some blocks in memory
_BLOCK = 1 << 16  # pixels: what is computed of a block stays in a core's own cache
_HALVINGS = 12  # the kept share of chroma is known to 1/4096
_DARK = 0.2068966  # below it CIELAB's cube root is a line
_TO_RGB = lab.RGB_FROM_XYZ * lab.WHITE  # of X, Y, Z relative to white
# Neutral to the last digit, where the six digits of the matrix leave 0.00007, and linear RGB in 65535ths.
_FROM_XYZ = (65535.0 * _TO_RGB / _TO_RGB.sum(axis=1, keepdims=True)).astype(np.float32)
# By bytes a level: what still rounds to the lowest and the highest level, in 65535ths.
_DISPLAYABLE = {1: (-0.5 * 65535 / 255 / 12.92, 1.0045 * 65535), 2: (-0.5 / 12.92, 1.00001 * 65535)}
_GUIDE_EPSILON = 3e-3  # of the variance of f(Y), 0.14..1: a step of L* 6 counts half


@dataclasses.dataclass(frozen=True)
class Painted:
    """`pixels`: sRGB [H, W, 3]; `reduced`: the share of them whose chroma was reduced, 0..1."""

    pixels: np.ndarray
    reduced: float


def paint(pixels: np.ndarray, ab: np.ndarray, chroma: float = 1.0, upsample: str = "bilinear") -> np.ndarray:
    """A picture with its own L* and other colours.

    L* changes by what rounding to 8 bits costs, less than 0.5.

    Args:
      pixels: uint8 or uint16 sRGB [H, W, 3], whose colours are ignored, or [H, W] of a grey picture.
      ab: float32 [h, w, 2], a* and b* at any resolution.
      chroma: a* and b* are multiplied by it.
      upsample: `bilinear`, or `guided`: changes of colour follow the picture's edges.
    Returns:
      [H, W, 3] of the dtype of `pixels`.
    """
    return paint_counted(pixels, ab, chroma, upsample).pixels


def paint_counted(
    pixels: np.ndarray, ab: np.ndarray, chroma: float = 1.0, upsample: str = "bilinear", overwrite: bool = False
) -> Painted:
    """As `paint`, with the share of pixels whose chroma was reduced.

    Args:
      overwrite: whether colours may be painted over `pixels` itself, to save a second picture in memory; they are where
        it is a whole, writable array of colours.
    """
    height, width = pixels.shape[:2]
    shifts = np.stack([ab[..., 0], ab[..., 1]]) * np.float32([[[chroma / 500]], [[-chroma / 200]]])  # of f(X), f(Z)
    enlarged = Enlarged(_guide(pixels, shifts) if upsample == "guided" else shifts, width, height)
    over = overwrite and pixels.ndim == 3 and pixels.flags.carray
    painted = pixels if over else np.empty((height, width, 3), pixels.dtype)
    paint_band = functools.partial(_paint_band, pixels, painted, enlarged, upsample == "guided")
    bands = _bands(list(blocks(height, width)))
    if len(bands) == 1:
        return Painted(painted, paint_band(bands[0]) / (height * width))
    with ThreadPoolExecutor(len(bands), "paint") as pool:
        return Painted(painted, sum(pool.map(paint_band, bands)) / (height * width))


def _bands(parts: list[slice]) -> list[list[slice]]:
    """The blocks of a picture in as many neighbouring runs as there are threads to paint them."""
    count = min(len(parts), len(os.sched_getaffinity(0)), _THREADS)
    ends = [len(parts) * i // count for i in range(count + 1)]
    return [parts[first:end] for first, end in itertools.pairwise(ends)]


def _paint_band(pixels: np.ndarray, painted: np.ndarray, enlarged: "Enlarged", guided: bool, band: list[slice]) -> int:
    """Paints blocks; returns how many pixels' chroma was reduced. NumPy's loops leave other threads the interpreter."""
    outside = _Outside(painted)
    for rows in band:
        luminance = lab.luminance(pixels[rows])
        light = _f(luminance)
        shift = enlarged.rows(rows)
        if guided:
            shift = _follow(shift, light)
        luminance, light, shift = luminance.ravel(), light.ravel(), shift.reshape(2, -1)
        linear = _to_rgb(luminance, light, shift)
        for channel, plane in enumerate(linear):
            painted[rows, :, channel] = _levels(plane, pixels.dtype).reshape(-1, pixels.shape[1])
        first = rows.start * pixels.shape[1]
        outside.keep(first, _where_outside(linear, pixels.dtype), luminance, light, shift)
    outside.paint()
    return outside.count


class _Outside:
    """Pixels whose colour is outside sRGB, kept until they are many: their chroma is found by trial."""

    def __init__(self, painted: np.ndarray):
        self._painted = painted.reshape(-1, 3)
        self._kept, self._waiting, self.count = [], 0, 0

    def keep(self, first: int, places: np.ndarray, luminance: np.ndarray, light: np.ndarray, shift: np.ndarray) -> None:
        """Those at `places` of a block that begins at pixel `first` of the picture."""
        if not len(places):
            return
        self._kept.append((first + places, luminance[places], light[places], shift[:, places]))
        self._waiting += len(places)
        self.count += len(places)
        if self._waiting >= _BLOCK // 4:
            self.paint()

    def paint(self) -> None:
        """Paints all that are kept."""
        if not self._kept:
            return
        places, *block = (np.concatenate(parts, axis=-1) for parts in zip(*self._kept, strict=True))
        dtype = self._painted.dtype
        self._painted[places] = _levels(_reduced(*block, dtype), dtype).T
        self._kept, self._waiting = [], 0


def grey(pixels: np.ndarray) -> np.ndarray:
    """The grey version of a picture, uint8 [H, W], as `lab.to_grey`, in bounded memory."""
    result = np.empty(pixels.shape[:2], np.uint8)
    for rows in blocks(*pixels.shape[:2]):
        result[rows] = lab.to_grey(pixels[rows])
    return result


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
        low, weight = self._rows[0][rows], self._rows[1][rows]
        near = self._maps[:, low[0] : low[-1] + 2]
        left, share = self._columns
        wide = near.take(left, axis=2)
        wide += (near.take(np.minimum(left + 1, near.shape[2] - 1), axis=2) - wide) * share
        step = np.diff(wide, axis=1, append=wide[:, -1:])
        result = np.empty((len(wide), len(low), wide.shape[2]), np.float32)
        for line, first in zip(*np.unique(low, return_index=True), strict=True):
            lines = slice(first, first + np.count_nonzero(low == line))
            np.multiply(step[:, line - low[0], None], weight[lines, None], out=result[:, lines])
            result[:, lines] += wide[:, line - low[0], None]
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
    low = places.astype(np.intp)
    return low, (places - low).astype(np.float32)


def _guide(pixels: np.ndarray, shifts: np.ndarray) -> np.ndarray:
    """What `_follow` needs, at the map's resolution, where lightness and colours belong together.

    Returns:
      float32 [5, h, w]: the shifts, how they change with lightness around each pixel, the lightness f(Y).
    """
    height, width = (min(sides) for sides in zip(pixels.shape, shifts.shape[1:], strict=False))
    shifts = resize(shifts, width, height)
    small = Image.fromarray(grey(pixels)).resize((width, height), Image.Resampling.BOX)
    guide = _f(lab.luminance(np.asarray(small)))
    mean = _box(guide)
    covariance = _box(guide * shifts) - mean * _box(shifts)
    slopes = _box(covariance / (_box(guide * guide) - mean * mean + _GUIDE_EPSILON))
    return np.concatenate([shifts, slopes.astype(np.float32), guide[None]])


def _follow(maps: np.ndarray, light: np.ndarray) -> np.ndarray:
    """The enlarged shifts, and what lightness has more than its own enlarged map, times the slopes.

    The regression is the guided filter's (He et al. 2010; at the map's resolution, He and Sun 2015), but it gives the
    detail alone: the filter itself smooths the colours so much that real photographs are nearer to the truth without.
    """
    return maps[:2] + maps[2:4] * (light - maps[4])


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


def _cube(light: np.ndarray) -> None:
    """The inverse of `_f`, in place."""
    dark = light <= _DARK
    line = (light - np.float32(lab.OFFSET)) * np.float32(1 / lab.SLOPE) if dark.any() else light
    light *= light * light
    np.copyto(light, line, where=dark)


def _reduced(luminance: np.ndarray, light: np.ndarray, shift: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """As `_to_rgb`, with the greatest share of each pixel's chroma that sRGB has."""
    keep, lost = np.zeros(len(light), np.float32), np.ones(len(light), np.float32)
    for _ in range(_HALVINGS):
        middle = (keep + lost) / 2
        outside = _is_outside(_to_rgb(luminance, light, shift * middle), dtype)
        keep, lost = np.where(outside, keep, middle), np.where(outside, middle, lost)
    return _to_rgb(luminance, light, shift * keep)


def _to_rgb(luminance: np.ndarray, light: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Linear RGB, float32 [3, N] in 65535ths, of Y [N], f(Y) [N] and the shifts of f(X), f(Z) from it [2, N]."""
    x, z = light + shift[0], light + shift[1]
    _cube(x)
    _cube(z)
    linear, part = np.empty((3, len(light)), np.float32), np.empty_like(light)
    for plane, weights in zip(linear, _FROM_XYZ, strict=True):  # not matmul: its last bits depend on the block's length
        np.multiply(x, weights[0], out=plane)
        plane += np.multiply(luminance, weights[1], out=part)
        plane += np.multiply(z, weights[2], out=part)
    return linear


def _where_outside(linear: np.ndarray, dtype: np.dtype) -> np.ndarray:
    return np.flatnonzero(_is_outside(linear, dtype))


def _is_outside(linear: np.ndarray, dtype: np.dtype) -> np.ndarray:
    lowest, highest = _DISPLAYABLE[dtype.itemsize]
    return (linear.min(axis=0) < lowest) | (linear.max(axis=0) > highest)


def _levels(linear: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """sRGB levels of linear values in 65535ths."""
    if dtype == np.uint8:
        return _level_table().take(linear.astype(np.intp), mode="clip")
    return np.rint(lab.delinearise(np.clip(linear / 65535.0, 0.0, 1.0)) * 65535.0).astype(np.uint16)


@functools.cache
def _level_table() -> np.ndarray:
    """The 8-bit sRGB level of a linear value from i to i + 1 65535ths, uint8 [65536]."""
    return np.rint(lab.delinearise(np.arange(0.5, 65536.0) / 65536.0) * 255.0).astype(np.uint8)
