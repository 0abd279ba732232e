"""The compiled training step, the same on one device and on many.

Several steps run in one call by an inner `tf.range`: Keras' own `steps_per_execution` fails on two replicas, and `fit`
under MultiWorkerMirroredStrategy.

`--accumulate` computes a batch in pieces that are normalised each by itself. The rows of a piece are the same whatever
the number of replicas, so that one device and several agree. `--jit_compile` is refused for networks that normalise
over all replicas, because XLA compiles a replica's part alone.

Training is bit-exact by default (`--deterministic`). On GPUs that costs speed, and bits are promised on one kind of
machine only.
"""

import dataclasses
import functools
import sys
from collections.abc import Callable

import keras
import numpy as np

from tintmill.model.blocks import discriminator
from tintmill.model.blocks.spec import NetworkSpec
from tintmill.model.losses import building
from tintmill.model.losses import registry as losses
from tintmill.model.networks import registry as networks
from tintmill.pipeline.common import nvidia
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.common.tensorflow import import_tensorflow
from tintmill.pipeline.dataset.manifest import Dataset
from tintmill.trainer.input import augment
from tintmill.trainer.input import batches as batches_input
from tintmill.trainer.run import initial
from tintmill.trainer.run.settings import DEFAULTS, TrainSettings, check_batch
from tintmill.trainer.training import optimizer
from tintmill.trainer.training.optimizer import Learner

tf = import_tensorflow()

_POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16", "float16": "mixed_float16"}


@dataclasses.dataclass
class State:
    """What a run changes: the network, with an adversarial loss its critic. All is made inside the strategy's scope.

    `loss`: see `building.build`; what it knows (a perceptual network) no step changes.
    """

    strategy: tf.distribute.Strategy
    network: Learner
    critic: Learner | None
    loss: Callable[[dict, dict], dict]

    @property
    def model(self) -> keras.Model:
        """The network itself, the one thing that outlives the run."""
        return self.network.model

    @property
    def variables(self) -> list:
        """Everything that a checkpoint holds: weights, statistics, seed generators, optimizer slots."""
        return [*self.network.variables, *(self.critic.variables if self.critic else [])]


def make_strategy(replicas: int, workers: int = 1) -> tf.distribute.Strategy:
    """The strategy of `replicas` devices in each of `workers` processes; 0 replicas mean all GPUs, or one CPU.

    MirroredStrategy for one process; MultiWorkerMirroredStrategy, which waits for the others, for several. Without
    GPUs, several replicas are virtual CPUs: for tests, not for speed. Must be called before TensorFlow runs.

    Raises:
      TintmillError: more replicas wanted than there are GPUs, or several on the CPU of one of several workers.
    """
    names = _choose_devices(replicas)
    if workers == 1:
        return tf.distribute.MirroredStrategy(names)
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    if len(strategy.extended.worker_devices) != len(names):
        raise TintmillError(f"--replicas={replicas}: of several workers without GPUs each has one replica; give 1")
    return strategy


def _choose_devices(replicas: int) -> list[str]:
    """Hides the GPUs that are not wanted, or cuts the CPU into virtual ones; returns the devices' names."""
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        count = replicas or len(gpus)
        if count > len(gpus):
            raise TintmillError(f"--replicas={replicas}: this machine has {len(gpus)} GPUs")
        tf.config.set_visible_devices(gpus[:count], "GPU")
        return [f"GPU:{i}" for i in range(count)]
    if found := nvidia.list_devices():
        print(
            f"WARNING this machine has {', '.join(found)}, and TensorFlow sees no GPU: training runs on the CPU, many "
            "times slower; `tintmill doctor` says what helps",
            file=sys.stderr,
        )
    count = replicas or 1
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * count)
    return [f"CPU:{i}" for i in range(count)]


def make_state(
    strategy: tf.distribute.Strategy, settings: TrainSettings, dataset: Dataset, begins: bool = True
) -> State:
    """Builds network, critic, optimizers and loss; the weights follow from the seed, or from --init_from.

    Args:
      begins: whether --init_from is read; a run that goes on has its weights from a checkpoint.
    """
    check_batch(settings.global_batch, strategy.num_replicas_in_sync, settings.accumulate)
    keras.utils.set_random_seed(settings.seed)
    keras.mixed_precision.set_dtype_policy(_POLICIES[settings.precision])
    with strategy.scope():
        model = networks.build(settings.network, network_spec(settings, dataset))
        if settings.init_from and begins:
            initial.load_into(model, settings)
        building.check_outputs(settings, settings.network, model.output)
        augment.check(settings, dataset, "embedding" in model.input, networks.find(settings.network).fixed_size)
        network = optimizer.make_learner(model, settings, settings.ema)
        # The first moment is short because the critic's task changes with every step of the network (pix2pix).
        critic = None
        if settings.adversarial_weight:
            critic = optimizer.make_learner(discriminator.patchgan(), settings, beta_1=0.5, name="critic_adam")
        # Last: `random` weights of a perceptual network set the seed anew.
        loss = building.build(settings, functools.partial(dataset.ab_histogram, settings.split))
    if settings.jit_compile:
        _check_compilable(settings, [learner.model for learner in (network, critic) if learner])
    return State(strategy, network, critic, loss)


def _check_compilable(settings: TrainSettings, models: list[keras.Model]) -> None:
    for layer in (layer for model in models for layer in model._flatten_layers()):
        if getattr(layer, "synchronized", False) and layer.trainable:
            raise TintmillError(
                f"--jit_compile: --network={settings.network} or its critic normalises over all replicas (layer "
                f"{layer.name}), which XLA cannot compile; train without --jit_compile, or another network"
            )


def network_spec(settings: TrainSettings, dataset: Dataset) -> NetworkSpec:
    """What the dataset and the loss ask of the network.

    Raises:
      TintmillError: the loss wants classes, the dataset has none.
    """
    side = dataset.settings.size if networks.find(settings.network).fixed_size else None
    return NetworkSpec(
        embedding=dataset.embedder and dataset.embedder.dimension,
        height=side,
        width=side,
        head=losses.find(settings.loss).judges,
        classes=_count_classes(settings, dataset) if settings.class_weight else 0,
        encoder_weights=_name_encoder_weights(settings),
        trains_encoder=settings.encoder_rate > 0,
        hints=settings.hints > 0,
        global_size=settings.global_size,
    )


def _name_encoder_weights(settings: TrainSettings) -> str:
    """Those of --init_from take the place of the default ones, which would be downloaded for nothing."""
    default = settings.encoder_weights == DEFAULTS["encoder_weights"]
    return "random" if settings.init_from and default else settings.encoder_weights


def _count_classes(settings: TrainSettings, dataset: Dataset) -> int:
    count = len(dataset.class_names)
    if not count:
        raise TintmillError(
            f"--class_weight={settings.class_weight}: {dataset.folder} has no classes; give 0, or prepare it from "
            "pictures that have"
        )
    return count


def make_steps(state: State, settings: TrainSettings, encoding: str):
    """A compiled function (batches, n) -> (losses, records int64 [n, global_batch]).

    It trains n steps, on the first n of `batches` (see `ReadAhead`). `losses`: of each step, float32 [n], by the names
    of `part_names`; "loss" is what the network minimises. `records` is what each step really saw, in order.
    """
    strategy, names = state.strategy, part_names(settings)
    replicas = strategy.num_replicas_in_sync
    rows = np.concatenate([batches_input.rows_of(part, replicas, settings) for part in range(replicas)])
    places = np.argsort(rows)  # (global_batch,): where each row of the batch is among those of all replicas, in turn
    replica_step = _make_replica_step(state, settings, encoding)

    @tf.function
    def steps(batches, count):
        totals = {name: tf.TensorArray(tf.float32, size=count) for name in names}
        records = tf.TensorArray(tf.int64, size=count, element_shape=[settings.global_batch])
        for i in tf.range(count):
            parts, seen = strategy.run(replica_step, args=(batches, i))
            # One by one: of several workers with one replica each, a dict cannot be reduced.
            parts = {name: strategy.reduce(tf.distribute.ReduceOp.SUM, parts[name], axis=None) for name in names}
            totals = {name: totals[name].write(i, parts[name]) for name in names}
            records = records.write(i, tf.gather(strategy.gather(seen, axis=0), places))  # (global_batch,)
        return {name: totals[name].stack() for name in names}, records.stack()

    return steps


def part_names(settings: TrainSettings) -> tuple[str, ...]:
    """The total, "loss", and where it has several parts each of them; "critic" is what the critic loses."""
    return (*building.part_names(settings), *(("critic",) if settings.adversarial_weight else ()))


def _make_replica_step(state: State, settings: TrainSettings, encoding: str):
    """A function (batches, i) -> (parts of the loss, records) that trains on batch i, on one replica."""
    differentiate = _make_differentiate(state, settings, encoding)
    if settings.jit_compile:
        differentiate = tf.function(differentiate, jit_compile=True)

    def replica_step(batches, i):
        batch = {name: values[i] for name, values in batches.items()}
        parts, gradients, critic_gradients = _add_pieces(differentiate, batch, settings.accumulate)
        if state.critic:
            # Both learn from the same forward pass, before either has moved: no order in which one has the last word.
            state.critic.learn(critic_gradients)
        state.network.learn(gradients)
        return parts, batch["record"]

    return replica_step


def _make_differentiate(state: State, settings: TrainSettings, encoding: str):
    """A function batch -> (parts of the loss, gradients of the network's weights, of the critic's or [])."""
    model, critic = state.model, state.critic

    def mean(values):
        # Summed over pieces and replicas this is the mean over the global batch, whatever their number.
        return tf.reduce_sum(values) / settings.global_batch

    def differentiate(batch):
        inputs, targets = batches_input.to_network(batch, encoding)
        with tf.GradientTape(persistent=critic is not None) as tape:
            # A dataset may hold more than a network takes: not every network wants the embedding.
            outputs = model({name: inputs[name] for name in model.input}, training=True)  # "ab": (b, S, S, 2)
            parts = state.loss(targets, outputs)  # (b,) each
            if critic:
                parts["adversarial"], parts["critic"] = discriminator.judge(critic.model, targets, outputs)
                parts["loss"] += settings.adversarial_weight * parts["adversarial"]
            parts = {name: mean(values) for name, values in parts.items()}  # () each
            loss = state.network.scale(parts["loss"])
            critic_loss = critic.scale(parts["critic"]) if critic else None
        gradients = tape.gradient(loss, model.trainable_variables)
        return parts, gradients, tape.gradient(critic_loss, critic.model.trainable_variables) if critic else []

    return differentiate


def _add_pieces(differentiate, batch: dict, count: int):
    """The sums of what `differentiate` finds in `count` pieces of a batch.

    The pieces are computed one after the other, in the memory of one. The loop is unrolled: in a loop of TensorFlow's,
    replicas could not meet to normalise.
    """
    size, found = len(batch["record"]) // count, None
    for i in range(count):
        # Without the dependency, pieces would be computed side by side and need as much memory as the whole batch.
        with tf.control_dependencies(tf.nest.flatten(found) if found else []):
            piece = {name: tf.identity(values[i * size : (i + 1) * size]) for name, values in batch.items()}
        more = differentiate(piece)
        found = tf.nest.map_structure(tf.add, found, more) if found else more
    return found
