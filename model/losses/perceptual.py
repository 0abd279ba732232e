"""Features of a classification network, for judging two pictures by what is seen in them.

The network is frozen and belongs to the loss: neither a checkpoint nor the trained model holds any of it. At bfloat16
its features are bfloat16; their differences are taken in float32.
"""

import dataclasses
from collections.abc import Callable

import keras
import numpy as np
from keras import ops

from tintmill.model.blocks import encoders
from tintmill.model.losses.colours import mean_of_picture, predicted_rgb, true_rgb
from tintmill.model.losses.registry import LossFunction
from tintmill.pipeline.common.errors import TintmillError

_BGR_MEAN = (103.939, 116.779, 123.68)  # of ImageNet, on 0..255, as VGG16 was trained


@dataclasses.dataclass(frozen=True)
class Network:
    """The layers compared (from full size to a sixteenth), and the network's input.

    `preprocess`: sRGB 0..1, [B, H, W, 3] -> what the network was trained on.
    """

    layers: tuple[str, ...]
    preprocess: Callable


NETWORKS = {
    # The first convolution before each pooling, as DDColor; here after its ReLU.
    "vgg16": Network(
        tuple(f"block{i}_conv1" for i in range(1, 6)),
        lambda rgb: 255.0 * rgb[..., ::-1] - np.array(_BGR_MEAN, np.float32),
    ),
    # The widest map before each halving of the resolution.
    "mobilenet_v2": Network(
        tuple(f"block_{i}_expand_relu" for i in (1, 3, 6, 13)),
        lambda rgb: 2.0 * rgb - 1.0,
    ),
}


class Features:
    """A loaded network: call it with sRGB 0..1, [B, H, W, 3]; `weights` says how much each of its features counts.

    Each layer counts half of the next deeper one, the deepest 1 (DDColor: .0625 .125 .25 .5 1).
    """

    def __init__(self, model: keras.Model, preprocess: Callable):
        self.model, self._preprocess = model, preprocess
        self.weights = tuple(0.5**i for i in reversed(range(len(model.outputs))))

    def __call__(self, rgb) -> list:
        """Feature maps [B, h, w, C], shallowest first, in the dtype of the policy."""
        return self.model(self._preprocess(rgb), training=False)


def load(name: str, weights: str) -> Features:
    """A feature network, for pictures of any size.

    Args:
      weights: `imagenet` (downloaded), `random` (always the same), or a weights file of the network, with or without
        its classifier.
    Raises:
      TintmillError: no such network, or its weights cannot be had.
    """
    if name not in NETWORKS:
        raise TintmillError(f"--perceptual_network={name}: wanted one of {', '.join(NETWORKS)}")
    network = NETWORKS[name]
    keras.utils.set_random_seed(0)  # `random` must be the same network in every process
    model = encoders.load(name, weights, "perceptual_weights")
    features = keras.Model(model.input, [model.get_layer(layer).output for layer in network.layers])
    features.trainable = False
    return Features(features, network.preprocess)


def make(settings, histogram: Callable) -> LossFunction:
    """As `registry.Loss.make` wants it; the histogram is not asked for."""
    return perceptual_loss(load(settings.perceptual_network, settings.perceptual_weights))


def perceptual_loss(features: Callable) -> LossFunction:
    """Mean absolute difference of features of the coloured and the true picture, both with the true L*.

    Args:
      features: as `load` returns it.
    """

    def loss(targets: dict, outputs: dict):
        found, wanted = features(predicted_rgb(targets, outputs)), features(true_rgb(targets))  # [(B, h, w, C), ...]
        pairs = zip(features.weights, found, wanted, strict=True)
        return sum(
            weight * mean_of_picture(ops.absolute(one - ops.stop_gradient(other))) for weight, one, other in pairs
        )

    return loss
