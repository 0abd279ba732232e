"""The compiled training step, the same on one device and on many.

Several steps run in one call by an inner `tf.range`: Keras' own `steps_per_execution` fails on two replicas, and `fit`
under MultiWorkerMirroredStrategy.
"""

import dataclasses
import functools
from collections.abc import Callable

import keras

from model import discriminator, losses, networks
from model.network_spec import NetworkSpec
from pipeline.dataset import Dataset
from pipeline.errors import TintmillError
from pipeline.quiet import import_tensorflow
from trainer import augment
from trainer import input as batches_input
from trainer.settings import TrainSettings, check_batch

tf = import_tensorflow()


@dataclasses.dataclass
class Learner:
    """A model and the optimizer of its weights."""

    model: keras.Model
    optimizer: keras.optimizers.Optimizer

    @property
    def variables(self) -> list:
        return [*self.model.variables, *self.optimizer.variables]

    def learn(self, gradients: list) -> None:
        self.optimizer.apply(gradients, self.model.trainable_variables)


@dataclasses.dataclass
class State:
    """What a run changes: the network, with an adversarial loss its critic. All is made inside the strategy's scope.

    `loss`: see `losses.build`; what it knows (a perceptual network) no step changes.
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
    count = replicas or 1
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * count)
    return [f"CPU:{i}" for i in range(count)]


def make_state(strategy: tf.distribute.Strategy, settings: TrainSettings, dataset: Dataset) -> State:
    """Builds network, critic, optimizers and loss; the weights follow from the seed alone."""
    check_batch(settings.global_batch, strategy.num_replicas_in_sync)
    keras.utils.set_random_seed(settings.seed)
    keras.mixed_precision.set_dtype_policy("float32" if settings.precision == "float32" else "mixed_bfloat16")
    with strategy.scope():
        model = networks.build(settings.network, network_spec(settings, dataset))
        losses.check_outputs(settings, settings.network, model.output)
        augment.check(settings, dataset, "embedding" in model.input, networks.find(settings.network).FIXED_SIZE)
        network = _learner(model, settings)
        # The first moment is short because the critic's task changes with every step of the network (pix2pix).
        critic = None
        if settings.adversarial_weight:
            critic = _learner(discriminator.patchgan(), settings, beta_1=0.5, name="critic_adam")
        # Last: `random` weights of a perceptual network set the seed anew.
        loss = losses.build(settings, functools.partial(dataset.ab_histogram, settings.split))
    return State(strategy, network, critic, loss)


def _learner(model: keras.Model, settings: TrainSettings, **options) -> Learner:
    optimizer = keras.optimizers.Adam(learning_rate(settings), **options)
    optimizer.build(model.trainable_variables)
    return Learner(model, optimizer)


def learning_rate(settings: TrainSettings):
    """The rate, or its schedule by step: a linear warm-up, then constant, or a half cosine down to 2 % at the end."""
    if settings.schedule == "cosine":
        return keras.optimizers.schedules.CosineDecay(
            initial_learning_rate=0.0 if settings.warmup_steps else settings.learning_rate,
            warmup_target=settings.learning_rate if settings.warmup_steps else None,
            warmup_steps=settings.warmup_steps,
            decay_steps=settings.steps - settings.warmup_steps,
            alpha=0.02,
        )
    if settings.warmup_steps:
        schedules = keras.optimizers.schedules
        return schedules.PolynomialDecay(0.0, settings.warmup_steps, end_learning_rate=settings.learning_rate)
    return settings.learning_rate


def network_spec(settings: TrainSettings, dataset: Dataset) -> NetworkSpec:
    """What the dataset and the loss ask of the network.

    Raises:
      TintmillError: the loss wants classes, the dataset has none.
    """
    side = dataset.settings["size"] if networks.find(settings.network).FIXED_SIZE else None
    return NetworkSpec(
        embedding=dataset.embedder and dataset.embedder["dimension"],
        height=side,
        width=side,
        head="bins" if settings.loss == "bins" else "ab",
        classes=_count_classes(settings, dataset) if settings.class_weight else 0,
        encoder_weights=settings.encoder_weights,
        global_size=settings.global_size,
    )


def _count_classes(settings: TrainSettings, dataset: Dataset) -> int:
    count = len(dataset.manifest["class_names"])
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
    replica_step = _make_replica_step(state, settings, encoding)

    @tf.function
    def steps(batches, count):
        totals = {name: tf.TensorArray(tf.float32, size=count) for name in names}
        records = tf.TensorArray(tf.int64, size=count, element_shape=[settings.global_batch])
        for i in tf.range(count):
            parts, seen = strategy.run(replica_step, args=(batches, i))
            parts = strategy.reduce(tf.distribute.ReduceOp.SUM, parts, axis=None)
            totals = {name: totals[name].write(i, parts[name]) for name in names}
            records = records.write(i, strategy.gather(seen, axis=0))
        return {name: totals[name].stack() for name in names}, records.stack()

    return steps


def any_worker(strategy: tf.distribute.Strategy, wishes: list[bool]) -> list[bool]:
    """Which of the wishes a worker has at least; all workers must ask, and all get the same answer."""
    if not strategy.extended._in_multi_worker_mode():
        return wishes
    mine = tf.constant(wishes, tf.float32)
    values = strategy.experimental_distribute_values_from_function(lambda _: mine)
    return [bool(value) for value in strategy.reduce(tf.distribute.ReduceOp.SUM, values, axis=None).numpy() > 0]


def part_names(settings: TrainSettings) -> tuple[str, ...]:
    """The total, "loss", and where it has several parts each of them; "critic" is what the critic loses."""
    return (*losses.part_names(settings), *(("critic",) if settings.adversarial_weight else ()))


def _make_replica_step(state: State, settings: TrainSettings, encoding: str):
    model, critic = state.model, state.critic

    def mean(values):
        # Summed over replicas this is the mean over the global batch, whatever the number of replicas.
        return tf.reduce_sum(values) / settings.global_batch

    def replica_step(batches, i):
        batch = {name: values[i] for name, values in batches.items()}
        inputs, targets = batches_input.to_network(batch, encoding)
        with tf.GradientTape(persistent=critic is not None) as tape:
            # A dataset may hold more than a network takes: not every network wants the embedding.
            outputs = model({name: inputs[name] for name in model.input}, training=True)
            parts = state.loss(targets, outputs)
            if critic:
                parts["adversarial"], parts["critic"] = discriminator.judge(critic.model, targets, outputs)
                parts["loss"] += settings.adversarial_weight * parts["adversarial"]
            parts = {name: mean(values) for name, values in parts.items()}
        gradients = tape.gradient(parts["loss"], model.trainable_variables)
        if critic:
            # Both learn from the same forward pass, before either has moved: no order in which one has the last word.
            critic.learn(tape.gradient(parts["critic"], critic.model.trainable_variables))
        state.network.learn(gradients)
        return parts, batch["record"]

    return replica_step
