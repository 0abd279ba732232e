"""Features of a classification network, for judging two pictures by what is seen in them.

The network is frozen and belongs to the loss: neither a checkpoint nor the trained model holds any of it.
"""

import dataclasses
from collections.abc import Callable

import keras
import numpy as np

from pipeline import embed
from pipeline.errors import TintmillError

_BGR_MEAN = (103.939, 116.779, 123.68)  # of ImageNet, on 0..255, as VGG16 was trained


@dataclasses.dataclass(frozen=True)
class Network:
    """A network of keras.applications: class name, the layers compared (from full size to a sixteenth), and its input.

    `preprocess`: sRGB 0..1, [B, H, W, 3] -> what the network was trained on.
    """

    application: str
    layers: tuple[str, ...]
    preprocess: Callable


NETWORKS = {
    # The first convolution before each pooling, as DDColor; here after its ReLU.
    "vgg16": Network(
        "VGG16",
        tuple(f"block{i}_conv1" for i in range(1, 6)),
        lambda rgb: 255.0 * rgb[..., ::-1] - np.array(_BGR_MEAN, np.float32),
    ),
    # The widest map before each halving of the resolution.
    "mobilenet_v2": Network(
        "MobileNetV2",
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
    try:
        model = _build(network, weights)
    except Exception as error:  # download, HDF5 and shape errors have no common type
        raise TintmillError(
            f"--perceptual_weights={weights}: cannot load weights for {name}: {_first_line(error)}; wanted network "
            "access for imagenet, a weights file of this network, or random"
        ) from error
    if weights == "random" and name in embed.NETWORKS:
        embed.keep_signal(model, embed.NETWORKS[name].random_variance)
    features = keras.Model(model.input, [model.get_layer(layer).output for layer in network.layers])
    features.trainable = False
    return Features(features, network.preprocess)


def _build(network: Network, weights: str) -> keras.Model:
    application = getattr(keras.applications, network.application)
    keras.utils.set_random_seed(0)  # `random` must be the same network in every process
    model = application(
        include_top=False, weights="imagenet" if weights == "imagenet" else None, input_shape=(None, None, 3)
    )
    if weights not in ("imagenet", "random"):
        _load_file(application, model, weights)
    return model


def _load_file(application: Callable, model: keras.Model, path: str) -> None:
    """Loads a file of the network without its classifier, or of the whole network."""
    try:
        model.load_weights(path)
    except ValueError:  # other layers than the file's: only the whole network can say whether it is another network
        whole = application(include_top=True, weights=None)
        whole.load_weights(path)
        for layer in model.layers:
            layer.set_weights(whole.get_layer(layer.name).get_weights() if layer.weights else [])


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
