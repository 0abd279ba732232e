"""From a network's last features to its colours: regression of ab, or a distribution over the 313 ab bins.

Most networks here end at half of the picture's size and predict the bins there: a colour edge is twice as sharp as at a
quarter, where Zhang et al. predict them. It costs four times the memory (313 floats for every 2x2 pixels). `glaze`
predicts them at a quarter.

The last up-sampling, of ab itself, is bilinear in every network that ends in one. Most authors' repeat pixels.
"""

from collections.abc import Callable

import keras
from keras import layers, ops

from tintmill.model.blocks.hints import NearHints
from tintmill.model.blocks.layers import CropLike
from tintmill.model.blocks.spec import NetworkSpec
from tintmill.pipeline.imaging import ab_bins

TEMPERATURE = 0.38  # Zhang et al. 2016, section 2.3


@keras.saving.register_keras_serializable(package="tintmill")
class AnnealedMean(layers.Layer):
    """The colour of a distribution over bins: its mean, after sharpening it by a temperature.

    f_T(z)_q = exp(log z_q / T) / sum_q' exp(log z_q' / T), colour = sum_q centre_q f_T(z)_q (Zhang et al. 2016, eq. 5).
    T = 1 is the mean, T -> 0 the mode. Where many colours are likely, the mode is a stain and the mean is nearly grey:
    T rises by `rise` for each nat of the distribution's entropy, up to 1. Neither is a weight: `set_temperature`
    changes both in a trained network.

    Input: logits (batch, height, width, 313). Output: (batch, height, width, 2), a*/128 and b*/128.
    """

    def __init__(self, temperature: float = TEMPERATURE, rise: float = 0.0, **kwargs):
        super().__init__(**kwargs)
        self.temperature, self.rise = temperature, rise

    def call(self, logits):
        logits = ops.cast(logits, "float32")
        share = ops.softmax(logits / self._temperatures(logits))  # (B, h, w, 313)
        return ops.matmul(share, ops.convert_to_tensor(ab_bins.centres() / 128.0))  # (B, h, w, 2)

    def _temperatures(self, logits):
        """The temperature of each position, float32 [B, h, w, 1], or the one number where it does not rise."""
        if not self.rise:
            return self.temperature
        logs = ops.log_softmax(logits)
        entropy = -ops.sum(ops.exp(logs) * logs, axis=-1, keepdims=True)  # (B, h, w, 1)
        return ops.minimum(self.temperature + self.rise * entropy, 1.0)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], 2)

    def get_config(self):
        return {**super().get_config(), "temperature": self.temperature, "rise": self.rise}


def colours(features, lightness, spec: NetworkSpec, regress: Callable, hints=None, side: int = 2) -> dict:
    """The colour outputs of a network whose last features stand for squares of 2x2 pixels, or of side x side.

    Args:
      features: [B, ceil(H/side) or more, ceil(W/side) or more, C].
      lightness: the network's input, [B, H, W, 1].
      regress: the network's own last layers: features -> ab [B, H, W, 2] in a*/128, b*/128, float32, named `ab`.
      hints: `PooledHints` of the size of `features`, from which the bins begin: what is known need not be learnt.
    Returns:
      {"ab": [B, H, W, 2]}, and under the bins head "bins": logits [B, h, w, 313] at the size of `features`.
    """
    if spec.head == "ab":
        return {"ab": regress(features)}
    logits = layers.Conv2D(len(ab_bins.centres()), 1, name="bins", dtype="float32")(features)  # (B, h, w, 313)
    if hints is not None:
        near = layers.Conv2D(
            logits.shape[-1], 1, use_bias=False, kernel_initializer=NearHints(), name="near_hints", dtype="float32"
        )
        logits = layers.Add(name="hinted_bins", dtype="float32")([logits, near(hints)])
    ab = AnnealedMean(name="annealed_mean", dtype="float32")(logits)  # (B, h, w, 2)
    ab = layers.UpSampling2D(side, interpolation="bilinear", dtype="float32")(ab)  # (B, side h, side w, 2)
    return {"ab": CropLike(name="ab", dtype="float32")([ab, lightness]), "bins": logits}


def set_temperature(model: keras.Model, temperature: float, rise: float = 0.0) -> bool:
    """Sets the temperature of a network's annealed mean and how it rises; False where it has none (a regression)."""
    found = _annealed_means(model)
    for layer in found:
        layer.temperature, layer.rise = temperature, rise
    return bool(found)


def temperature_of(model: keras.Model) -> float | None:
    """The temperature of a network's annealed mean; None where it has none (a regression)."""
    return next((layer.temperature for layer in _annealed_means(model)), None)


def rise_of(model: keras.Model) -> float | None:
    """By how much the temperature rises for each nat of entropy; None for a regression."""
    return next((layer.rise for layer in _annealed_means(model)), None)


def _annealed_means(model: keras.Model) -> list[AnnealedMean]:
    return [layer for layer in model.layers if isinstance(layer, AnnealedMean)]
