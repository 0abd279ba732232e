"""The step: the training loop's wall time a step, input included, against the bare compiled step on fixed tensors."""

import statistics
import tempfile
import time
from pathlib import Path

from pipeline.dataset import open_dataset
from pipeline.quiet import import_tensorflow
from tests.bench.common import REPEATS, prepare

SIZE, BATCH, STEPS = 96, 8, 4


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        flags = (f"--size={SIZE}", "--embedder=mobilenet_v2", "--embedder_weights=random", "--max_reject_fraction=0.2")
        measure(open_dataset(str(prepare(Path(folder), *flags))))


def measure(data) -> None:
    import_tensorflow()
    from trainer import step
    from trainer.settings import TrainSettings

    settings = TrainSettings(global_batch=BATCH, steps=10_000, log_every=STEPS, checkpoint_every=STEPS)
    state = step.make_state(step.make_strategy(1), settings, data)
    steps = step.make_steps(state, settings, data.settings["encoding"])
    iterator = step.make_iterator(state, settings, data, 0)
    fixed = next(iter(step.make_iterator(state, settings, data, 0)))
    repeated = iter(state.strategy.experimental_distribute_dataset(repeat(step.tf, state, fixed)))
    count = step.tf.constant(STEPS)
    steps(iterator, count), steps(repeated, count)
    whole, bare = [], []
    for _ in range(REPEATS):  # in turns, so that a neighbour's load falls on both
        bare.append(seconds(lambda: steps(repeated, count)[1].numpy()))
        whole.append(seconds(lambda: steps(iterator, count)[1].numpy()))
    bare_step, whole_step = statistics.median(bare) / STEPS, statistics.median(whole) / STEPS
    print(f"koalarization, {SIZE}x{SIZE}, batch {BATCH}, one CPU device")
    print(f"{'bare compiled step':<34}{1e3 * bare_step:9.1f} ms, {BATCH / bare_step:.1f} pictures/s")
    print(f"{'step with input':<34}{1e3 * whole_step:9.1f} ms, {BATCH / whole_step:.1f} pictures/s")
    print(f"{'bare / with input':<34}{bare_step / whole_step:9.3f}")


def repeat(tf, state, batch):
    local = {key: state.strategy.experimental_local_results(value)[0] for key, value in batch.items()}
    return tf.data.Dataset.from_tensors(local).repeat()


def seconds(work) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
