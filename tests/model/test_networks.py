"""The networks: their size, their layers, what goes in and what comes out."""

import importlib.util
import json

import keras
import numpy as np
import pytest

from model import networks, networks_table
from model.layers import FuseVector
from model.network_spec import NetworkSpec
from pipeline.errors import TintmillError
from tests.helpers import run_python, tintmill

# The docstring's table: (filters, stride) of every convolution, "fuse" and "up" where they stand.
KOALARIZATION = [
    *((64, 2), (128, 1), (128, 2), (256, 1), (256, 2), (512, 1), (512, 1), (256, 1)),
    "fuse",
    *((128, 1), "up nearest", (64, 1), (64, 1), "up nearest", (32, 1), (2, 1), "up bilinear"),
]


def describe(layer):
    """A layer as `KOALARIZATION` writes it; None for layers without a row of their own."""
    if isinstance(layer, keras.layers.Conv2D):
        assert layer.kernel_size == (3, 3)
        assert layer.padding == "same"
        return layer.filters, layer.strides[0]
    if isinstance(layer, keras.layers.UpSampling2D):
        assert layer.size == (2, 2)
        return f"up {layer.interpolation}"
    return "fuse" if layer.name == "fusion" else None


def inputs_of(height: int, width: int, embedding: int, batch: int = 1, scale: float = 1.0) -> dict:
    random = np.random.default_rng(0)
    return {
        "l": random.uniform(-1, 1, (batch, height, width, 1)).astype(np.float32),
        "embedding": (scale * random.normal(0, 1, (batch, embedding))).astype(np.float32),
    }


@pytest.mark.parametrize(("embedding", "parameters"), [(1001, 6_574_050), (1000, 6_573_794)])
def test_koalarization_has_the_published_number_of_parameters(embedding, parameters):
    assert networks.build("koalarization", NetworkSpec(embedding)).count_params() == parameters


def test_koalarization_has_the_layers_of_its_table():
    model = networks.build("koalarization", NetworkSpec(1000))
    assert [row for row in map(describe, model.layers) if row] == KOALARIZATION
    convolutions = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    activations = [layer.activation.__name__ for layer in convolutions]
    assert activations == ["relu"] * (len(convolutions) - 1) + ["tanh"]
    assert model.get_layer("fusion").units == 256


@pytest.mark.parametrize(("height", "width"), [(37, 53), (8, 8), (1, 1), (16, 250)])
def test_koalarization_answers_at_the_size_it_is_asked(height, width):
    outputs = networks.build("koalarization", NetworkSpec(10))(inputs_of(height, width, 10))
    assert list(outputs) == ["ab"]
    assert outputs["ab"].shape == (1, height, width, 2)


def test_koalarization_reaches_and_keeps_its_range():
    outputs = networks.build("koalarization", NetworkSpec(10))(inputs_of(16, 16, 10, scale=1e6))
    assert np.abs(np.asarray(outputs["ab"])).max() == pytest.approx(127 / 128)


def test_koalarization_uses_the_embedding_of_its_own_picture():
    model = networks.build("koalarization", NetworkSpec(10))
    inputs = inputs_of(16, 16, 10, batch=2)
    before = np.asarray(model(inputs)["ab"])
    inputs["embedding"][1] += 1
    after = np.asarray(model(inputs)["ab"])
    np.testing.assert_allclose(after[0], before[0], atol=1e-6)
    assert np.abs(after[1] - before[1]).max() > 1e-3


def test_every_network_answers_in_float32_under_bfloat16():
    keras.mixed_precision.set_dtype_policy("mixed_bfloat16")
    try:
        for name in networks.NETWORKS:
            model = networks.build(name, NetworkSpec(10, 16, 16))
            assert {keras.backend.standardize_dtype(v.dtype) for v in model.trainable_variables} == {"float32"}
            assert all(tensor.dtype == "float32" for tensor in model(inputs_of(16, 16, 10)).values())
    finally:
        keras.mixed_precision.set_dtype_policy("float32")


def test_a_fixed_size_fixes_the_shapes():
    assert networks.build("koalarization", NetworkSpec(10, 24, 40)).output["ab"].shape == (None, 24, 40, 2)


def test_an_unknown_network_is_an_error_that_lists_the_known():
    with pytest.raises(TintmillError, match=r"--network=nonesuch: wanted one of .*koalarization"):
        networks.build("nonesuch", NetworkSpec(10))


def test_a_network_that_needs_an_embedding_says_so():
    with pytest.raises(TintmillError, match=r"koalarization needs an embedding.*--embedder"):
        networks.build("koalarization", NetworkSpec(None))


def test_multiply_adds_are_those_of_a_count_by_hand():
    features, vector = keras.Input((8, 6, 3)), keras.Input((7,))
    x = keras.layers.Conv2D(5, 3, strides=2, padding="same")(features)  # 4*3 positions, 3*3*3*5 each
    x = FuseVector(2)([x, vector])  # 4*3 positions of 5*2, and 7*2 once
    x = keras.layers.UpSampling2D()(x)
    model = keras.Model([features, vector], keras.layers.Dense(4)(x))  # 8*6 positions of 2*4
    assert networks_table.multiply_adds(model) == 12 * 135 + (12 * 10 + 14) + 48 * 8


def test_koalarization_multiply_adds():
    sides = [112, 112, 56, 56, 28, 28, 28, 28]
    channels = [1, 64, 128, 128, 256, 256, 512, 512, 256]
    encoder = sum(9 * s * s * a * b for s, a, b in zip(sides, channels, channels[1:], strict=False))
    fusion = 256 * (28 * 28 * 256 + 1000)
    decoder = 9 * (28**2 * 256 * 128 + 56**2 * (128 * 64 + 64 * 64) + 112**2 * (64 * 32 + 32 * 2))
    model = networks.build("koalarization", NetworkSpec(1000, 224, 224))
    assert networks_table.multiply_adds(model) == encoder + fusion + decoder


def test_the_networks_command_lists_every_network():
    done = tintmill("networks", "--size=64", "--embedding=1000")
    assert done.returncode == 0, done.stderr
    rows = {line.split()[0]: line for line in done.stdout.splitlines()[1:]}
    assert list(rows) == list(networks.NETWORKS)
    assert "6,573,794" in rows["koalarization"]
    assert "[64, 64, 1]" in rows["koalarization"]


@pytest.mark.skipif(not importlib.util.find_spec("jax"), reason="jax is not installed: no second Keras backend to try")
def test_networks_run_on_another_backend():
    code = (
        "import json, keras, numpy as np; from model import networks\nfrom model.network_spec import NetworkSpec\n"
        "shapes = {}\n"
        "for name in networks.NETWORKS:\n"
        "    inputs = {'l': np.zeros((1, 37, 53, 1)), 'embedding': np.zeros((1, 10))}\n"
        "    out = networks.build(name, NetworkSpec(10))(inputs)\n"
        "    shapes[name] = [int(n) for n in out['ab'].shape]\n"
        "print(json.dumps([keras.backend.backend(), shapes]))"
    )
    backend, shapes = json.loads(run_python(code, env={"KERAS_BACKEND": "jax"}))
    assert backend == "jax"
    assert shapes == {name: [1, 37, 53, 2] for name in networks.NETWORKS}
