"""Every loss with both heads: in both precisions on TensorFlow, and on another backend."""

import importlib.util
import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.support import helpers, losses_on_a_backend, toy_networks
from tintmill.model.blocks import discriminator
from tintmill.model.blocks.spec import HEADS, NetworkSpec
from tintmill.model.losses import building
from tintmill.model.losses.registry import PIXEL_LOSSES
from tintmill.model.losses.settings import LossSettings

# Every network gives ab, one with the bins head bins too.
LOSSES_OF_HEADS = [(name, head) for head in HEADS for name in PIXEL_LOSSES if PIXEL_LOSSES[name].judges in ("ab", head)]
MORE = {"class_weight": 0.1, "colourfulness_weight": 0.2}


@pytest.fixture(params=["float32", "mixed_bfloat16"])
def policy(request):
    keras.mixed_precision.set_dtype_policy(request.param)
    yield
    keras.mixed_precision.set_dtype_policy("float32")


@pytest.mark.parametrize(("name", "head"), LOSSES_OF_HEADS)
def test_every_loss_teaches_every_head(policy, name, head):
    random = np.random.default_rng(0)
    targets = {
        "l": random.uniform(-1, 1, (2, 9, 12, 1)).astype(np.float32),
        "ab": random.uniform(-0.5, 0.5, (2, 9, 12, 2)).astype(np.float32),
        "label": np.array([2, -1]),
    }
    network = toy_networks.classifying(NetworkSpec(head=head, classes=3))
    loss = building.build(LossSettings(loss=name, **MORE), lambda: [1] * 313)
    with tf.GradientTape() as tape:
        parts = loss(targets, network({"l": targets["l"]}, training=True))
    assert {value.dtype for value in parts.values()} == {tf.float32}
    assert all(value.shape == (2,) for value in parts.values())
    gradients = tape.gradient(parts["loss"], network.trainable_variables)
    assert all(np.isfinite(gradient).all() for gradient in gradients)
    assert np.abs(gradients[0]).max() > 0


def test_features_and_critic_in_both_precisions(policy):
    targets = {"l": np.zeros((1, 32, 32, 1), np.float32), "ab": np.zeros((1, 32, 32, 2), np.float32)}
    ab = tf.constant(np.random.default_rng(0).uniform(-0.5, 0.5, (1, 32, 32, 2)), tf.float32)
    settings = LossSettings(perceptual_weight=0.1, perceptual_network="mobilenet_v2", perceptual_weights="random")
    loss, critic = building.build(settings, None), discriminator.patchgan()
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(ab)
        adversarial, caught = discriminator.judge(critic, targets, {"ab": ab})
        parts = loss(targets, {"ab": ab}) | {"adversarial": adversarial, "critic": caught}
    assert {value.dtype for value in parts.values()} == {tf.float32}
    for name in ("perceptual", "adversarial"):
        gradient = tape.gradient(parts[name], ab)
        assert np.isfinite(gradient).all()
        assert np.abs(gradient).max() > 0


@pytest.mark.slow
@pytest.mark.skipif(not importlib.util.find_spec("jax"), reason="jax is not installed: no second Keras backend to try")
def test_losses_and_heads_are_the_same_on_another_backend():
    code = "import json; from tests.support import losses_on_a_backend as l; print(json.dumps(l.evaluate()))"
    quick = {"JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}  # each operation is compiled to be run once
    found = json.loads(helpers.run_python(code, env={"KERAS_BACKEND": "jax", **quick}))
    wanted = losses_on_a_backend.evaluate()
    assert (found.pop("backend"), wanted.pop("backend")) == ("jax", "tensorflow")
    assert found.keys() == wanted.keys()
    for name, values in wanted.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-4, atol=1e-5, err_msg=name)
