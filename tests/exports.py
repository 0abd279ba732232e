"""Shared by the tests of exports: run directories with untrained networks, grey pictures."""

import os
from pathlib import Path

import keras
import numpy as np
from PIL import Image

from model import artefact, networks
from model.network_spec import NetworkSpec
from pipeline import embed, lab
from pipeline.settings import EmbedderSettings
from tests import helpers

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
    _strengthen(network)
    artefact.save_model(str(folder), network)
    manifest = {
        "embedder": embedder and embedder.identity | {"weights_path": str(weights)},
        "embedding_from": "original",
        "settings": {"size": SIZE, "fit": fit, "name": "toy", "version": "1.0.0"},
        "fingerprint": "0" * 64,
    }
    artefact.save_dataset(str(folder), manifest)
    return str(folder)


def _strengthen(network: keras.Model) -> None:
    """Makes the last convolution strong: untrained networks answer nearly grey, where any two would agree."""
    inputs = {
        key: np.random.default_rng(0).normal(0, 0.3, (1, *(length or SIZE for length in tensor.shape[1:])))
        for key, tensor in network.input.items()
    }
    last = [layer for layer in network.layers if isinstance(layer, keras.layers.Conv2D | keras.layers.Conv2DTranspose)]
    bins = "bins" in network.output
    for _ in range(8):
        answer = network({key: value.astype(np.float32) for key, value in inputs.items()}, training=False)
        found = float(np.std(np.asarray(answer["bins"] if bins else answer["ab"])))
        if found > (1.0 if bins else 0.1):
            return
        last[-1].kernel.assign(np.asarray(last[-1].kernel) * 4)


def grey_picture(seed: int, width: int, height: int) -> Image.Image:
    """A synthetic grey photograph with noise: sharp enough for a wrong filter to show."""
    pixels = lab.to_grey(helpers.photo_pixels(seed, height, width)).astype(float)
    noise = np.random.default_rng(seed).normal(0, 12, (height, width))
    return Image.fromarray(np.clip(np.rint(pixels + noise), 0, 255).astype(np.uint8))


def with_tintmill() -> dict[str, str]:
    """An environment in which a program elsewhere imports Tintmill's modules, as where it is installed."""
    return os.environ | {"PYTHONPATH": str(helpers.ROOT)}
