"""The compiled training step of every network on the same tensors, in turns; medians of REPEATS."""

import statistics

import numpy as np

from tests.bench.step import seconds
from tintmill.pipeline.common.tensorflow import import_tensorflow

SIZE, BATCH, EMBEDDING, REPEATS = 64, 16, 1000, 7


def main() -> None:
    tf = import_tensorflow()
    from tintmill.model.blocks import cost
    from tintmill.model.blocks.spec import NetworkSpec
    from tintmill.model.networks import registry as networks

    spec = NetworkSpec(EMBEDDING, SIZE, SIZE, encoder_weights="random", global_size=SIZE)
    models = {name: networks.build(name, spec) for name in networks.NETWORKS}
    steps = {name: make_step(tf, model) for name, model in models.items()}
    for step in steps.values():
        step()
    times = {name: [] for name in steps}
    for _ in range(REPEATS):  # in turns, so that a neighbour's load falls on all
        for name, step in steps.items():
            times[name].append(seconds(step))
    least = statistics.median(times["koalarization"])
    print(f"{SIZE}x{SIZE}, batch {BATCH}, MSE, Adam, float32, one CPU device; iizuka's copy {SIZE}")
    for name, model in models.items():
        median, work = statistics.median(times[name]), cost.multiply_adds(model)
        print(f"{name:<16}{1e3 * median:8.1f} ms, {median / least:5.2f} times, {work / 1e6:7.0f} M multiply-adds")


def make_step(tf, model):
    """A function that trains one step on fixed tensors."""
    import keras

    random = np.random.default_rng(0)
    inputs = {
        name: tf.constant(random.normal(size=(BATCH, *x.shape[1:])), tf.float32) for name, x in model.input.items()
    }
    targets = tf.constant(random.uniform(-0.5, 0.5, (BATCH, SIZE, SIZE, 2)), tf.float32)
    optimizer = keras.optimizers.Adam(1e-4)
    optimizer.build(model.trainable_variables)

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(model(inputs, training=True)["ab"] - targets))
        optimizer.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)
        return loss

    return lambda: step().numpy()


if __name__ == "__main__":
    main()
