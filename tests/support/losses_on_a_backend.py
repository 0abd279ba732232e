"""Every loss and both heads on fixed numbers, on whatever backend Keras has; run by `test_losses_of_networks`."""

import keras
import numpy as np
from keras import ops

from tintmill.model.blocks import discriminator, heads
from tintmill.model.blocks.spec import NetworkSpec
from tintmill.model.losses import building, perceptual
from tintmill.model.losses.registry import PIXEL_LOSSES
from tintmill.model.losses.settings import LossSettings


def evaluate() -> dict:
    """{"backend": name, and of each loss its values, of each head its colours}: lists of floats."""
    random = np.random.default_rng(0)
    targets = {
        "l": random.uniform(-1, 1, (2, 9, 12, 1)).astype(np.float32),
        "ab": random.uniform(-0.5, 0.5, (2, 9, 12, 2)).astype(np.float32),
        "label": np.array([2, -1], np.int32),
    }
    features = random.normal(size=(2, 5, 6, 313)).astype(np.float32)
    outputs = run_heads(features, targets["l"])
    found = {"backend": keras.backend.backend(), **{f"ab of {head}": one["ab"] for head, one in outputs.items()}}
    answer = outputs["bins"] | {"class_logits": random.normal(size=(2, 3)).astype(np.float32)}
    for name in PIXEL_LOSSES:
        settings = LossSettings(loss=name, class_weight=0.1, colourfulness_weight=0.2)
        found |= building.build(settings, lambda: range(313))(targets, answer)
    critic = constant_weights(discriminator.patchgan())
    found["adversarial"], found["critic"] = discriminator.judge(critic, targets, answer)
    features = perceptual.Features(constant_weights(small_network()), lambda rgb: rgb)
    found["perceptual"] = perceptual.perceptual_loss(features)(targets, answer)
    return {name: value if name == "backend" else np.asarray(value).tolist() for name, value in found.items()}


def run_heads(features, lightness) -> dict:
    """The outputs of both heads, of constant weights, by head."""
    outputs = {}
    for head in ("ab", "bins"):
        inputs = keras.Input(features.shape[1:]), keras.Input(lightness.shape[1:])
        regress = lambda x: keras.layers.UpSampling2D()(keras.layers.Conv2D(2, 1)(x))  # noqa: E731
        model = constant_weights(keras.Model(inputs, heads.colours(*inputs, NetworkSpec(head=head), regress)))
        outputs[head] = model([features, lightness])
    return outputs


def small_network() -> keras.Model:
    picture = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(4, 3, activation="relu")(picture)
    return keras.Model(picture, [x, keras.layers.Conv2D(4, 3, strides=2)(x)])


def constant_weights(model: keras.Model) -> keras.Model:
    """Weights that depend on their number alone: backends draw other random ones."""
    for variable in model.variables:
        count = int(np.prod(variable.shape))
        variable.assign(ops.reshape(ops.sin(ops.arange(count, dtype="float32")), variable.shape) / count**0.5)
    return model
