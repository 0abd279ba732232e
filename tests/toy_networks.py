"""The `tintmill` command with small networks more: quick ones, with layers that the real networks may lack.

python -m tests.toy_networks train --network=toy_dropout ...
"""

import sys
import types

from pipeline.command import quiet_libraries
from pipeline.quiet import import_tensorflow

quiet_libraries()  # as the command itself does, before anything imports TensorFlow
import_tensorflow()

import keras  # noqa: E402
from keras import layers  # noqa: E402

from launch import cli  # noqa: E402
from model import networks  # noqa: E402
from model.layers import FuseVector  # noqa: E402


def _lightness(spec):
    return keras.Input((spec.height, spec.width, 1), name="l")


def dropout(spec) -> keras.Model:
    """Two convolutions with dropout between them: its seed generator is state that a resume must bring back."""
    lightness = _lightness(spec)
    x = layers.Conv2D(8, 3, padding="same", activation="relu")(lightness)
    x = layers.Dropout(0.5)(x)
    ab = layers.Conv2D(2, 3, padding="same", activation="tanh", name="ab")(x)
    return keras.Model({"l": lightness}, {"ab": ab})


def normalised(spec) -> keras.Model:
    """Two convolutions with batch normalisation between them: its statistics span the replicas."""
    lightness = _lightness(spec)
    # No bias before a normalisation: its gradient would be rounding alone, which Adam would blow up to full steps.
    x = layers.Conv2D(8, 3, padding="same", use_bias=False)(lightness)
    x = layers.BatchNormalization(synchronized=True)(x)
    ab = layers.Conv2D(2, 3, padding="same", activation="tanh", name="ab")(layers.ReLU()(x))
    return keras.Model({"l": lightness}, {"ab": ab})


def fused(spec) -> keras.Model:
    """The embedding joined with L* at every position: the least network that takes all there is."""
    lightness, vector = _lightness(spec), keras.Input((spec.embedding,), name="embedding")
    x = FuseVector(8)([lightness, vector])
    ab = layers.Conv2D(2, 3, padding="same", activation="tanh", name="ab")(x)
    return keras.Model({"l": lightness, "embedding": vector}, {"ab": ab})


NETWORKS = {
    "toy_dropout": types.SimpleNamespace(NEEDS_EMBEDDING=False, FIXED_SIZE=False, CLASSIFIES=False, build=dropout),
    "toy_norm": types.SimpleNamespace(NEEDS_EMBEDDING=False, FIXED_SIZE=False, CLASSIFIES=False, build=normalised),
    "toy_fused": types.SimpleNamespace(NEEDS_EMBEDDING=True, FIXED_SIZE=False, CLASSIFIES=False, build=fused),
}

if __name__ == "__main__":
    networks.NETWORKS.update(NETWORKS)
    sys.exit(cli.main())
