"""Filters: what teaches nothing is left out, what only looks like it stays."""

import numpy as np
import pytest
from PIL import Image

from tintmill.pipeline.imaging import filters, lab, photo

SIDE = 96


def photograph(seed=0):
    """A smooth colourful picture with texture, uint8 [SIDE, SIDE, 3]."""
    random = np.random.default_rng(seed)
    coarse = Image.fromarray(random.integers(0, 256, (8, 8, 3), np.uint8)).resize((SIDE, SIDE), Image.BICUBIC)
    return np.clip(np.asarray(coarse, np.int16) + random.integers(-9, 10, (SIDE, SIDE, 3)), 0, 255).astype(np.uint8)


def with_bars(colour, depth, axis=0):
    rgb = photograph().copy()
    view = rgb if axis == 0 else rgb.swapaxes(0, 1)
    view[:depth] = view[-depth:] = colour
    return rgb


def reason(rgb, **switches):
    on = {"drop_grey": True, "drop_uniform": True, "drop_bars": True} | switches
    return filters.find_reason(rgb, lab.rgb_to_lab(rgb), **on)


def test_a_photograph_passes():
    assert reason(photograph()) is None


def test_grey_pictures_never_become_targets():
    grey = lab.to_grey(photograph())
    assert reason(np.repeat(grey[..., None], 3, axis=-1)) == "grey"


def test_a_tinge_of_five_is_grey_and_a_spot_of_colour_is_not():
    tinted = np.full((SIDE, SIDE, 3), 128, np.uint8)
    tinted[: SIDE // 2] = 60
    tinted[..., 0] += 6
    values = lab.rgb_to_lab(tinted)[..., 1:]
    assert np.abs(values).max() < filters.GREY_AB
    assert reason(tinted) == "grey"
    tinted[:4, :4] = (200, 30, 30)
    assert reason(tinted) is None


def test_one_flat_colour_is_uniform():
    flat = np.full((SIDE, SIDE, 3), (200, 40, 40), np.uint8)
    assert reason(flat) == "uniform"


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("colour", [(255, 255, 255), (0, 0, 0), (10, 60, 120)])
def test_bars_never_become_targets(axis, colour):
    """White letter-box bars baked into targets pull every prediction to neutral."""
    assert reason(with_bars(colour, 12, axis)) == "letterbox"


def test_bars_survive_jpeg_noise_and_resizing():
    rgb = np.kron(with_bars((255, 255, 255), 14), np.ones((4, 4, 1), np.uint8))
    rgb = np.clip(rgb.astype(int) + np.random.default_rng(1).integers(-3, 1, rgb.shape), 0, 255).astype(np.uint8)
    assert reason(photo.fit(Image.fromarray(rgb), SIDE, "squash")) == "letterbox"


def test_a_bar_on_one_side_is_a_sky():
    rgb = photograph().copy()
    rgb[:30] = (90, 140, 220)
    assert reason(rgb) is None


def test_a_thing_on_a_flat_background_is_no_letterbox():
    rgb = np.full((SIDE, SIDE, 3), 255, np.uint8)
    y, x = np.mgrid[:SIDE, :SIDE]
    inside = (y - SIDE / 2) ** 2 + (x - SIDE / 2) ** 2 < (SIDE / 3) ** 2
    rgb[inside] = photograph()[inside]
    assert reason(rgb) is None


@pytest.mark.parametrize(
    ("switch", "rgb"),
    [
        ("drop_uniform", np.full((SIDE, SIDE, 3), (200, 40, 40), np.uint8)),
        ("drop_bars", with_bars((0, 0, 0), 12)),
        ("drop_grey", np.repeat(lab.to_grey(photograph())[..., None], 3, axis=-1)),
    ],
)
def test_each_filter_can_be_switched_off(switch, rgb):
    assert reason(rgb) is not None
    assert reason(rgb, **{switch: False}) is None


@pytest.mark.real_data
def test_real_frames_are_found_and_real_photographs_kept(real_data):
    def of(path):
        image = photo.decode(path.read_bytes(), photo.Limits())
        return reason(photo.fit(image, 224, "crop"))

    flowers = real_data / "tf_flowers" / "train" / "sunflowers"
    assert of(flowers / "4414083164_3f285f8ac5.jpg") == "letterbox"
    natural = [of(path) for path in sorted((real_data / "bsds500" / "val").iterdir())]
    assert natural == [None] * len(natural)
