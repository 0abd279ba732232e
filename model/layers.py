"""Layers that Keras does not have: joining a vector with a feature map, and cropping to another tensor's size."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="tintmill")
class FuseVector(keras.layers.Layer):
    """Joins a vector with every position of a feature map: relu(conv1x1([features, vector repeated])).

    Computed as conv1x1(features) + dense(vector), broadcast over the positions, which is the same sum without the copy
    of the vector at every position (Iizuka et al. 2016, eq. 1; deep-koalarization's FusionLayer and its 1x1 conv).

    Input shape: [(batch, height, width, channels), (batch, vector)]. Output shape: (batch, height, width, units).
    """

    def __init__(self, units: int, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shapes):
        features, vector = input_shapes
        self._channels = features[-1]
        # One kernel, as the concatenated convolution has it: the same initial scale for both parts.
        self.kernel = self.add_weight(name="kernel", shape=(1, 1, features[-1] + vector[-1], self.units))
        self.bias = self.add_weight(name="bias", shape=(self.units,), initializer="zeros")

    def call(self, inputs):
        features, vector = inputs
        spatial = ops.conv(features, self.kernel[:, :, : self._channels], padding="same")
        fused = ops.matmul(vector, self.kernel[0, 0, self._channels :])
        return ops.relu(spatial + fused[:, None, None, :] + self.bias)

    def compute_output_shape(self, input_shapes):
        return (*input_shapes[0][:-1], self.units)

    def get_config(self):
        return {**super().get_config(), "units": self.units}


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
