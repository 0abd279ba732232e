"""Colours onto a picture: its own L*, no channel clipped, the same in blocks as at once."""

import numpy as np
import pytest
from PIL import Image

from tests.support.helpers import photo_pixels
from tintmill.model.painting import finish
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.imaging import lab


def lightness(pixels: np.ndarray) -> np.ndarray:
    """L* of uint8 or uint16 pixels [H, W, 3], float64, by the formulas of `lab` alone."""
    return lab.rgb_to_lab(pixels / np.float64(np.iinfo(pixels.dtype).max))[..., 0]


def three(grey: np.ndarray) -> np.ndarray:
    return np.repeat(grey[..., None], 3, axis=-1)


def random_ab(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Colours over the whole of -128..128, most of them outside sRGB."""
    return np.random.default_rng(seed).uniform(-128, 128, (height, width, 2)).astype(np.float32)


def flat(a: float, b: float) -> np.ndarray:
    return np.full((1, 1, 2), (a, b), np.float32)


def deep(pixels: np.ndarray) -> np.ndarray:
    """8 bits as 16, with something in the lower ones."""
    noise = np.random.default_rng(0).integers(0, 200, pixels.shape)
    return np.minimum(pixels.astype(int) * 257 + noise, 65535).astype(np.uint16)


RAMP = np.tile(np.arange(256, dtype=np.uint8), (64, 1))


@pytest.mark.parametrize("upsample", finish.UPSAMPLE)
@pytest.mark.parametrize("pixels", [RAMP, three(RAMP), photo_pixels(0, 120, 160), photo_pixels(1, 33, 47)])
def test_lightness_is_kept_to_half_a_unit_whatever_the_colours(pixels, upsample):
    painted = finish.paint(pixels, random_ab(40, 60), 1.0, upsample)
    assert painted.dtype == np.uint8
    assert np.abs(lab.rgb_to_lab(painted)[..., 1:]).max() > 20
    own = lightness(pixels if pixels.ndim == 3 else three(pixels))
    assert np.abs(lightness(painted) - own).max() < 0.5


def test_lightness_of_16_bits_is_kept_a_hundred_times_closer():
    for pixels in (deep(RAMP), deep(photo_pixels(0, 120, 160))):
        painted = finish.paint(pixels, random_ab(40, 60))
        assert painted.dtype == np.uint16
        own = lightness(pixels if pixels.ndim == 3 else three(pixels))
        assert np.abs(lightness(painted) - own).max() < 0.005


def test_colours_inside_srgb_come_out_as_they_are():
    painted = finish.paint(np.full((4, 4), 119, np.uint8), flat(32, -16))
    np.testing.assert_allclose(lab.rgb_to_lab(painted)[0, 0], [50, 32, -16], atol=0.7)
    painted = finish.paint(np.full((4, 4), 119 * 257, np.uint16), flat(32, -16))
    np.testing.assert_allclose(lab.rgb_to_lab(painted / 65535.0)[0, 0], [50.034, 32, -16], atol=0.01)


def test_it_is_lab_and_back():
    """Within a level of the formulas of `lab`, which compute L*, a*, b* in full."""
    pixels, ab = photo_pixels(2, 60, 80), random_ab(60, 80) / 2
    wanted = lab.lab_to_rgb8(np.concatenate([lab.rgb_to_lab(pixels)[..., :1], ab], axis=-1))
    assert np.abs(finish.paint(pixels, ab).astype(int) - wanted).max() <= 1


def test_chroma_is_reduced_at_constant_hue_instead_of_clipping():
    """A saturated blue on every lightness: the hue asked for, as much of it as there is, and no more than asked."""
    pixels = np.tile(np.arange(40, 216, dtype=np.uint16) * 257, (2, 1))
    painted = lab.rgb_to_lab(finish.paint(pixels, flat(30, -90)) / 65535.0)
    chroma = np.hypot(painted[..., 1], painted[..., 2])
    hue = np.degrees(np.arctan2(painted[..., 2], painted[..., 1]))
    assert np.abs(hue - np.degrees(np.arctan2(-90, 30))).max() < 0.2
    assert chroma.max() < np.hypot(30, 90)
    values = np.array(finish.paint(pixels, flat(30, -90))) / 65535.0
    touching = np.minimum(values.min(axis=-1), 1 - values.max(axis=-1))
    assert touching.max() < 0.02  # it lies on sRGB's surface


def test_the_reduced_share_is_counted():
    pixels = np.full((10, 10), 128, np.uint8)
    ab = np.zeros((10, 10, 2), np.float32)
    ab[:3] = 120
    assert finish.paint_counted(pixels, ab).reduced == pytest.approx(0.3)


@pytest.mark.parametrize("upsample", finish.UPSAMPLE)
@pytest.mark.parametrize("shape", [(100, 90), (7, 300), (300, 7), (1, 500), (12, 9)])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_blocks_give_the_pixels_of_the_whole(monkeypatch, shape, upsample, kind):
    """The map is larger than the picture in some of the shapes."""
    pixels = photo_pixels(3, *shape)
    pixels = pixels if kind == np.uint8 else deep(pixels)
    monkeypatch.setattr(finish, "_BLOCK", 1 << 30)
    whole = finish.paint(pixels, random_ab(20, 30), 0.7, upsample)
    for size in (1, 777, 3000):
        monkeypatch.setattr(finish, "_BLOCK", size)
        np.testing.assert_array_equal(finish.paint(pixels, random_ab(20, 30), 0.7, upsample), whole)


@pytest.mark.parametrize("shape", [(1, 1), (1, 20_000), (20_000, 1), (2, 2)])
@pytest.mark.parametrize("upsample", finish.UPSAMPLE)
def test_every_shape_is_painted(shape, upsample):
    assert finish.paint(np.full(shape, 100, np.uint8), random_ab(16, 64), 1.0, upsample).shape == (*shape, 3)


def test_no_chroma_is_the_grey_picture():
    assert np.array_equal(finish.paint(RAMP, random_ab(8, 8), 0.0), three(RAMP))
    levels = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    assert np.abs(finish.paint(levels, random_ab(8, 8), 0.0).astype(int) - three(levels)).max() == 0


def test_chroma_multiplies_the_colours():
    half, whole = (finish.paint(np.full((2, 2), 30000, np.uint16), flat(20, 10), chroma) for chroma in (0.5, 1.0))
    half, whole = (lab.rgb_to_lab(pixels / 65535.0)[0, 0, 1:] for pixels in (half, whole))
    np.testing.assert_allclose(2 * half, whole, atol=0.02)


def enlarged(maps: np.ndarray, width: int, height: int) -> np.ndarray:
    return finish.Enlarged(maps, width, height).rows(slice(0, height))


@pytest.mark.parametrize("size", [(40, 40), (41, 97), (9, 5), (4, 60), (60, 3), (3, 2), (1, 1)])
def test_maps_are_enlarged_as_pillow_does(size):
    maps = random_ab(5, 9).transpose(2, 0, 1)
    wanted = [Image.fromarray(plane).resize(size, Image.Resampling.BILINEAR) for plane in np.ascontiguousarray(maps)]
    np.testing.assert_allclose(enlarged(maps, *size), np.stack(wanted), atol=1e-4)


def test_colours_are_scaled_up_bilinearly():
    """Left half red, right half green at the network's size: at ten times it, the change between them is gradual."""
    maps = np.zeros((1, 4, 4), np.float32)
    maps[:, :, :2], maps[:, :, 2:] = 50, -50
    row = enlarged(maps, 40, 40)[0, 20]
    assert row[0] == 50
    assert row[-1] == -50
    between = row[(row < 49) & (row > -49)]
    assert len(between) >= 8
    np.testing.assert_allclose(np.diff(between), -10, atol=0.01)


def test_scaling_up_keeps_where_colours_are():
    """The axes are not swapped, and a colour's centre stays at its place."""
    maps = np.zeros((2, 5, 9), np.float32)
    maps[:, 1, 6] = 1, 2
    large = enlarged(maps, 90, 50)
    weight = large[0]
    rows, columns = (weight.sum(axis=axis) @ np.arange(weight.shape[1 - axis]) / weight.sum() for axis in (1, 0))
    assert (rows + 0.5, columns + 0.5) == (pytest.approx(15, abs=0.1), pytest.approx(65, abs=0.1))
    np.testing.assert_allclose(large[1], 2 * weight, atol=1e-6)


def halves() -> tuple[np.ndarray, np.ndarray]:
    """A dark red half beside a light green one, the edge within a pixel of the map: the picture, its colours."""
    pixels = np.full((80, 80), 60, np.uint8)
    pixels[:, 37:] = 180
    ab = np.empty((80, 80, 2), np.float32)
    ab[:, :37], ab[:, 37:] = (40, 20), (-30, 20)
    return pixels, ab


def bleeding(upsample: str) -> float:
    """How far a* is from the truth around the edge, in the mean."""
    pixels, truth = halves()
    small = finish.resize(np.ascontiguousarray(truth.transpose(2, 0, 1)), 10, 10).transpose(1, 2, 0)
    painted = lab.rgb_to_lab(finish.paint(pixels, small, 1.0, upsample))
    return float(np.abs(painted[:, 25:50, 1] - truth[:, 25:50, 0]).mean())


def test_guided_colours_bleed_less_over_an_edge():
    assert bleeding("guided") < 0.6 * bleeding("bilinear")


def test_where_lightness_is_flat_guided_is_bilinear():
    pixels, ab = np.full((60, 60), 128, np.uint8), random_ab(8, 8) / 4
    guided, bilinear = (finish.paint(pixels, ab, 1.0, upsample).astype(int) for upsample in ("guided", "bilinear"))
    assert np.abs(guided - bilinear).max() <= 1


def test_grey_in_blocks_is_grey():
    pixels = photo_pixels(4, 300, 400)
    assert np.array_equal(finish.grey(pixels), lab.to_grey(pixels))
    assert np.array_equal(finish.grey(RAMP), RAMP)


def test_grey_of_16_bits_is_that_of_8():
    pixels = photo_pixels(4, 60, 80)
    of_16 = finish.grey(pixels.astype(np.uint16) * 257)
    assert np.abs(of_16.astype(int) - lab.to_grey(pixels)).max() <= 1
    assert np.array_equal(finish.grey(RAMP.astype(np.uint16) * 257), RAMP)


@pytest.mark.parametrize("upsample", finish.UPSAMPLE)
def test_painting_over_the_picture_gives_the_same(upsample):
    pixels = photo_pixels(5, 200, 300)
    wanted = finish.paint(pixels, random_ab(20, 30), 1.0, upsample)
    over = pixels.copy()
    painted = finish.paint_counted(over, random_ab(20, 30), 1.0, upsample, overwrite=True)
    assert painted.pixels is over
    np.testing.assert_array_equal(over, wanted)
    beside = np.full((200, 300), 7, np.uint8)
    whole = np.dstack([pixels, beside])
    finish.paint_counted(whole[..., :3], random_ab(20, 30), 1.0, upsample, overwrite=True)
    np.testing.assert_array_equal(whole, np.dstack([wanted, beside]))
    fixed = pixels.copy()
    fixed.flags.writeable = False
    painted = finish.paint_counted(fixed, random_ab(20, 30), 1.0, upsample, overwrite=True)
    np.testing.assert_array_equal(painted.pixels, wanted)
    np.testing.assert_array_equal(fixed, pixels)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_colours_that_are_no_numbers_are_refused(value):
    ab = random_ab(4, 4)
    ab[1, 2, 0] = value
    with pytest.raises(TintmillError, match="NaN or infinite"):
        finish.paint(RAMP, ab)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("upsample", finish.UPSAMPLE)
def test_colours_beyond_all_bounds_are_painted_as_far_as_there_are_any(kind, upsample):
    pixels = RAMP if kind == np.uint8 else deep(RAMP)
    for most in (1e6, 3e38):  # the cube of the second is no float32
        ab = np.sign(random_ab(8, 8)) * np.float32(most)
        with np.errstate(over="ignore", invalid="ignore"):
            assert finish.paint(pixels, ab, 1.0, upsample).dtype == kind
