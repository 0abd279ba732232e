"""The layers that Keras does not have."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from tintmill.model.blocks.layers import CropLike, FuseVector, Normalisation, PadTo, ResizeTo

RANDOM = np.random.default_rng(0)


def features_and_vector(batch: int = 2, channels: int = 5, length: int = 7, size: tuple = (4, 3)) -> list:
    shapes = (batch, *size, channels), (batch, length)
    return [RANDOM.normal(0, 1, shape).astype(np.float32) for shape in shapes]


def repeat_concatenate_convolve(fuse: FuseVector, features, vector):
    """What `fuse` promises to equal, spelt out with Keras' own layers and the same kernel."""
    height, width = features.shape[1:3]
    repeated = np.tile(vector[:, None, None, :], (1, height, width, 1))
    convolution = layers.Conv2D(fuse.units, fuse.kernel_size, padding="same", activation=fuse.activation)
    joined = np.concatenate([features, repeated], axis=-1)
    convolution.build(joined.shape)
    convolution.set_weights([np.asarray(fuse.kernel), np.asarray(fuse.bias)])
    return np.asarray(convolution(joined))


@pytest.mark.parametrize("activation", ["relu", "sigmoid"])
@pytest.mark.parametrize("size", [(4, 3), (1, 1), (1, 5), (2, 2), (9, 8)])
@pytest.mark.parametrize("kernel_size", [1, 3, 5])
def test_fusion_equals_repeat_concatenate_convolve(kernel_size, size, activation):
    """At the border too, where a kernel greater than 1x1 lies on the padding in part."""
    features, vector = features_and_vector(size=size)
    fuse = FuseVector(6, kernel_size, activation)
    fuse.build([features.shape, vector.shape])
    fuse.bias.assign(RANDOM.normal(0, 1, 6))
    wanted = repeat_concatenate_convolve(fuse, features, vector)
    assert np.ptp(wanted) > 0.1
    np.testing.assert_allclose(np.asarray(fuse([features, vector])), wanted, atol=1e-5)


def test_fusion_starts_at_the_scale_of_the_concatenated_convolution():
    fuse = FuseVector(256)
    fuse.build([(None, 8, 8, 256), (None, 1001)])
    limit = np.sqrt(6 / (256 + 1001 + 256))  # Glorot uniform of the joined kernel
    kernel = np.abs(np.asarray(fuse.kernel))
    assert kernel.shape == (1, 1, 1257, 256)
    for part in (kernel[:, :, :256], kernel[:, :, 256:]):
        assert 0.99 * limit < part.max() <= limit


def test_fusion_tells_its_shape_before_it_runs():
    assert FuseVector(6).compute_output_shape([(None, 9, 11, 5), (None, 7)]) == (None, 9, 11, 6)


@pytest.mark.parametrize("size", [(4, 4), (None, None)])
def test_fusion_and_crop_survive_saving(tmp_path, size):
    features, vector = keras.Input((*size, 5), name="f"), keras.Input((7,), name="v")
    fused = FuseVector(6, 3, "sigmoid")([layers.UpSampling2D()(features), vector])
    model = keras.Model([features, vector], CropLike()([fused, features]))
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    inputs = [RANDOM.normal(0, 1, (2, 4, 4, 5)).astype(np.float32), features_and_vector()[1]]
    assert loaded(inputs).shape == (2, 4, 4, 6)
    np.testing.assert_array_equal(np.asarray(loaded(inputs)), np.asarray(model(inputs)))


def test_crop_keeps_the_upper_left_corner():
    large = np.arange(2 * 8 * 8 * 3).reshape(2, 8, 8, 3)
    cropped = CropLike()([large, np.zeros((2, 5, 7, 1))])
    np.testing.assert_array_equal(np.asarray(ops.cast(cropped, "int64")), large[:, :5, :7])


@pytest.mark.parametrize("size", [(1, 1), (4, 8), (3, 5), (4, 9)])
@pytest.mark.parametrize("fixed", [True, False])
def test_padding_repeats_the_last_row_and_column(size, fixed):
    pixels = RANDOM.normal(0, 1, (2, *size, 3)).astype(np.float32)
    extra = [-length % 4 for length in size]
    wanted = np.pad(pixels, ((0, 0), (0, extra[0]), (0, extra[1]), (0, 0)), mode="edge")
    inputs = keras.Input((*(size if fixed else (None, None)), 3))
    model = keras.Model(inputs, PadTo(4)(inputs))
    assert model.output.shape == (None, *(wanted.shape[1:3] if fixed else (None, None)), 3)
    np.testing.assert_array_equal(model.predict(pixels, verbose=0), wanted)


def test_padding_survives_saving():
    again = PadTo.from_config(PadTo(32).get_config())
    assert again.compute_output_shape((None, 1, None, 2)) == (None, 32, None, 2)


def test_normalisation_spans_the_replicas():
    """Also where a configuration, written by another backend, says otherwise."""
    assert Normalisation().synchronized
    assert Normalisation.from_config(Normalisation().get_config() | {"synchronized": False}).synchronized


def test_resizing_is_antialiased_and_bilinear():
    """A fine checkerboard becomes its mean; a ramp stays one."""
    board = np.indices((64, 96)).sum(axis=0) % 2 * np.ones((1, 64, 96), np.float32)
    resize = ResizeTo(32)
    small = np.asarray(resize(board[..., None]))
    assert small.shape == (1, 32, 32, 1) == resize.compute_output_shape((1, 64, 96, 1))
    np.testing.assert_allclose(small[:, 2:-2, 2:-2], 0.5, atol=0.06)
    ramp = np.tile(np.arange(8, dtype=np.float32)[None, None, :, None], (1, 8, 1, 1))
    steps = np.diff(np.asarray(resize(ramp))[0, 16, 4:-4, 0])
    np.testing.assert_allclose(steps, 0.25, atol=1e-5)
