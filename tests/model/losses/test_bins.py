"""Soft encoding and rebalancing over the 313 bins, against what Zhang et al. published."""

import numpy as np
import pytest
from keras import ops

from tintmill.model.blocks.heads import AnnealedMean
from tintmill.model.losses import bins
from tintmill.pipeline.imaging import ab_bins

GREY = 256 * 128 + 128  # the row of a* = b* = 0


def test_grey_is_encoded_in_its_bin_and_the_four_around_it():
    indices, weights = (table[GREY] for table in bins.soft_table())
    assert indices[0] == 120
    assert sorted(ab_bins.centres()[indices[1:]].tolist()) == [[-10, 0], [0, -10], [0, 10], [10, 0]]
    np.testing.assert_allclose(weights, [0.6488, *[0.0878] * 4], atol=5e-5)


def test_every_pair_is_encoded_nearest_first_and_sums_to_one():
    indices, weights = bins.soft_table()
    assert indices.shape == weights.shape == (65536, 5)
    assert (indices.dtype, weights.dtype) == (np.int32, np.float32)
    assert np.array_equal(indices[:, 0].reshape(256, 256), ab_bins.nearest_table())
    assert (np.diff(weights, axis=1) <= 0).all()
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-6)
    assert all(len(set(row)) == 5 for row in indices[::997])


def test_the_dense_table_is_the_soft_one():
    dense, (indices, weights) = bins.dense_table(), bins.soft_table()
    assert np.array_equal(np.take_along_axis(dense, indices, axis=1), weights)
    assert ((dense > 0).sum(axis=1) <= 5).all()


@pytest.mark.real_data
def test_the_published_weights(real_data):
    """Of ImageNet's prior with lambda 1/2: 0.0965 for the most frequent bin to 6.1749 for the rarest."""
    prior = np.load(real_data / "imagenet_ab_prior" / "prior_313.npy").astype(np.float64)
    weights = bins.rebalancing_weights(prior, 0.5)
    assert weights.min() == pytest.approx(0.0965, abs=5e-5)
    assert weights.max() == pytest.approx(6.1749, abs=5e-5)
    assert weights.max() / weights.min() == pytest.approx(64.0, abs=0.05)
    assert weights.argmin() == prior.argmax()


@pytest.mark.parametrize("mix", [0.1, 0.5, 1.0])
def test_a_pixel_weighs_one_on_average(mix):
    """Also where a dataset has no pixel at all in some bins."""
    histogram = np.random.default_rng(0).integers(0, 50, 313) * (np.arange(313) % 3 == 0)
    prior = bins.smooth(histogram)
    weights = bins.rebalancing_weights(prior, mix)
    assert np.isfinite(weights).all()
    assert prior @ weights == pytest.approx(1, abs=1e-6)
    assert bins.pair_weights(histogram, mix)[GREY] == weights[120]
    if mix == 1:
        np.testing.assert_allclose(weights, 1, rtol=1e-6)


def test_smoothing_spreads_a_bin_over_its_neighbours_and_loses_nothing():
    """To the next bin, 10 away at sigma 5, exp(-2) of it; at the edge of the set the share stays inside."""
    histogram = np.zeros(313)
    histogram[120] = 7
    prior = bins.smooth(histogram)
    assert prior.sum() == pytest.approx(1)
    assert prior[119] / prior[120] == pytest.approx(np.exp(-2))
    edge = bins.smooth(np.eye(313)[312])
    assert edge.sum() == pytest.approx(1)
    assert edge.argmax() == 312


def test_the_temperature_goes_from_the_mean_to_the_mode():
    """T = 1 is the mean of the distribution, T -> 0 its most likely bin, 0.38 between them."""
    shares = np.full(313, 1e-12)
    shares[[120, 200]] = 0.4, 0.6
    logits = np.log(shares).astype(np.float32).reshape(1, 1, 1, 313)
    grey, other = ab_bins.centres()[[120, 200]] / 128
    for temperature, share in (
        (1.0, 0.6),
        (0.38, 0.6 ** (1 / 0.38) / (0.6 ** (1 / 0.38) + 0.4 ** (1 / 0.38))),
        (1e-3, 1.0),
    ):
        ab = ops.convert_to_numpy(AnnealedMean(temperature)(logits))[0, 0, 0]
        np.testing.assert_allclose(ab, share * other + (1 - share) * grey, atol=1e-5)
