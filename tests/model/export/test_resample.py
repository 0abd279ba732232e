"""Pillow's resizing as matrix products: equal to Pillow's own where that does not round."""

import numpy as np
import pytest
from PIL import Image

from tintmill.model.export import resample

KERNELS = {resample.cubic: Image.Resampling.BICUBIC, resample.triangle: Image.Resampling.BILINEAR}
# (width, height) -> (width, height): smaller, larger, both, one pixel, a strip, the same.
SIZES = [
    ((53, 37), (20, 11)),
    ((20, 11), (53, 37)),
    ((300, 9), (32, 64)),
    ((1, 1), (3, 4)),
    ((2, 900), (8, 128)),
    ((31, 31), (31, 31)),
]


def resized(pixels: np.ndarray, size: tuple[int, int], kernel, spans: tuple[int, int]) -> np.ndarray:
    """Both passes; `spans`: how much of width and height, in their middle, is resized."""
    height, width = pixels.shape
    columns = resample.weights(kernel, width, size[0], spans[0], width - spans[0])
    rows = resample.weights(kernel, height, size[1], spans[1], height - spans[1])
    return np.asarray(resample.along_height(resample.along_width(pixels[None, ..., None], columns), rows))[0, ..., 0]


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize(("found", "wanted"), SIZES)
def test_resizing_is_pillows(found, wanted, kernel):
    pixels = np.random.default_rng(0).uniform(0, 255, found[::-1]).astype(np.float32)
    expected = np.asarray(Image.fromarray(pixels).resize(wanted, KERNELS[kernel]))
    np.testing.assert_allclose(resized(pixels, wanted, kernel, found), expected, atol=5e-4)


@pytest.mark.parametrize("found", [(53, 37), (40, 91), (300, 9)])
def test_the_middle_of_a_picture_is_resized_as_pillows_box(found):
    """Also where the box begins between two pixels."""
    pixels = np.random.default_rng(0).uniform(0, 255, found[::-1]).astype(np.float32)
    side = min(found)
    left, top = ((length - side) / 2 for length in found)
    box = (left, top, left + side, top + side)
    expected = np.asarray(Image.fromarray(pixels).resize((32, 32), Image.Resampling.BICUBIC, box=box))
    np.testing.assert_allclose(resized(pixels, (32, 32), resample.cubic, (side, side)), expected, atol=5e-4)


def test_whole_parts_are_rounded_as_python_rounds():
    """Halves to the even neighbour; powers of two as denominators, so that Python's own quotient is exact."""
    for denominator in (1, 2, 4, 64):
        for numerator in range(1, 400):
            assert resample.whole_part(numerator, denominator) == round(numerator / denominator)
    for numerator, denominator in ((2, 3), (10, 7), (999, 1000), (1001, 1000)):
        assert resample.whole_part(numerator, denominator) == round(numerator / denominator)
