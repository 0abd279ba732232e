"""The 313 ab bins."""

import numpy as np
import pytest

from tests.support.helpers import photo_pixels
from tintmill.pipeline.imaging import ab_bins, lab


def test_there_are_313_bins_and_grey_is_one_of_them():
    assert ab_bins.centres().shape == (313, 2)
    assert len(np.unique(ab_bins.centres(), axis=0)) == 313
    assert ab_bins.centres()[120].tolist() == [0, 0]


@pytest.mark.real_data
def test_bins_are_the_published_ones(real_data):
    assert np.array_equal(ab_bins.centres(), np.load(real_data / "imagenet_ab_prior" / "points_313.npy"))


def test_histogram_counts_every_pixel_at_its_nearest_bin():
    packed = lab.pack(lab.rgb_to_lab(photo_pixels(3)), "lab8")
    ab = packed[..., 1:].astype(np.float32).reshape(-1, 1, 2) - 128
    nearest = ((ab - ab_bins.centres()) ** 2).sum(axis=-1).argmin(axis=-1)
    assert np.array_equal(ab_bins.count_bins(ab_bins.count_pairs(packed)), np.bincount(nearest, minlength=313))
