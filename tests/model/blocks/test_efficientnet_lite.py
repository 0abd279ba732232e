"""EfficientNet-Lite0 is the published network, its normalisation folded in."""

import keras
import numpy as np
import pytest
from keras import layers

from tintmill.model.blocks import efficientnet_lite, encoders
from tintmill.pipeline.common.errors import TintmillError


def published() -> keras.Model:
    """The network as it was published, with batch normalisation, to the map at w/32 and to its classes."""

    def normalise(name, x):
        return layers.BatchNormalization(epsilon=1e-3, name=name)(x)

    picture = keras.Input((64, 64, 3))
    x = layers.Conv2D(32, 3, strides=2, padding="same", use_bias=False, name="stem")(picture)
    x, number = layers.ReLU(6.0)(normalise("stem_bn", x)), 0
    for blocks, kernel, stride, expansion, before, after in efficientnet_lite.STAGES:
        for i in range(blocks):
            width, strides, y = (before, stride, x) if i == 0 else (after, 1, x)
            if expansion > 1:
                y = layers.Conv2D(width * expansion, 1, use_bias=False, name=f"b{number}_exp")(y)
                y = layers.ReLU(6.0)(normalise(f"b{number}_bn0", y))
            y = layers.DepthwiseConv2D(kernel, strides, padding="same", use_bias=False, name=f"b{number}_dw")(y)
            y = layers.ReLU(6.0)(normalise(f"b{number}_bn1", y))
            y = layers.Conv2D(after, 1, use_bias=False, name=f"b{number}_proj")(y)
            y = normalise(f"b{number}_bn2", y)
            x = layers.Add()([x, y]) if strides == 1 and width == after else y
            number += 1
    last = x
    x = layers.Conv2D(1280, 1, use_bias=False, name="head")(x)
    x = layers.GlobalAveragePooling2D(name="pool")(layers.ReLU(6.0)(normalise("head_bn", x)))
    return keras.Model(picture, [last, layers.Dense(1000, name="fc")(x)])


@pytest.fixture(scope="module")
def whole() -> keras.Model:
    """With random statistics, so that folding them has something to do."""
    keras.utils.set_random_seed(0)
    model, random = published(), np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.set_weights([random.uniform(0.5, 1.5, weight.shape) for weight in layer.weights])
    return model


@pytest.fixture(scope="module")
def file(whole, tmp_path_factory) -> str:
    path = str(tmp_path_factory.mktemp("weights") / "whole.weights.h5")
    whole.save_weights(path)
    return path


def test_its_maps_equal_those_of_the_published_layers(whole, file):
    body = encoders.load_efficientnet_lite(file, "encoder_weights")
    picture = np.random.default_rng(1).uniform(-1, 1, (1, 64, 64, 3)).astype(np.float32)
    wanted, found = np.asarray(whole(picture)[0]), np.asarray(body(picture))
    np.testing.assert_allclose(found, wanted, atol=1e-4 * np.abs(wanted).max())


def test_its_maps_are_at_each_halving():
    body = efficientnet_lite.build((64, 96, 3))
    shapes = [body.get_layer(name).output.shape[1:] for name in efficientnet_lite.MAPS]
    assert shapes == [(32, 48, 96), (16, 24, 144), (8, 12, 240), (4, 6, 672), (2, 3, 320)]


def test_it_computes_in_float32_whatever_the_policy():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        body = efficientnet_lite.build()
    finally:
        keras.config.set_dtype_policy("float32")
    assert {layer.compute_dtype for layer in body.layers if layer.weights} == {"float32"}


def test_a_file_that_is_not_there_is_refused():
    with pytest.raises(TintmillError, match=r"--encoder_weights=nonesuch.h5: no such file; wanted random, or"):
        encoders.load_efficientnet_lite("nonesuch.h5", "encoder_weights")


def test_weights_of_another_network_are_refused(tmp_path):
    other = keras.Sequential([keras.Input((8,)), layers.Dense(3, name="stem")])
    path = str(tmp_path / "other.weights.h5")
    other.save_weights(path)
    with pytest.raises(TintmillError, match=r"other.weights.h5: cannot be loaded: .*; wanted random"):
        encoders.load_efficientnet_lite(path, "encoder_weights")


def test_what_is_no_weights_file_is_refused(tmp_path):
    (tmp_path / "text.h5").write_text("no HDF5")
    with pytest.raises(TintmillError, match=r"text.h5: cannot be loaded"):
        encoders.load_efficientnet_lite(str(tmp_path / "text.h5"), "encoder_weights")
