"""Losses: their values by hand, one a picture."""

import numpy as np
import pytest

from model.losses import LOSSES


def test_mse_is_the_mean_square_of_each_picture():
    targets = np.zeros((3, 2, 2, 2), np.float32)
    predicted = targets.copy()
    predicted[1] = 0.5
    predicted[2, 0, 0, 0] = 1.0  # one of eight values
    losses = np.asarray(LOSSES["mse"]({"ab": targets}, {"ab": predicted}))
    np.testing.assert_allclose(losses, [0, 0.25, 0.125])
    assert losses.dtype == np.float32


def test_mse_of_a_known_ab_error():
    """An error of 12.8 in a* alone is 0.1 in the network's units: half of 0.01 over both channels."""
    targets = np.zeros((1, 4, 4, 2), np.float32)
    predicted = targets + np.array([12.8, 0], np.float32) / 128
    assert float(LOSSES["mse"]({"ab": targets}, {"ab": predicted})[0]) == pytest.approx(0.005)


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_gives_one_finite_value_a_picture(name):
    random = np.random.default_rng(0)
    targets, predicted = ({"ab": random.uniform(-1, 1, (3, 8, 8, 2)).astype(np.float32)} for _ in range(2))
    losses = np.asarray(LOSSES[name](targets, predicted))
    assert losses.shape == (3,)
    assert np.isfinite(losses).all()
