"""The `tintmill` command with small networks more: quick ones, with layers that the real networks may lack.

python -m tests.support.toy_networks train --network=toy_dropout ...
"""

import sys

from tintmill.pipeline.common.command import quiet_libraries
from tintmill.pipeline.common.tensorflow import import_tensorflow

quiet_libraries()  # as the command itself does, before anything imports TensorFlow
import_tensorflow()

import keras  # noqa: E402
from keras import layers  # noqa: E402

from tintmill.launch import cli  # noqa: E402
from tintmill.model.blocks import heads  # noqa: E402
from tintmill.model.blocks.layers import FuseVector  # noqa: E402
from tintmill.model.networks import registry as networks  # noqa: E402


def _lightness(spec):
    return keras.Input((spec.height, spec.width, 1), name="l")


def dropout(spec) -> keras.Model:
    """Two convolutions with dropout between them: its seed generator is state that a resume must bring back."""
    lightness = _lightness(spec)
    x = layers.Conv2D(8, 3, padding="same", activation="relu")(lightness)
    return keras.Model({"l": lightness}, _colours(layers.Dropout(0.5)(x), lightness, spec))


def normalised(spec) -> keras.Model:
    """Two convolutions with batch normalisation between them: its statistics span the replicas."""
    lightness = _lightness(spec)
    # No bias before a normalisation: its gradient would be rounding alone, which Adam would blow up to full steps.
    x = layers.Conv2D(8, 3, padding="same", use_bias=False)(lightness)
    x = layers.BatchNormalization(synchronized=True)(x)
    return keras.Model({"l": lightness}, _colours(layers.ReLU()(x), lightness, spec))


def fused(spec) -> keras.Model:
    """The embedding joined with L* at every position: the least network that takes all there is."""
    lightness, vector = _lightness(spec), keras.Input((spec.embedding,), name="embedding")
    x = FuseVector(8)([lightness, vector])
    return keras.Model({"l": lightness, "embedding": vector}, _colours(x, lightness, spec))


def hinted(spec) -> keras.Model:
    """One convolution of L* and, where it takes them, of the hints."""
    lightness = _lightness(spec)
    inputs = {"l": lightness}
    if spec.hints:
        inputs["hints"] = keras.Input((spec.height, spec.width, 3), name="hints")
    x = layers.Concatenate()([*inputs.values(), lightness])
    x = layers.Conv2D(8, 3, padding="same", activation="relu")(x)
    return keras.Model(inputs, _colours(x, lightness, spec))


def classifying(spec) -> keras.Model:
    """One convolution for the colours and for the picture's class."""
    lightness = _lightness(spec)
    x = layers.Conv2D(8, 3, padding="same", activation="relu")(lightness)
    outputs = _colours(x, lightness, spec)
    if spec.classes:
        pooled = layers.GlobalAveragePooling2D()(x)
        outputs["class_logits"] = layers.Dense(spec.classes, name="class_logits", dtype="float32")(pooled)
    return keras.Model({"l": lightness}, outputs)


def _colours(features, lightness, spec) -> dict:
    """The outputs of a network whose features are at full size; bins want half of it."""
    if spec.head == "bins":
        features = layers.AveragePooling2D(2, padding="same")(features)
    return heads.colours(features, lightness, spec, layers.Conv2D(2, 3, padding="same", activation="tanh", name="ab"))


NETWORKS = {
    "toy_dropout": networks.Network("dropout", build=dropout),
    "toy_norm": networks.Network("batch normalisation", build=normalised),
    "toy_fused": networks.Network("an embedding", needs_embedding=True, build=fused),
    "toy_hints": networks.Network("hints", optional_inputs=("hints",), build=hinted),
    "toy_classes": networks.Network("a class", classifies=True, build=classifying),
}


def main() -> int:
    networks.NETWORKS.update(NETWORKS)
    return cli.main()


if __name__ == "__main__":
    sys.exit(main())
