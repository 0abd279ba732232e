"""Feature networks of the perceptual loss."""

import keras
import numpy as np
import pytest

from tests.support import helpers
from tintmill.model.losses import perceptual
from tintmill.model.losses.perceptual import NETWORKS, perceptual_loss
from tintmill.pipeline.common.errors import TintmillError

RGB = np.stack([helpers.photo_pixels(seed, 32, 48) for seed in range(2)]).astype(np.float32) / 255


@pytest.mark.parametrize("name", NETWORKS)
def test_the_network_sees_what_it_was_trained_on(name):
    """Keras' own preprocessing, of 0..255."""
    module = getattr(keras.applications, name)
    wanted = module.preprocess_input((RGB * 255).copy())
    np.testing.assert_allclose(np.asarray(NETWORKS[name].preprocess(RGB)), wanted, atol=1e-4)


@pytest.mark.parametrize(("name", "count"), [("vgg16", 5), ("mobilenet_v2", 4)])
def test_features_halve_from_layer_to_layer_and_differ_between_pictures(name, count):
    features = perceptual.load(name, "random")
    maps = [np.asarray(one) for one in features(RGB)]
    first = maps[0].shape[1:3]
    assert [one.shape[1:3] for one in maps] == [(first[0] // 2**i, first[1] // 2**i) for i in range(count)]
    assert all(np.abs(one[0] - one[1]).mean() > 1e-3 for one in maps)
    assert features.weights == tuple(0.5**i for i in reversed(range(count)))
    assert not features.model.trainable_variables


def test_the_truth_costs_nothing_and_random_weights_are_always_the_same():
    lightness, ab = np.zeros((1, 32, 32, 1), np.float32), np.full((1, 32, 32, 2), 0.2, np.float32)
    values = []
    for _ in range(2):
        loss = perceptual_loss(perceptual.load("mobilenet_v2", "random"))
        assert float(loss({"l": lightness, "ab": ab}, {"ab": ab})[0]) == 0
        values.append(float(loss({"l": lightness, "ab": ab}, {"ab": -ab})[0]))
    assert values[0] == values[1] > 0


@pytest.mark.real_data
def test_a_weights_file_of_the_whole_network_is_read(real_data):
    """Its features are those of the classifier it belongs to."""
    path = real_data / "weights" / "mobilenet_v2_1.0_224_dequantized.weights.h5"
    whole = keras.applications.MobileNetV2(weights=None)
    whole.load_weights(path)
    view = np.zeros((1, 224, 224, 3), np.float32)
    view[:, :32, :48] = RGB[:1]
    wanted = keras.Model(whole.input, whole.get_layer("block_13_expand_relu").output)(view * 2 - 1)
    found = perceptual.load("mobilenet_v2", str(path))(view)[-1]
    np.testing.assert_allclose(np.asarray(found), np.asarray(wanted), atol=1e-5)


def test_an_unknown_network_is_an_error_that_lists_the_known():
    with pytest.raises(TintmillError, match="--perceptual_network=resnet: wanted one of vgg16, mobilenet_v2"):
        perceptual.load("resnet", "random")


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "no such file; wanted imagenet, random"), (b"no weights", "cannot load weights for mobilenet_v2")],
)
def test_weights_that_cannot_be_loaded_are_named(tmp_path, content, message):
    path = tmp_path / "some.weights.h5"
    if content:
        path.write_bytes(content)
    with pytest.raises(TintmillError, match=rf"--perceptual_weights={path}: {message}"):
        perceptual.load("mobilenet_v2", str(path))
