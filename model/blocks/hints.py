"""Hints inside a network: colours that are known at some places, as maps of any coarseness."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="tintmill")
class PooledHints(keras.layers.Layer):
    """The hints of each square of side x side pixels: the mean of the colours revealed there, and whether any are.

    Averaging the input itself would make one pixel's colour a 256th in a square of 16, too faint to learn from.

    Input: (batch, H, W, 3), a*/128 and b*/128 (0 where not revealed) and the mask, 0 or 1; H, W multiples of `side`.
    Output: (batch, H/side, W/side, 3), mean a*/128, mean b*/128, 1 where a pixel of the square is revealed, else 0.
    """

    def __init__(self, side: int, **kwargs):
        super().__init__(**{"dtype": "float32"} | kwargs)  # a single pixel's share of a square vanishes in bfloat16
        self.side = side

    def call(self, hints):
        mean = ops.average_pool(hints, self.side, padding="valid", data_format="channels_last")
        share = mean[..., 2:]
        seen = ops.cast(share > 0.0, share.dtype)
        return ops.concatenate([mean[..., :2] / ops.maximum(share, 1e-6), seen], axis=-1)

    def compute_output_shape(self, input_shape):
        batch, height, width, channels = input_shape
        return (batch, height and height // self.side, width and width // self.side, channels)

    def get_config(self):
        return {**super().get_config(), "side": self.side}
