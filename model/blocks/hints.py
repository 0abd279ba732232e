"""Hints inside a network: colours that are known at some places, as maps of any coarseness and as bins."""

import keras
import numpy as np
from keras import ops

from tintmill.pipeline.imaging import ab_bins

_UNIT = 32.0  # of a* and b* in what `PooledHints` answers: usual colours are then of the size of other features
_SIGMA = 8.0  # of a* and b*, how far from a hint the bins are that it makes likely


@keras.saving.register_keras_serializable(package="tintmill")
class PooledHints(keras.layers.Layer):
    """The hints of each square of side x side pixels: the mean of the colours revealed there, and whether any are.

    Averaging the input itself would make one pixel's colour a 256th in a square of 16, too faint to learn from.

    Input: (batch, H, W, 3), a*/128 and b*/128 (0 where not revealed) and the mask, 0 or 1; H, W multiples of `side`.
    Output: (batch, H/side, W/side, 3), mean a*/32, mean b*/32, 1 where a pixel of the square is revealed, else 0.
    """

    def __init__(self, side: int, **kwargs):
        super().__init__(**{"dtype": "float32"} | kwargs)  # a single pixel's share of a square vanishes in bfloat16
        self.side = side

    def call(self, hints):
        mean = ops.average_pool(hints, self.side, padding="valid", data_format="channels_last")
        share = mean[..., 2:]
        seen = ops.cast(share > 0.0, share.dtype)
        colour = mean[..., :2] * (128.0 / _UNIT) / ops.maximum(share, 1e-6)
        return ops.concatenate([colour, seen], axis=-1)

    def compute_output_shape(self, input_shape):
        batch, height, width, channels = input_shape
        return (batch, height and height // self.side, width and width // self.side, channels)

    def get_config(self):
        return {**super().get_config(), "side": self.side}


@keras.saving.register_keras_serializable(package="tintmill")
class NearHints(keras.initializers.Initializer):
    """The kernel of a 1x1 convolution that answers a hint with the logits of a Gaussian around its colour.

    Of a hint c and the centre q of a bin, -|c - q|^2 / (2 sigma^2) is c q / sigma^2 - |q|^2 / (2 sigma^2) but for what
    all bins have in common: linear in what `PooledHints` answers, so 0 where nothing is revealed.

    Shape: (1, 1, 3, 313).
    """

    def __call__(self, shape, dtype=None):
        centres = ab_bins.centres()
        rows = [*(_UNIT * centres.T / _SIGMA**2), -np.square(centres).sum(axis=1) / (2 * _SIGMA**2)]
        return ops.convert_to_tensor(np.reshape(rows, shape), dtype)
