"""Fixtures of the model room: embedder weights that see something, a trained run."""

from pathlib import Path

import numpy as np
import pytest

from tests.support import known_models
from tests.support.helpers import tintmill


@pytest.fixture(scope="session")
def embedder_weights(tmp_path_factory) -> Path:
    """A weights file of MobileNetV2, random but at a scale at which pictures differ in their embedding.

    Keras' own initial weights shrink the signal from layer to layer, until float16 has only zeros.
    """
    import keras

    path = tmp_path_factory.mktemp("weights") / "scaled.weights.h5"
    model = keras.applications.MobileNetV2(weights=None)
    random = np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D | keras.layers.DepthwiseConv2D | keras.layers.Dense):
            kernel = layer.weights[0]
            depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
            inputs = np.prod(kernel.shape[:2] if depthwise else kernel.shape[:-1])
            kernel.assign(random.normal(0, np.sqrt(2 / inputs), kernel.shape))
    model.save_weights(path)
    return path


@pytest.fixture(scope="session")
def trained_run(dataset, tmp_path_factory) -> Path:
    """A run of three steps on `dataset`: what it answers is poor, the way to the answer is the real one."""
    run = tmp_path_factory.mktemp("runs") / "trained"
    flags = ["--global_batch=8", "--steps=3", "--log_every=3", "--checkpoint_every=3", "--keep_checkpoints=1"]
    done = tintmill("train", f"--data={dataset}", f"--run={run}", *flags)
    assert done.returncode == 0, done.stderr
    return run


@pytest.fixture(scope="session")
def env(tmp_path_factory) -> dict[str, str]:
    """The environment of a user whose default model is a small one."""
    return known_models.install(tmp_path_factory.mktemp("data"))
