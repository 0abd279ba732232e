"""The compiled loops: the formulas they stand for, in float64."""

import numpy as np
import pytest

from tests.support import helpers
from tintmill.model.painting import finish, loops
from tintmill.pipeline.imaging import lab


def f(linear: np.ndarray) -> np.ndarray:
    """CIELAB's f, CIE 15:2004."""
    return np.where(linear > 0.008856, np.cbrt(linear), 7.787 * linear + 16 / 116)


def test_lightness_is_that_of_a_cube_root_to_the_last_digits_of_float32():
    values = np.concatenate([np.linspace(0, 1, 5000), np.geomspace(1e-9, 1, 5000)]).astype(np.float32)
    found = np.array([loops._f(value) for value in values])
    assert np.abs(found - f(values.astype(np.float64))).max() < 3e-7


def test_the_constants_that_are_compiled_in_are_those_of_lab():
    """Compiled code that is kept is found again by the time of painting.py, not by that of lab.py."""
    found = loops._EPSILON, loops._LINE, loops._OFFSET, loops._SLOPE
    assert found == tuple(map(np.float32, (lab.EPSILON, lab.SLOPE, lab.OFFSET, 1 / lab.SLOPE)))
    assert abs(loops._DARK - 6 / 29) < 1e-6  # where the line ends, CIE 15:2004


COLOUR_ONE = """
import sys
import numpy as np
from tintmill.model.painting import finish, loops as painting
finish.paint(np.zeros((8, 8, 3), np.uint8), np.ones((2, 2, 2), np.float32))
stats = painting.paint.stats
print(sum(stats.cache_hits.values()), sum(stats.cache_misses.values()))
"""


@pytest.mark.slow
def test_a_second_process_compiles_nothing_and_one_without_a_place_to_keep_it_still_paints(tmp_path):
    kept = {"NUMBA_CACHE_DIR": str(tmp_path)}
    assert helpers.run_python(COLOUR_ONE, env=kept).split() == ["0", "1"]
    assert helpers.run_python(COLOUR_ONE, env=kept).split() == ["1", "0"]
    nowhere = {"NUMBA_CACHE_LOCATOR_CLASSES": "ZipCacheLocator"}  # for what is imported from a zip alone
    assert helpers.run_python(COLOUR_ONE, env=nowhere).split()[0] == "0"


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_every_level_comes_back_from_its_linear_value(kind):
    most = np.iinfo(kind).max
    table = lab.level_table(np.dtype(kind))
    levels = np.arange(most + 1)
    srgb = levels / most
    linear = np.where(srgb > 0.04045, ((srgb + 0.055) / 1.055) ** 2.4, srgb / 12.92)
    found = [loops._level(table, value) for value in linear.astype(np.float32)]
    np.testing.assert_array_equal(found, levels)
    assert [loops._level(table, np.float32(value)) for value in (-0.1, 1.1)] == [0, most]


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_a_block_equals_the_formulas_in_float64(kind):
    """Within rounding; of 16 bits within the 0.00007 by which the matrix of `lab` misses neutral."""
    random = np.random.default_rng(0)
    most = np.iinfo(kind).max
    pixels = random.integers(0, most + 1, (3, 4000, 3)).astype(kind)
    shifts = random.uniform(-0.15, 0.15, (2, 3, 4000)).astype(np.float32)
    painted = np.empty_like(pixels)
    tables = lab.luminance_tables(pixels.dtype, 3), lab.rgb_weights(), lab.level_table(pixels.dtype)
    loops.paint(pixels, shifts, painted, *tables, *finish._DISPLAYABLE[kind])
    values = lab.rgb_to_lab(pixels / most)
    values[..., 1], values[..., 2] = 500 * shifts[0], -200 * shifts[1]
    wanted = lab.lab_to_rgb(values) * most
    inside = np.all((wanted > 0.01) & (wanted < most - 0.01), axis=-1)
    assert 0.2 < inside.mean() < 0.9
    assert np.abs(painted - wanted)[inside].max() < (0.6 if kind == np.uint8 else 4.6)


def test_a_picture_is_painted_over_itself_row_by_row():
    pixels = np.random.default_rng(1).integers(0, 256, (5, 70, 3)).astype(np.uint8)
    shifts = np.full((2, 5, 70), 0.03, np.float32)
    tables = lab.luminance_tables(pixels.dtype, 3), lab.rgb_weights(), lab.level_table(pixels.dtype)
    apart = np.empty_like(pixels)
    loops.paint(pixels, shifts, apart, *tables, *finish._DISPLAYABLE[np.uint8])
    loops.paint(pixels, shifts, pixels, *tables, *finish._DISPLAYABLE[np.uint8])
    np.testing.assert_array_equal(pixels, apart)
