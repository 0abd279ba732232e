"""Shared by the tests of exports: run directories with untrained networks, grey pictures."""

import dataclasses
import os
from pathlib import Path

import keras
import numpy as np
from PIL import Image

from tests.support import helpers
from tests.support.manifests import make_manifest
from tintmill.model.blocks import heads
from tintmill.model.blocks.spec import NetworkSpec
from tintmill.model.networks import registry as networks
from tintmill.model.prediction import saved_model
from tintmill.pipeline.dataset import embed
from tintmill.pipeline.dataset.settings import EmbedderSettings
from tintmill.pipeline.imaging import lab

SIZE = 32  # side of training pictures


def make_run(folder: Path, name: str, weights=None, fit: str = "crop", **spec) -> str:
    """A run directory of an untrained network with strong colours, as far as colouring and exporting read it.

    Args:
      weights: of the embedder MobileNetV2; None for networks without embedding.
      spec: of `NetworkSpec`, besides the embedding.
    """
    keras.utils.set_random_seed(3)
    embedder = weights and embed.Embedder(EmbedderSettings("mobilenet_v2", "logits", str(weights)))
    network = networks.build(name, NetworkSpec(weights and 1000, encoder_weights="random", **spec))
    _strengthen(network, embedder)
    saved_model.save_model(str(folder), network)
    identity = embedder and dataclasses.replace(embedder.identity, weights_path=str(weights))
    manifest = make_manifest(size=SIZE, fit=fit, embedder=identity)
    saved_model.TrainedFolder(str(folder)).write_manifest(manifest)
    return str(folder)


def make_small_run(folder: Path) -> str:
    """A run directory of two convolutions with bins, without embedding: quick to convert."""
    keras.utils.set_random_seed(1)
    lightness = keras.Input((None, None, 1), name="l")
    features = keras.layers.Conv2D(8, 3, strides=2, padding="same", activation="relu")(lightness)
    outputs = heads.colours(features, lightness, NetworkSpec(head="bins"), None)
    network = keras.Model({"l": lightness}, outputs, name="two_convolutions")
    network.get_layer("bins").kernel.assign(np.random.default_rng(0).normal(0, 2, (1, 1, 8, 313)))
    saved_model.save_model(str(folder), network)
    saved_model.TrainedFolder(str(folder)).write_manifest(make_manifest(size=SIZE))
    return str(folder)


def _strengthen(network: keras.Model, embedder: embed.Embedder | None) -> None:
    """Makes the last convolution so strong that colours are neither nearly grey, where any two would agree, nor at the
    ends of their range."""
    inputs = {"l": np.random.default_rng(0).uniform(-1, 1, (1, SIZE, SIZE, 1)).astype(np.float32)}
    if "hints" in network.input:
        inputs["hints"] = np.zeros((1, SIZE, SIZE, 3), np.float32)
    if embedder:
        inputs["embedding"] = embedder(embed.golden_view(embedder.side)[None]).astype(np.float32)
    name, wanted = ("bins", 1.0) if "bins" in network.output else ("ab", 0.1)
    last = [layer for layer in network.layers if isinstance(layer, keras.layers.Conv2D | keras.layers.Conv2DTranspose)]
    kernel = network.get_layer("bins").kernel if name == "bins" else last[-1].kernel
    for _ in range(3):  # the ends of the range bend the answer
        found = np.std(np.asarray(network(inputs, training=False)[name]))
        kernel.assign(np.asarray(kernel) * wanted / found)


def grey_picture(seed: int, width: int, height: int) -> Image.Image:
    """A synthetic grey photograph with noise: sharp enough for a wrong filter to show."""
    pixels = lab.to_grey(helpers.photo_pixels(seed, height, width)).astype(float)
    noise = np.random.default_rng(seed).normal(0, 12, (height, width))
    return Image.fromarray(np.clip(np.rint(pixels + noise), 0, 255).astype(np.uint8))


def with_tintmill() -> dict[str, str]:
    """An environment in which a program elsewhere imports Tintmill's modules, as where it is installed."""
    return os.environ | {"PYTHONPATH": str(helpers.ROOT)}
