"""PSNR, SSIM, CIEDE2000: their protocol."""

import numpy as np
import pytest

from tests.support.helpers import photo_pixels
from tintmill.pipeline.imaging import fidelity


def test_equal_pictures_differ_by_nothing():
    picture = photo_pixels(0)
    assert fidelity.compare(picture, picture) == {"psnr": float("inf"), "ssim": pytest.approx(1.0), "ciede2000": 0.0}


def test_psnr_of_a_known_error():
    truth = np.full((16, 16, 3), 100, np.uint8)
    assert fidelity.psnr(truth, truth + np.uint8(10)) == pytest.approx(10 * np.log10(255**2 / 100))


def test_a_worse_picture_scores_worse():
    truth = photo_pixels(1)
    noise = np.random.default_rng(0).normal(0, 1, truth.shape)
    near, far = (np.clip(truth + strength * noise, 0, 255).astype(np.uint8) for strength in (4, 32))
    good, bad = fidelity.compare(truth, near), fidelity.compare(truth, far)
    assert good["psnr"] > bad["psnr"]
    assert good["ssim"] > bad["ssim"]
    assert good["ciede2000"] < bad["ciede2000"]


def test_ciede2000_sees_a_colour_cast():
    truth = np.full((8, 8, 3), 120, np.uint8)
    cast = truth.copy()
    cast[..., 0] += 20
    assert fidelity.ciede2000(truth, cast) > 5
