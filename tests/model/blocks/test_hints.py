"""Hints inside a network."""

import numpy as np

from tintmill.model.blocks.hints import NearHints, PooledHints
from tintmill.pipeline.imaging import ab_bins


def test_a_square_has_the_mean_of_its_revealed_colours():
    hints = np.zeros((1, 4, 8, 3), np.float32)
    hints[0, 0, 0] = 0.5, -0.25, 1
    hints[0, 3, 3] = 0.1, 0.75, 1
    found = np.asarray(PooledHints(4)(hints))
    np.testing.assert_allclose(found, [[[[1.2, 1.0, 1], [0, 0, 0]]]], atol=1e-6)


def test_one_pixel_keeps_its_colour_in_the_coarsest_square():
    hints = np.zeros((1, 32, 32, 3), np.float32)
    hints[0, 17, 5] = -0.5, 0.9, 1
    np.testing.assert_allclose(np.asarray(PooledHints(32)(hints))[0, 0, 0], [-2.0, 3.6, 1], atol=1e-5)


def test_the_bins_nearest_to_a_hint_are_the_likeliest_and_no_hint_says_nothing():
    kernel = np.asarray(NearHints()((1, 1, 3, 313), "float32"))[0, 0]
    colour = np.array([23.0, -41.0])
    logits = np.array([*colour / 32, 1.0]) @ kernel
    distance = np.square(ab_bins.centres() - colour).sum(axis=1)
    np.testing.assert_allclose(logits - logits.max(), -(distance - distance.min()) / (2 * 8.0**2), atol=1e-3)
    assert not (np.zeros(3) @ kernel).any()
