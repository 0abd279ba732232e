"""How a distribution over bins becomes a colour."""

import keras
import numpy as np
import pytest

from tintmill.model.blocks import heads
from tintmill.model.blocks.heads import AnnealedMean
from tintmill.pipeline.imaging import ab_bins


def colour(logits: np.ndarray, **more) -> np.ndarray:
    """a*, b* of one position's logits."""
    return np.asarray(AnnealedMean(**more)(logits[None, None, None].astype(np.float32)))[0, 0, 0] * 128


def mean(logits: np.ndarray, temperature: float) -> np.ndarray:
    share = np.exp((logits - logits.max()) / temperature)
    return share @ ab_bins.centres() / share.sum()


def entropy(logits: np.ndarray) -> float:
    share = np.exp(logits - logits.max())
    share /= share.sum()
    return float(-(share * np.log(share)).sum())


@pytest.mark.parametrize("sharpness", [0.1, 1.0, 3.0])
def test_the_temperature_rises_with_the_entropy(sharpness):
    logits = sharpness * np.random.default_rng(0).normal(0, 2, 313)
    temperature = min(1.0, 0.2 + 0.15 * entropy(logits))
    np.testing.assert_allclose(colour(logits, temperature=0.2, rise=0.15), mean(logits, temperature), atol=0.02)


def test_a_sure_colour_is_not_softened():
    logits = np.where(np.arange(313) == 200, 30.0, 0.0)
    np.testing.assert_allclose(colour(logits, temperature=0.2, rise=0.15), ab_bins.centres()[200], atol=0.01)


def test_where_nothing_is_known_the_answer_is_the_mean_of_all_bins():
    np.testing.assert_allclose(colour(np.zeros(313), temperature=0.3, rise=0.2), ab_bins.centres().mean(0), atol=0.01)


def test_a_bin_that_is_impossible_does_no_harm():
    logits = np.where(np.arange(313) < 2, 0.0, -1e4)
    wanted = ab_bins.centres()[:2].mean(0)
    np.testing.assert_allclose(colour(logits, temperature=0.3, rise=0.2), wanted, atol=0.01)


def test_the_decoding_is_kept_with_the_network(tmp_path):
    logits = keras.Input((None, None, 313))
    network = keras.Model(logits, AnnealedMean()(logits))
    assert heads.set_temperature(network, 0.3, rise=0.2)
    network.save(tmp_path / "network.keras")
    (layer,) = keras.saving.load_model(tmp_path / "network.keras").layers[1:]
    assert (layer.temperature, layer.rise) == (0.3, 0.2)
