"""The loops over pixels behind `finish`, compiled by Numba.

In NumPy each step of the formulas is a pass over memory; here a row stays in a core's own cache from its levels to its
new colours. The loops are written so that the compiler makes vector instructions of them, which is why a row goes
through short loops instead of a pixel through all steps. Without fused or reordered arithmetic: the same bits on every
processor. They leave the interpreter to other threads.

Compiled code is kept on disk, where Numba finds it again by this file's time and size alone. So it may hold nothing
that is defined elsewhere: what comes from `lab` is an argument, but for CIELAB's own constants, which a test compares.

The first process that colours compiles for three seconds. Later ones find the code in `__pycache__`, or in the user's
cache folder. In NumPy the loops were forty passes over memory, five times the CPU time.
"""

from collections.abc import Callable

import numba
import numpy as np

_HALVINGS = 12  # the kept share of chroma is known to 1/4096

_ZERO, _HALF, _ONE = (np.float32(value) for value in (0.0, 0.5, 1.0))
# Of CIELAB's f, as in `lab`, and of its inverse.
_EPSILON, _LINE, _OFFSET = np.float32(0.008856), np.float32(7.787), np.float32(16.0 / 116.0)
_DARK, _SLOPE = np.float32(0.2068966), np.float32(1 / 7.787)


def _compiled(function: Callable) -> Callable:
    """By NumPy's rules a division by zero is no exception, which no vector instruction could raise."""
    try:
        return numba.njit(nogil=True, error_model="numpy", cache=True)(function)
    except RuntimeError:  # there is no folder where Numba may keep it: each process compiles for itself
        return numba.njit(nogil=True, error_model="numpy")(function)


_inlined = numba.njit(error_model="numpy", inline="always")


@_compiled
def paint(pixels, maps, painted, luminance_tables, weights, level_table, lowest, highest):
    """Paints rows of a picture.

    Args:
      pixels: uint8 or uint16 sRGB [R, W, 3], or [R, W, 1] of a grey picture.
      maps: float32 [2, R, W], what f(X) and f(Z) have more than f(Y); or [5, R, W] of `guided` colours, see `_follow`.
      painted: [R, W, 3] of the dtype of `pixels`, which is written; it may be `pixels`.
      luminance_tables, weights, level_table: `lab.luminance_tables`, `lab.rgb_weights` and `lab.level_table` for them.
      lowest, highest: linear values that still round to the lowest and the highest level.
    Returns:
      The number of pixels whose chroma was reduced.
    """
    width = pixels.shape[1]
    rows = np.empty((7, width), np.float32)
    luminance, light, x, z, linear = rows[0], rows[1], rows[2], rows[3], rows[4:7]
    outside, beyond = np.empty(width, np.bool_), np.empty((7, width), np.float32)
    count = 0
    for row in range(pixels.shape[0]):
        _luminance(pixels[row], luminance_tables, luminance)
        for i in range(width):
            light[i] = _f(luminance[i])
            x[i], z[i] = maps[0, row, i], maps[1, row, i]
        if len(maps) == 5:
            _follow(maps[:, row], light, x, z)
        _to_rgb(luminance, light, x, z, width, weights, linear)
        for i in range(width):
            outside[i] = _is_outside(linear, i, lowest, highest)
        count += _reduce(outside, luminance, light, x, z, linear, beyond, weights, lowest, highest)
        for i in range(width):
            painted[row, i, 0] = _level(level_table, linear[0, i])
            painted[row, i, 1] = _level(level_table, linear[1, i])
            painted[row, i, 2] = _level(level_table, linear[2, i])
    return count


@_compiled
def grey(pixels, luminance_tables, grey_table, result):
    """Writes the grey version of rows [R, W, 1 or 3] to `result`, uint8 [R, W], as `lab.to_grey`."""
    luminance = np.empty(pixels.shape[1], np.float32)
    for row in range(pixels.shape[0]):
        _luminance(pixels[row], luminance_tables, luminance)
        for i in range(len(luminance)):
            result[row, i] = grey_table[np.int32(luminance[i] * np.float32(65535.0) + _HALF)]


@_compiled
def light(pixels, luminance_tables, result):
    """Writes f(Y) of rows [R, W, 1 or 3] to `result`, float32 [R, W]."""
    luminance = np.empty(pixels.shape[1], np.float32)
    for row in range(pixels.shape[0]):
        _luminance(pixels[row], luminance_tables, luminance)
        for i in range(len(luminance)):
            result[row, i] = _f(luminance[i])


@_compiled
def follow(pixels, maps, luminance_tables, result):
    """Adds maps that follow the edges of rows [R, W, 1 or 3] to what f(X) and f(Z) have more than f(Y).

    Args:
      maps: float32 [5, R, W], see `_follow`.
      result: float32 [2 or 5, R, W], of which the first two are added to.
    """
    rows = np.empty((2, pixels.shape[1]), np.float32)
    luminance, light = rows[0], rows[1]
    for row in range(pixels.shape[0]):
        _luminance(pixels[row], luminance_tables, luminance)
        for i in range(len(light)):
            light[i] = _f(luminance[i])
            result[0, row, i] += maps[0, row, i]
            result[1, row, i] += maps[1, row, i]
        _follow(maps[:, row], light, result[0, row], result[1, row])


@_compiled
def measure_ways(lightness, step, edge, ways):
    """Shortens the ways to each pixel over its eight neighbours, until two rounds of sweeps are done.

    A step costs its length and the square of the difference of L*, so that an edge costs more than the same difference
    spread over a slope. Sweeps from both corners are those of raster-scan geodesic distances (Toivanen 1996; Criminisi
    et al. 2008).

    Args:
      lightness: L*, float32 [h, w].
      step: what the length of a pixel costs.
      edge: the difference of L* that costs 1.
      ways: float32 [h, w], 0 where ways begin and large elsewhere; it is written.
    """
    height, width = ways.shape
    for sweep in range(4):
        turn = 1 if sweep % 2 == 0 else -1
        for i in range(height):
            row = i if turn == 1 else height - 1 - i
            before = row - turn
            for j in range(width):
                column = j if turn == 1 else width - 1 - j
                shortest = ways[row, column]
                for k in range(4):
                    other = row if k == 0 else before
                    beside = column - turn if k == 0 else column + k - 2
                    if 0 <= other < height and 0 <= beside < width:
                        change = (lightness[row, column] - lightness[other, beside]) / edge
                        length = step if k == 0 or k == 2 else step * np.float32(1.4142135)
                        shortest = min(shortest, ways[other, beside] + length + change * change)
                ways[row, column] = shortest


@_compiled
def enlarge(maps, lines, line_weights, columns, column_weights, result):
    """Maps [C, h, w] bilinearly at places between their pixels.

    Args:
      lines, columns: uint32 [R], [W], the pixels before the places; the weights, float32, are those of the next ones.
      result: float32 [C, R, W], which is written.
    """
    width = maps.shape[2]
    line = np.empty(width + 1, np.float32)
    for channel in range(len(maps)):
        for row in range(len(lines)):
            above, below = lines[row], min(lines[row] + 1, maps.shape[1] - 1)
            for i in range(width):
                upper = maps[channel, above, i]
                line[i] = upper + (maps[channel, below, i] - upper) * line_weights[row]
            line[width] = line[width - 1]
            for i in range(len(columns)):
                left = line[columns[i]]
                result[channel, row, i] = left + (line[columns[i] + 1] - left) * column_weights[i]


@_compiled
def _luminance(levels, tables, luminance):
    """Y of levels [W, channels], summed in the order of `lab.luminance`."""
    for i in range(len(luminance)):
        luminance[i] = tables[0, levels[i, 0]]
    for channel in range(1, levels.shape[1]):
        for i in range(len(luminance)):
            luminance[i] += tables[channel, levels[i, channel]]


@_compiled
def _follow(maps, light, x, z):
    """Adds what lightness has more than its own enlarged map, maps[4], times the slopes, maps[2:4].

    The regression is the guided filter's (He et al. 2010; at the map's resolution, He and Sun 2015), but it gives the
    detail alone: the filter itself smooths the colours so much that real photographs are nearer to the truth without.
    """
    for i in range(len(light)):
        detail = light[i] - maps[4, i]
        x[i] += maps[2, i] * detail
        z[i] += maps[3, i] * detail


@_compiled
def _reduce(outside, luminance, light, x, z, linear, beyond, weights, lowest, highest):
    """Of the pixels that are outside sRGB keeps the greatest share of chroma that it has; returns how many they are.

    Their values are gathered in `beyond`, so that they are halved side by side.
    """
    count = 0
    for i in range(len(outside)):
        if outside[i]:
            beyond[0, count], beyond[1, count], beyond[2, count], beyond[3, count] = luminance[i], light[i], x[i], z[i]
            count += 1
    if count:
        _share_inside(beyond, count, weights, lowest, highest)
        count = 0
        for i in range(len(outside)):
            if outside[i]:
                for channel in range(3):
                    linear[channel, i] = beyond[4 + channel, count]
                count += 1
    return count


@_compiled
def _share_inside(beyond, count, weights, lowest, highest):
    """Linear RGB into beyond[4:7, :count], by halving, of luminance, light, x and z in beyond[:4, :count]."""
    luminance, light, x, z, linear = beyond[0], beyond[1], beyond[2], beyond[3], beyond[4:7]
    shares = np.empty((4, count), np.float32)
    keep, lost, some_x, some_z = shares[0], shares[1], shares[2], shares[3]
    keep[:], lost[:] = _ZERO, _ONE
    for _ in range(_HALVINGS):
        for i in range(count):
            middle = (keep[i] + lost[i]) * _HALF
            some_x[i], some_z[i] = x[i] * middle, z[i] * middle
        _to_rgb(luminance, light, some_x, some_z, count, weights, linear)
        for i in range(count):
            middle = (keep[i] + lost[i]) * _HALF
            too_much = _is_outside(linear, i, lowest, highest)
            keep[i] = keep[i] if too_much else middle
            lost[i] = middle if too_much else lost[i]
    for i in range(count):
        some_x[i], some_z[i] = x[i] * keep[i], z[i] * keep[i]
    _to_rgb(luminance, light, some_x, some_z, count, weights, linear)


@_compiled
def _to_rgb(luminance, light, x, z, count, weights, linear):
    """Linear RGB [3, count] of Y, f(Y), and what f(X) and f(Z) have more than f(Y)."""
    red, green, blue = linear[0], linear[1], linear[2]
    red_x, red_y, red_z = weights[0, 0], weights[0, 1], weights[0, 2]
    green_x, green_y, green_z = weights[1, 0], weights[1, 1], weights[1, 2]
    blue_x, blue_y, blue_z = weights[2, 0], weights[2, 1], weights[2, 2]
    for i in range(count):
        of_x, of_y, of_z = _cube(light[i] + x[i]), luminance[i], _cube(light[i] + z[i])
        red[i] = of_x * red_x + of_y * red_y + of_z * red_z
        green[i] = of_x * green_x + of_y * green_y + of_z * green_z
        blue[i] = of_x * blue_x + of_y * blue_y + of_z * blue_z


@_inlined
def _f(luminance):
    """CIELAB's f: L* = 116 f(Y) - 16. Its cube root by Halley's steps; each trebles the digits of a first guess."""
    root = (np.float32(0.18) + np.float32(2.6) * luminance) / (_ONE + np.float32(1.78) * luminance)
    for _ in range(3):
        cube = root * root * root
        root *= (cube + luminance + luminance) / (cube + cube + luminance)
    return root if luminance > _EPSILON else _LINE * luminance + _OFFSET


@_inlined
def _cube(light):
    """The inverse of `_f`."""
    return light * light * light if light > _DARK else (light - _OFFSET) * _SLOPE


@_inlined
def _is_outside(linear, i, lowest, highest):
    low = (linear[0, i] < lowest) | (linear[1, i] < lowest) | (linear[2, i] < lowest)
    return low | (linear[0, i] > highest) | (linear[1, i] > highest) | (linear[2, i] > highest)


@_inlined
def _level(table, linear):
    inside = linear if linear > _ZERO else _ZERO  # of NaN too: no check stands between a place and the memory there
    inside = inside if inside < _ONE else _ONE
    return table[np.int32(inside * np.float32(len(table) - 1))]
