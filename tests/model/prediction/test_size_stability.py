"""The measure of how far a picture's colours depend on its size."""

import numpy as np
import pytest
from PIL import Image

from tests.support.helpers import photo_pixels
from tintmill.model.prediction import size_stability
from tintmill.model.prediction.colorizer import Colorizer

PICTURE = Image.fromarray(photo_pixels(0, 256, 320))
SIZES = (64, 128, 256)


def colours_of_size(inputs, training):
    """A network whose colours depend on how large a map it sees."""
    height, width = inputs["l"].shape[1:3]
    return {"ab": np.full((1, height, width, 2), height / 1024, np.float32)}


def test_a_fixed_working_size_gives_one_colour_at_every_size():
    compared = size_stability.compare_sizes(Colorizer(colours_of_size, None, 64, "crop"), PICTURE, SIZES)
    assert compared == {"sizes": [64, 128, 256], "ciede2000": [0.0, 0.0]}


def test_a_network_run_at_each_size_gives_other_colours():
    """a* and b* are 8, 16 and 32: the further apart, the greater the difference."""
    colorize = size_stability.AtGivenSize(Colorizer(colours_of_size, None, 64, "crop"))
    first, second = size_stability.compare_sizes(colorize, PICTURE, SIZES)["ciede2000"]
    assert 3 < first < second


@pytest.mark.parametrize(("sizes", "compared"), [((64, 256, 257), [64, 256]), ((300,), [])])
def test_a_picture_is_not_enlarged(sizes, compared):
    found = size_stability.compare_sizes(Colorizer(colours_of_size, None, 64, "crop"), PICTURE, sizes)
    assert found["sizes"] == compared
    assert len(found["ciede2000"]) == max(0, len(compared) - 1)


def test_means_are_over_the_pictures_that_are_large_enough():
    colorize = size_stability.AtGivenSize(Colorizer(colours_of_size, None, 64, "crop"))
    large, larger = (Image.fromarray(photo_pixels(i, side, side)) for i, side in enumerate((512, 1024)))
    found = size_stability.mean_differences(colorize, [PICTURE, large, larger])
    assert {size: pictures for size, (_, pictures) in found.items()} == {512: 2, 1024: 1}
    each = [size_stability.compare_sizes(colorize, image)["ciede2000"] for image in (large, larger)]
    assert found[512][0] == pytest.approx((each[0][0] + each[1][0]) / 2)
    assert found[1024][0] == each[1][1]
