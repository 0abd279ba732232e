"""The forward pass of sizes that come again: compiled, and the same colours."""

import keras
import numpy as np
import pytest

from tintmill.model.blocks.spec import NetworkSpec
from tintmill.model.networks import registry as networks
from tintmill.model.prediction import forward
from tintmill.model.prediction.forward import Forward

SIZES = ((32, 32), (32, 40), (48, 32))


def inputs(size: tuple[int, int], seed: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    lightness = random.uniform(-1, 1, (1, *size, 1)).astype(np.float32)
    return {"l": lightness, "embedding": random.normal(0, 1, (1, 8)).astype(np.float32)}


@pytest.fixture(scope="module")
def network():
    return networks.build("tint", NetworkSpec(8, encoder_weights="random"))


def test_a_size_that_comes_again_gives_the_colours_of_the_network_itself(network):
    run = Forward(network)
    for seed in range(forward._OFTEN + 1):
        for size in SIZES:  # each is compiled by itself, not all of them as one of any size
            given = inputs(size, seed)
            wanted = np.asarray(network(given, training=False)["ab"])
            assert np.ptp(wanted) > 0
            np.testing.assert_allclose(np.asarray(run(given)["ab"]), wanted, atol=1e-6)


def test_only_sizes_that_come_again_are_compiled_and_few_are_held(network, monkeypatch):
    monkeypatch.setattr(forward, "_SIZES", 2)
    compiled = []
    monkeypatch.setattr(keras.Model, "predict_on_batch", lambda self, x: compiled.append((self, x["l"].shape[1:3])))
    run = Forward(network)
    for _ in range(forward._OFTEN - 1):
        run(inputs(SIZES[0], 0))
    assert compiled == []
    for size in (SIZES[0], SIZES[0], *SIZES[1:] * forward._OFTEN, SIZES[0]):
        run(inputs(size, 0))
    first, second, *_, last = (model for model, size in compiled if size == SIZES[0])
    assert first is second
    assert last is not first  # two others were seen since
