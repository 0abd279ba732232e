"""What moves the weights: clipping, the moving average, AdamW, accumulation, float16, XLA."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.support import toy_networks, training
from tintmill.model.networks import registry as networks
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.dataset.manifest import open_dataset
from tintmill.trainer.input.read_ahead import ReadAhead
from tintmill.trainer.run.settings import TrainSettings
from tintmill.trainer.training import step

SMALL = {"global_batch": 8, "steps": 4, "log_every": 1, "network": "toy_fused", "learning_rate": 1e-3}


@pytest.fixture(scope="module")
def opened(dataset):
    return open_dataset(str(dataset))


@pytest.fixture(autouse=True)
def as_in_a_process_of_its_own(monkeypatch):
    """Knows the toy networks, and leaves Keras' precision as it was."""
    monkeypatch.setattr(networks, "NETWORKS", networks.NETWORKS | toy_networks.NETWORKS)
    yield
    keras.mixed_precision.set_dtype_policy("float32")


def train(opened, **settings) -> tuple[step.State, list[float], list[dict]]:
    """The state after a few steps, the loss of each, and the weights before the first and after each."""
    keras.utils.clear_session()  # else layers of a second network of a kind get other names
    settings = TrainSettings(**(SMALL | settings))
    state = step.make_state(tf.distribute.MirroredStrategy(["CPU:0"]), settings, opened)
    run = step.make_steps(state, settings, opened.settings.encoding)
    losses, weights = [], [weights_of(state)]
    with ReadAhead(state.strategy, settings, opened, 0) as ahead:
        for steps, batches in ahead:
            losses.append(float(run(batches, tf.constant(len(steps)))[0]["loss"][0]))
            weights.append(weights_of(state))
    return state, losses, weights


def weights_of(state) -> dict[str, np.ndarray]:
    return {weight.path: np.array(weight) for weight in state.model.trainable_weights}


def optimizer_values(state, kind: str) -> list[np.ndarray]:
    return [np.array(v) for v in state.network.optimizer.variables if v.path.endswith(kind)]


def momentum_norm(state) -> float:
    return float(np.sqrt(sum(np.square(value).sum() for value in optimizer_values(state, "_momentum"))))


def test_an_encoder_moves_by_its_share_of_the_rate(plain_opened):
    """Adam's first step moves each weight by the rate, whatever its gradient."""
    glaze = {"network": "glaze", "encoder_weights": "random", "encoder_rate": 0.1, "steps": 1}
    state, _, weights = train(plain_opened, **glaze)
    moved = {name: np.abs(weights[1][name] - weights[0][name]).max() for name in weights[0]}
    own = {weight.path for weight in state.model.get_layer("encoder").trainable_weights}
    assert own
    assert max(moved[name] for name in own) == pytest.approx(1e-4, rel=0.05)
    assert max(moved[name] for name in set(moved) - own) == pytest.approx(1e-3, rel=0.05)


def test_without_a_rate_an_encoder_stays(plain_opened):
    state, _, _ = train(plain_opened, network="glaze", encoder_weights="random", steps=1)
    assert not state.model.get_layer("encoder").trainable_weights


@pytest.fixture(scope="module")
def plain_opened(plain_dataset):
    return open_dataset(str(plain_dataset))


@pytest.fixture
def plainly(opened):
    """Without any of it."""
    return train(opened)


def test_clipping_is_by_the_norm_of_all_gradients_together(opened):
    """Adam's first moment after one step is a tenth of the gradient: of norm 0.01 here, where it was longer before."""
    assert momentum_norm(train(opened, steps=1)[0]) > 0.1 * 0.02
    assert momentum_norm(train(opened, steps=1, clip_norm=0.01)[0]) == pytest.approx(0.1 * 0.01, rel=1e-4)


def test_gradients_below_the_norm_are_left_alone(opened, plainly):
    _, _, weights = train(opened, clip_norm=1e6)
    assert_equal(weights[-1], plainly[2][-1])


def assert_equal(found: dict, wanted: dict, tolerance: float = 0.0) -> None:
    assert list(found) == list(wanted)
    for name in wanted:
        np.testing.assert_allclose(found[name], wanted[name], atol=tolerance, rtol=0, err_msg=name)


def test_the_average_is_of_the_weights_after_each_step(opened, plainly):
    """a = m a + (1 - m) w, beginning with the weights after the first step; the training itself is the same."""
    state, losses, weights = train(opened, ema=0.7)
    assert losses == plainly[1]
    assert_equal(weights[-1], plainly[2][-1])
    average = weights[1]
    for later in weights[2:]:
        average = {name: 0.7 * average[name] + 0.3 * later[name] for name in average}
    with state.network.averaged():
        assert_equal(weights_of(state), average, 1e-6)
        assert any((average[name] != weights[-1][name]).any() for name in average)
    assert_equal(weights_of(state), weights[-1])


def test_the_own_weights_come_back_after_an_error(opened):
    state, _, weights = train(opened, ema=0.7)
    with pytest.raises(OSError, match="full"), state.network.averaged():
        raise OSError("full")
    assert_equal(weights_of(state), weights[-1])


def test_weight_decay_shrinks_the_kernels_alone(opened):
    """AdamW's first step is Adam's, from kernels that are smaller by rate x decay; biases do not decay."""
    _, _, (before, adam) = train(opened, steps=1)
    _, _, (_, adamw) = train(opened, steps=1, optimizer="adamw", weight_decay=0.5)
    decayed = {name: adam[name] - 1e-3 * 0.5 * before[name] * (before[name].ndim > 1) for name in adam}
    assert_equal(adamw, decayed, 1e-6)
    assert any((adamw[name] != adam[name]).any() for name in adam)


@pytest.mark.slow
@pytest.mark.parametrize("pieces", [2, 4])
def test_pieces_add_up_to_the_batch(opened, plainly, pieces):
    """No layer here looks at more than one picture: the losses are those of the whole batch at once."""
    _, losses, weights = train(opened, accumulate=pieces)
    np.testing.assert_allclose(losses, plainly[1], rtol=1e-5)
    assert_equal(weights[1], plainly[2][1], 1e-5)


@pytest.mark.slow
def test_float16_scales_the_loss_and_not_what_is_learnt(opened):
    """The scale is state, its gradients are those of float32 but for rounding, and the loss is told unscaled."""
    state, losses, _ = train(opened, steps=1, precision="float16")
    wanted, exact, _ = train(opened, steps=1)
    assert state.model.layers[-1].compute_dtype in ("float16", "float32")
    assert {layer.compute_dtype for layer in state.model.layers} >= {"float16"}
    assert optimizer_values(state, "dynamic_scale") == [2.0**15]
    assert losses == pytest.approx(exact, rel=2e-3)
    assert momentum_norm(state) == pytest.approx(momentum_norm(wanted), rel=2e-2)


def test_float16_skips_a_step_that_overflows_and_halves_the_scale(opened):
    settings = TrainSettings(**(SMALL | {"precision": "float16", "steps": 1}))
    state = step.make_state(tf.distribute.MirroredStrategy(["CPU:0"]), settings, opened)
    before = weights_of(state)
    state.strategy.run(lambda: state.network.learn([w.value * np.inf for w in state.model.trainable_variables]))
    assert_equal(weights_of(state), before)
    assert optimizer_values(state, "dynamic_scale") == [2.0**14]


@pytest.mark.slow
def test_xla_computes_the_same(opened, plainly):
    _, losses, _ = train(opened, jit_compile=True)
    np.testing.assert_allclose(losses, plainly[1], rtol=1e-5)


def test_xla_is_refused_where_replicas_normalise_together(opened):
    with pytest.raises(TintmillError, match=r"--jit_compile: --network=toy_norm .*normalises over all replicas"):
        train(opened, network="toy_norm", jit_compile=True)


@pytest.mark.slow
def test_everything_at_once_is_the_same_on_two_replicas(dataset, runs):
    """Clipping by the norm of the sum, the average, and pieces that are normalised together."""
    more = "toy_norm", "--steps=6", "--log_every=1", "--checkpoint_every=6", "--global_batch=8", "--accumulate=2"
    more += "--ema=0.5", "--clip_norm=0.01", "--optimizer=adamw", "--learning_rate=1e-4"
    one, two = (training.trained(dataset, runs / f"all{n}", *more, f"--replicas={n}") for n in (1, 2))
    assert training.logged_ids(two) == training.logged_ids(one)
    np.testing.assert_allclose(training.losses(two), training.losses(one), atol=1e-5, rtol=0)
    arrays, others = training.checkpoint_arrays(one), training.checkpoint_arrays(two)
    for name in arrays:
        np.testing.assert_allclose(others[name], arrays[name], atol=2e-5, rtol=1e-4, err_msg=name)


def test_the_average_is_what_a_run_leaves(dataset, runs):
    """model.keras and best/ hold the averaged weights, the checkpoint both."""
    more = "--steps=4", "--ema=0.5", "--log_every=1", "--checkpoint_every=4", "--validate_every=4"
    run = training.trained(dataset, runs / "ema", "toy_fused", *more, "--profile_step=2")
    arrays = training.checkpoint_arrays(run)
    averages = [value for name, value in arrays.items() if name.endswith("_average")]
    (best,) = (run / "best").iterdir()
    for path in (run / "model.keras", best):
        saved = keras.saving.load_model(path, compile=False)
        for found, wanted in zip(saved.trainable_weights, averages, strict=True):
            np.testing.assert_array_equal(np.asarray(found), wanted)
    assert list((run / "tensorboard" / "plugins" / "profile").rglob("*.xplane.pb"))
