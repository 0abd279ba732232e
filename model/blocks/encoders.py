"""Convolutional bodies without their classifiers.

Those of `keras.applications`, with weights `imagenet`, `random` or from a file; EfficientNet-Lite0, `random` or from a
file.
"""

import os
from collections.abc import Callable

import keras

from tintmill.model.blocks import efficientnet_lite
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.dataset import embed

NAMED_WEIGHTS = ("imagenet", "random")
NETWORKS = {"vgg16": "VGG16", "mobilenet_v2": "MobileNetV2", "inception_v3": "InceptionV3"}


def load(name: str, weights: str, flag: str, shape: tuple = (None, None, 3)) -> keras.Model:
    """A body whose weights are fixed.

    Args:
      name: of `NETWORKS`.
      weights: `imagenet` (downloaded), `random` (by the seed that is set), or a weights file of the network, with or
        without its classifier.
      flag: where `weights` came from, for the error.
      shape: (height, width, 3) of its input; None for any.
    Raises:
      TintmillError: the weights cannot be had.
    """
    if weights not in NAMED_WEIGHTS and not os.path.isfile(weights):
        raise TintmillError(f"--{flag}={weights}: no such file; wanted {', '.join(NAMED_WEIGHTS)} or a weights file")
    application = getattr(keras.applications, NETWORKS[name])
    named = "imagenet" if weights == "imagenet" else None
    try:
        body = application(include_top=False, weights=named, input_shape=shape)
        if weights not in NAMED_WEIGHTS:
            _load_file(application, body, weights)
    except Exception as error:  # download, HDF5 and shape errors have no common type
        raise TintmillError(
            f"--{flag}={weights}: cannot load weights for {name}: {_first_line(error)}; wanted network access for "
            f"imagenet, a weights file of keras.applications.{NETWORKS[name]}, or random"
        ) from error
    if weights == "random" and name in embed.NETWORKS:
        embed.keep_signal(body, embed.NETWORKS[name].random_variance)
    body.trainable = False
    return body


def load_efficientnet_lite(weights: str, flag: str, shape: tuple = (None, None, 3)) -> keras.Model:
    """EfficientNet-Lite0, `efficientnet_lite.build`.

    Args:
      weights: `random` (by the seed that is set), or a weights file of the whole network.
      flag: where `weights` came from, for the error.
      shape: (height, width, 3) of its input; None for any.
    Raises:
      TintmillError: the weights cannot be had.
    """
    wanted = "wanted random, or a weights file of EfficientNet-Lite0 (Keras' .weights.h5)"
    if weights != "random" and not os.path.isfile(weights):
        raise TintmillError(f"--{flag}={weights}: no such file; {wanted}")
    body = efficientnet_lite.build(shape)
    if weights != "random":
        try:
            efficientnet_lite.load_weights(body, weights)
        except (OSError, KeyError, ValueError) as error:
            raise TintmillError(f"--{flag}={weights}: cannot be loaded: {_first_line(error)}; {wanted}") from error
    return body


def _load_file(application: Callable, body: keras.Model, path: str) -> None:
    """Loads a file of the network without its classifier, or of the whole network."""
    try:
        body.load_weights(path)
    except ValueError:  # other layers than the file's: only the whole network can say whether it is another network
        whole = application(include_top=True, weights=None)
        whole.load_weights(path)
        for layer, same in zip(body.layers, whole.layers, strict=False):  # no two Inceptions have the same names
            layer.set_weights(same.get_weights())


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
