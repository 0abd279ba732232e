"""The compiled training step, the same on one device and on many.

Several steps run in one call by an inner `tf.range`: Keras' own `steps_per_execution` fails on two replicas, and `fit`
under MultiWorkerMirroredStrategy.
"""

import dataclasses

import keras

from model import networks
from model.losses import LOSSES
from model.network_spec import NetworkSpec
from pipeline.dataset import Dataset
from pipeline.errors import TintmillError
from pipeline.quiet import import_tensorflow
from trainer import input as batches_input
from trainer.settings import TrainSettings, check_batch

tf = import_tensorflow()


@dataclasses.dataclass
class State:
    """What a run changes: the network and its optimizer, both made inside the strategy's scope."""

    strategy: tf.distribute.Strategy
    model: keras.Model
    optimizer: keras.optimizers.Optimizer

    @property
    def variables(self) -> list:
        """Everything that a checkpoint holds: weights, statistics, seed generators, optimizer slots."""
        return [*self.model.variables, *self.optimizer.variables]


def make_strategy(replicas: int) -> tf.distribute.Strategy:
    """MirroredStrategy over `replicas` devices; 0 means all visible GPUs, or one CPU where there is none.

    Without GPUs, several replicas are virtual CPUs: for tests, not for speed. Must be called before TensorFlow runs.

    Raises:
      TintmillError: more replicas wanted than there are GPUs.
    """
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        count = replicas or len(gpus)
        if count > len(gpus):
            raise TintmillError(f"--replicas={replicas}: this machine has {len(gpus)} GPUs")
        return tf.distribute.MirroredStrategy([f"GPU:{i}" for i in range(count)])
    count = replicas or 1
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * count)
    return tf.distribute.MirroredStrategy([f"CPU:{i}" for i in range(count)])


def make_state(strategy: tf.distribute.Strategy, settings: TrainSettings, dataset: Dataset) -> State:
    """Builds network and optimizer; the weights follow from the seed alone."""
    check_batch(settings.global_batch, strategy.num_replicas_in_sync)
    if settings.loss not in LOSSES:
        raise TintmillError(f"--loss={settings.loss}: wanted one of {', '.join(LOSSES)}")
    keras.utils.set_random_seed(settings.seed)
    keras.mixed_precision.set_dtype_policy("float32" if settings.precision == "float32" else "mixed_bfloat16")
    with strategy.scope():
        model = networks.build(settings.network, network_spec(settings, dataset))
        optimizer = keras.optimizers.Adam(settings.learning_rate)
        optimizer.build(model.trainable_variables)
    return State(strategy, model, optimizer)


def network_spec(settings: TrainSettings, dataset: Dataset) -> NetworkSpec:
    """What the dataset and the loss ask of the network."""
    side = dataset.settings["size"] if networks.find(settings.network).FIXED_SIZE else None
    return NetworkSpec(dataset.embedder and dataset.embedder["dimension"], side, side)


def make_iterator(state: State, settings: TrainSettings, dataset: Dataset, start: int):
    """Batches from step `start` on, dealt to the replicas in order."""
    replicas = state.strategy.num_replicas_in_sync

    def per_replica(context):
        return batches_input.batches(
            dataset, settings.split, settings.seed, settings.global_batch, start, settings.steps, replicas
        )

    return iter(state.strategy.distribute_datasets_from_function(per_replica))


def make_steps(state: State, settings: TrainSettings, encoding: str):
    """A compiled function (iterator, n) -> (losses float32 [n], records int64 [n, global_batch]).

    It trains n steps; `records` is what each step really saw, in order.
    """
    strategy, model, optimizer = state.strategy, state.model, state.optimizer
    loss = LOSSES[settings.loss]

    def replica_step(batch):
        inputs, targets = batches_input.to_network(batch, encoding)
        with tf.GradientTape() as tape:
            # A dataset may hold more than a network takes: not every network wants the embedding.
            outputs = model({name: inputs[name] for name in model.input}, training=True)
            # Summed over replicas this is the mean over the global batch, whatever the number of replicas.
            total = tf.reduce_sum(loss(targets, outputs)) / settings.global_batch
        gradients = tape.gradient(total, model.trainable_variables)
        optimizer.apply(gradients, model.trainable_variables)
        return total, batch["record"]

    @tf.function
    def steps(iterator, count):
        losses = tf.TensorArray(tf.float32, size=count)
        records = tf.TensorArray(tf.int64, size=count, element_shape=[settings.global_batch])
        for i in tf.range(count):
            total, seen = strategy.run(replica_step, args=(next(iterator),))
            losses = losses.write(i, strategy.reduce(tf.distribute.ReduceOp.SUM, total, axis=None))
            records = records.write(i, tf.concat(strategy.experimental_local_results(seen), axis=0))
        return losses.stack(), records.stack()

    return steps
