"""Hints inside a network."""

import numpy as np

from tintmill.model.blocks.hints import PooledHints


def test_a_square_has_the_mean_of_its_revealed_colours():
    hints = np.zeros((1, 4, 8, 3), np.float32)
    hints[0, 0, 0] = 0.5, -0.25, 1
    hints[0, 3, 3] = 0.1, 0.75, 1
    found = np.asarray(PooledHints(4)(hints))
    np.testing.assert_allclose(found, [[[[0.3, 0.25, 1], [0, 0, 0]]]], atol=1e-6)


def test_one_pixel_keeps_its_colour_in_the_coarsest_square():
    hints = np.zeros((1, 32, 32, 3), np.float32)
    hints[0, 17, 5] = -0.5, 0.9, 1
    np.testing.assert_allclose(np.asarray(PooledHints(32)(hints))[0, 0, 0], [-0.5, 0.9, 1], atol=1e-5)
