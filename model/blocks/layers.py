"""Layers that Keras does not have: joining a vector with a feature map, padding to a multiple and cropping back,
resizing to a square, normalising over all replicas, L* as VGG16 takes it."""

import keras
from keras import ops

from tintmill.pipeline.imaging import lab


@keras.saving.register_keras_serializable(package="tintmill")
class FuseVector(keras.layers.Layer):
    """Joins a vector with every position of a feature map: activation(conv([features, vector repeated])), same padding.

    Computed as conv(features) + dense(vector), broadcast over the positions, which is the same sum without the copy of
    the vector at every position (Iizuka et al. 2016, eq. 1; deep-koalarization's FusionLayer and its 1x1 conv).

    Input shape: [(batch, height, width, channels), (batch, vector)]. Output shape: (batch, height, width, units).
    """

    def __init__(self, units: int, kernel_size: int = 1, activation="relu", **kwargs):
        super().__init__(**kwargs)
        self.units, self.kernel_size = units, kernel_size
        self.activation = keras.activations.get(activation)

    def build(self, input_shapes):
        features, vector = input_shapes
        self._channels = features[-1]
        # One kernel, as the concatenated convolution has it: the same initial scale for both parts.
        shape = (self.kernel_size, self.kernel_size, features[-1] + vector[-1], self.units)
        self.kernel = self.add_weight(name="kernel", shape=shape)
        self.bias = self.add_weight(name="bias", shape=(self.units,), initializer="zeros")

    def call(self, inputs):
        features, vector = inputs
        spatial = ops.conv(features, self.kernel[:, :, : self._channels], padding="same")  # (B, H, W, units)
        return self.activation(spatial + self._spread(vector, features) + self.bias)

    def _spread(self, vector, features):
        """What the repeated vector adds: [batch, height, width, units], or one position's worth where all are equal."""
        if self.kernel_size == 1:
            return ops.matmul(vector, self.kernel[0, 0, self._channels :])[:, None, None, :]
        # At the border a part of the kernel lies on the zero padding: each tap adds only where it is inside the map.
        taps = ops.einsum("bv,ijvu->biju", vector, self.kernel[:, :, self._channels :])  # (B, k, k, units)
        count = self.kernel_size**2
        taps = ops.reshape(taps, (-1, 1, count, self.units))  # (B, 1, k * k, units)
        one_tap_each = ops.reshape(ops.eye(count, dtype=vector.dtype), (self.kernel_size, self.kernel_size, 1, count))
        inside = ops.conv(ops.ones_like(features[:1, :, :, :1]), one_tap_each, padding="same")  # (1, H, W, k * k)
        return ops.matmul(inside, taps)  # (B, H, W, units)

    def compute_output_shape(self, input_shapes):
        return (*input_shapes[0][:-1], self.units)

    def get_config(self):
        activation = keras.activations.serialize(self.activation)
        own = {"units": self.units, "kernel_size": self.kernel_size, "activation": activation}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable(package="tintmill")
class CropLike(keras.layers.Layer):
    """Crops a map at its lower and right edge to the height and width of another.

    Strided convolutions round sizes up, so a decoder returns up to 7 pixels more than went in.

    Input shape: [(batch, H', W', channels), (batch, H, W, any)], H <= H', W <= W'. Output: (batch, H, W, channels).
    """

    def call(self, inputs):
        large, like = inputs
        return large[:, : ops.shape(like)[1], : ops.shape(like)[2]]

    def compute_output_shape(self, input_shapes):
        return (*input_shapes[1][:3], input_shapes[0][3])


@keras.saving.register_keras_serializable(package="tintmill")
class PadTo(keras.layers.Layer):
    """Pads a map at its lower and right edge to a multiple in height and width, repeating the last row and column.

    Pooling rounds sizes down: without it, the decoder's map would be smaller than the picture.

    Input shape: (batch, H, W, channels), 1 <= H, W. Output: (batch, H', W', channels), the next multiples.
    """

    def __init__(self, multiple: int, **kwargs):
        super().__init__(**kwargs)
        self.multiple = multiple

    def call(self, inputs):
        for axis in (1, 2):
            length = ops.shape(inputs)[axis]
            # Positions past the end mean the last one; `ops.pad` could mirror, but not what is one pixel high.
            positions = ops.minimum(ops.arange(self._padded(length)), length - 1)
            inputs = ops.take(inputs, positions, axis=axis)
        return inputs

    def compute_output_shape(self, input_shape):
        batch, height, width, channels = input_shape
        return (batch, height and self._padded(height), width and self._padded(width), channels)

    def get_config(self):
        return {**super().get_config(), "multiple": self.multiple}

    def _padded(self, length):
        return (length + self.multiple - 1) // self.multiple * self.multiple


@keras.saving.register_keras_serializable(package="tintmill")
class ResizeTo(keras.layers.Layer):
    """Resizes a map to a square, bilinearly and antialiased.

    Not Keras' `Resizing`: its `training` is True unless said, and a model that has one, called without `training`, then
    normalises by the batch everywhere.

    Input shape: (batch, height, width, channels). Output: (batch, side, side, channels).
    """

    def __init__(self, side: int, **kwargs):
        super().__init__(**kwargs)
        self.side = side

    def call(self, inputs):
        size = (self.side, self.side)
        return ops.image.resize(inputs, size, "bilinear", antialias=True, data_format="channels_last")

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.side, self.side, input_shape[3])

    def get_config(self):
        return {**super().get_config(), "side": self.side}


@keras.saving.register_keras_serializable(package="tintmill")
class Normalisation(keras.layers.BatchNormalization):
    """Batch normalisation over the global batch, whatever the number of replicas.

    Keras knows `synchronized` on TensorFlow alone, and refuses it elsewhere, where a network must run and load too.
    """

    def __init__(self, **kwargs):
        super().__init__(**(kwargs | {"synchronized": keras.backend.backend() == "tensorflow"}))


@keras.saving.register_keras_serializable(package="tintmill")
class VggInput(keras.layers.Layer):
    """L* as VGG16 of keras.applications takes a picture: the grey of that L*, as BGR in 0..255 less the means.

    Input: (batch, H, W, 1), L*/50 - 1. Output: (batch, H, W, 3).
    """

    def call(self, lightness):
        neutral = ops.zeros_like(lightness)
        rgb = lab.lab_to_rgb(ops.concatenate([50.0 * (lightness + 1.0), neutral, neutral], axis=-1), xp=ops)
        return keras.applications.vgg16.preprocess_input(255.0 * rgb, data_format="channels_last")

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], 3)
