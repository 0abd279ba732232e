"""sRGB <-> CIELAB: against scikit-image, the packed encodings, grey versions, the gamut."""

import itertools

import numpy as np
import pytest
from skimage import color

from tests.support.helpers import photo_pixels
from tintmill.pipeline.imaging import fidelity, lab

# sRGB colours and their CIELAB (D65, 2 degree observer) as colour calculators give them.
GOLDEN = {
    (255, 255, 255): (100.0, 0.0, 0.0),
    (0, 0, 0): (0.0, 0.0, 0.0),
    (119, 119, 119): (50.03, 0.0, 0.0),
    (255, 0, 0): (53.24, 80.09, 67.20),
    (0, 255, 0): (87.73, -86.18, 83.18),
    (0, 0, 255): (32.30, 79.19, -107.86),
}


def colours(steps: int = 18) -> np.ndarray:
    """A grid over the sRGB cube with its corners, uint8 [steps^3, 1, 3]."""
    levels = np.linspace(0, 255, steps).round().astype(np.uint8)
    return np.array(list(itertools.product(levels, repeat=3)), np.uint8)[:, None]


@pytest.mark.parametrize("rgb", GOLDEN)
def test_known_colours_have_their_known_lab(rgb):
    assert lab.rgb_to_lab(np.array([rgb], np.uint8))[0] == pytest.approx(GOLDEN[rgb], abs=0.02)


def test_lab_of_uint8_equals_skimage():
    assert np.abs(lab.rgb_to_lab(colours()) - color.rgb2lab(colours())).max() < 1e-3


def test_lab_of_float_equals_skimage():
    rgb = np.random.default_rng(0).random((64, 64, 3))
    assert np.abs(lab.rgb_to_lab(rgb) - color.rgb2lab(rgb)).max() < 1e-3


def test_lab_of_uint8_and_of_float32_is_float32():
    assert lab.rgb_to_lab(colours()).dtype == np.float32
    assert lab.rgb_to_lab(colours().astype(np.float32) / 255).dtype == np.float32


def test_rgb_of_lab_equals_skimage():
    values = color.rgb2lab(colours())
    assert np.abs(lab.lab_to_rgb(values) - color.lab2rgb(values)).max() < 1e-3


def test_rgb_of_lab_outside_srgb_equals_skimage():
    values = np.random.default_rng(1).uniform((0, -100, -100), (100, 100, 100), (64, 64, 3))
    real = (values[..., 0] + 16) / 116 > values[..., 2] / 200  # skimage clips negative Z, colours that do not exist
    values = values[real]
    assert np.abs(lab.lab_to_rgb(values) - color.lab2rgb(values)).max() < 1e-3


def test_keras_ops_give_the_lab_of_numpy():
    from keras import ops

    rgb = colours().astype(np.float32) / 255
    values = np.asarray(lab.rgb_to_lab(ops.convert_to_tensor(rgb), ops))
    assert np.abs(values - color.rgb2lab(rgb)).max() < 1e-3
    back = np.asarray(lab.lab_to_rgb(ops.convert_to_tensor(values), ops))
    assert np.abs(back - rgb).max() < 1e-3


@pytest.mark.parametrize("encoding", lab.ENCODINGS)
def test_keras_ops_unpack_as_numpy_does(encoding):
    from keras import ops

    packed = lab.pack(lab.rgb_to_lab(colours()), encoding)
    assert np.array_equal(
        np.asarray(lab.unpack(ops.convert_to_tensor(packed), encoding, ops)), lab.unpack(packed, encoding)
    )


@pytest.mark.parametrize("encoding", ["lab8", "lab8_png"])
def test_lab8_is_rounded_and_offset_by_128(encoding):
    values = np.array([[0, 0, 0], [100, -128, 127], [50, 0.4, -0.4], [50.2, 0.6, -0.6], [99.9, -107.86, 98.25]])
    wanted = [[0, 128, 128], [255, 0, 255], [128, 128, 128], [128, 129, 127], [255, 20, 226]]
    packed = lab.pack(values.astype(np.float32), encoding)
    assert packed.dtype == np.uint8
    assert packed.tolist() == wanted


def test_lab8_clips_instead_of_wrapping_around():
    packed = lab.pack(np.array([[101, 140, -140], [-1, 0, 0]], np.float32), "lab8")
    assert packed.tolist() == [[255, 255, 0], [0, 128, 128]]


def test_lab16_is_128_steps_a_unit():
    packed = lab.pack(np.array([[100, -107.86, 94.48], [0.004, -0.003, 0]], np.float32), "lab16")
    assert packed.dtype == np.int16
    assert packed.tolist() == [[12800, -13806, 12093], [1, 0, 0]]


@pytest.mark.parametrize("encoding", lab.ENCODINGS)
def test_unpack_is_the_inverse_of_pack_within_rounding(encoding):
    values = lab.rgb_to_lab(colours())
    error = np.abs(lab.unpack(lab.pack(values, encoding), encoding) - values).max(axis=(0, 1))
    wanted = [1 / 256] * 3 if encoding == "lab16" else [0.5 / 2.55, 0.5, 0.5]
    assert (error <= np.array(wanted) + 1e-4).all()


def test_lab16_is_exact_for_8_bit_srgb():
    rgb = colours(52)
    assert np.array_equal(lab.lab_to_rgb8(lab.unpack(lab.pack(lab.rgb_to_lab(rgb), "lab16"), "lab16")), rgb)


def test_lab8_costs_little_on_smooth_pictures():
    for seed in range(4):
        rgb = photo_pixels(seed) // 2 + 64  # as saturated as photographs are
        back = lab.lab_to_rgb8(lab.unpack(lab.pack(lab.rgb_to_lab(rgb), "lab8"), "lab8"))
        assert fidelity.ciede2000(rgb, back) <= 0.5
        assert fidelity.psnr(rgb, back) > 50


@pytest.mark.real_data
def test_lab8_costs_little_on_real_photographs(real_data):
    from PIL import Image

    measured = []
    for path in sorted((real_data / "bsds500").rglob("*.jpg"))[:8]:
        rgb = np.asarray(Image.open(path).convert("RGB").resize((224, 224)))
        back = lab.lab_to_rgb8(lab.unpack(lab.pack(lab.rgb_to_lab(rgb), "lab8"), "lab8"))
        measured.append((fidelity.ciede2000(rgb, back), fidelity.psnr(rgb, back)))
    difference, psnr = np.mean(measured, axis=0)
    assert difference <= 0.4
    assert psnr > 50


@pytest.mark.parametrize("use", [lab.pack, lab.unpack])
def test_an_unknown_encoding_is_refused_by_name(use):
    with pytest.raises(ValueError, match="'lab9'"):
        use(np.zeros((1, 3), np.uint8), "lab9")


def test_a_grey_picture_is_its_own_grey_version():
    greys = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=-1)
    assert np.array_equal(lab.to_grey(greys)[0], np.arange(256))


def test_l_in_training_is_l_in_use():
    """L* of a colour picture (the record) is that of its grey version (what a user brings), but for grey's rounding."""
    rgb = colours()
    grey = lab.to_grey(rgb)
    of_grey = lab.rgb_to_lab(np.repeat(grey[..., None], 3, axis=-1))
    step = np.diff(lab.rgb_to_lab(np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1))[:, 0]).max()
    assert np.abs(of_grey[..., 0] - lab.rgb_to_lab(rgb)[..., 0]).max() <= step / 2 + 1e-3


def test_grey_version_is_not_luma():
    """Luma is up to 30 units of L* off for saturated colours; this fails where luma is taken for luminance."""
    from PIL import Image

    blue = np.full((2, 2, 3), (0, 0, 255), np.uint8)
    luma = np.asarray(Image.fromarray(blue).convert("L"))
    assert luma[0, 0] == 29
    assert lab.to_grey(blue)[0, 0] == 76  # L* 32.3, that of pure blue


def test_gamut_fitting_leaves_displayable_colours_alone():
    values = lab.rgb_to_lab(colours())
    assert np.array_equal(lab.fit_gamut(values), values)


def outside_srgb() -> np.ndarray:
    rng = np.random.default_rng(2)
    values = rng.uniform((2, -120, -120), (98, 120, 120), (4000, 3)).astype(np.float32)
    linear = lab._lab_to_linear(values, np)
    return values[((linear < -0.01) | (linear > 1.01)).any(axis=-1)]


def test_gamut_fitting_keeps_lightness_and_hue():
    values = outside_srgb()
    assert len(values) > 1000
    fitted = lab.fit_gamut(values)
    assert np.abs(fitted[:, 0] - values[:, 0]).max() < 1e-6
    cross = fitted[:, 1] * values[:, 2] - fitted[:, 2] * values[:, 1]
    assert np.abs(cross / np.linalg.norm(values[:, 1:], axis=1)).max() < 1e-3
    assert (np.linalg.norm(fitted[:, 1:], axis=1) < np.linalg.norm(values[:, 1:], axis=1)).all()


def test_colours_outside_srgb_are_shown_at_their_lightness():
    """Clipping channels instead would move L* by up to tens of units."""
    values = outside_srgb()
    shown = lab.rgb_to_lab(lab.lab_to_rgb8(values))
    assert np.abs(shown[:, 0] - values[:, 0]).max() < 0.5
    clipped = lab.rgb_to_lab(np.rint(lab.lab_to_rgb(values) * 255).astype(np.uint8))
    assert np.abs(clipped[:, 0] - values[:, 0]).max() > 5
