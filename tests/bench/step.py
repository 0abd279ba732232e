"""The step: the training loop's wall time a step, input and log included, against the bare step on fixed tensors."""

import statistics
import tempfile
import time
from pathlib import Path

from tests.bench.common import REPEATS, prepare
from tintmill.pipeline.common.tensorflow import import_tensorflow
from tintmill.pipeline.dataset.manifest import open_dataset

SIZE, BATCH, STEPS = 96, 8, 4


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        flags = (f"--size={SIZE}", "--embedder=mobilenet_v2", "--embedder_weights=random", "--max_reject_fraction=0.2")
        measure(open_dataset(str(prepare(Path(folder), *flags))), folder)


def measure(data, run: str) -> None:
    import_tensorflow()
    from tintmill.trainer.input.read_ahead import ReadAhead
    from tintmill.trainer.run.folder import RunFolder
    from tintmill.trainer.run.settings import TrainSettings
    from tintmill.trainer.training import step
    from tintmill.trainer.training.log import Log, Row

    settings = TrainSettings(global_batch=BATCH, steps=10_000, log_every=STEPS, checkpoint_every=STEPS)
    state = step.make_state(step.make_strategy(1), settings, data)
    train_steps, count = step.make_steps(state, settings, data.settings.encoding), step.tf.constant(STEPS)
    with (
        ReadAhead(state.strategy, settings, data, 0) as ahead,
        ReadAhead(state.strategy, settings, data, 0) as stays,
        Log(RunFolder(run), settings, data, 0) as log,
    ):
        calls, (_, fixed) = iter(ahead), next(iter(stays))

        def loop() -> float:
            """As `train` does it: input, step, log; returns the share of the time spent waiting for input."""
            began = time.perf_counter()
            steps, batches = next(calls)
            losses, records = train_steps(batches, count)
            losses = {name: values.numpy() for name, values in losses.items()}
            log.write(Row(steps, losses, records.numpy(), time.perf_counter() - began, ahead.waited))
            return ahead.waited / (time.perf_counter() - began)

        train_steps(fixed, count), loop()
        whole, bare, waits = [], [], []
        for _ in range(REPEATS):  # in turns, so that a neighbour's load falls on both
            bare.append(seconds(lambda: train_steps(fixed, count)[1].numpy()))
            whole.append(seconds(lambda: waits.append(loop())))
    bare_step, whole_step = statistics.median(bare) / STEPS, statistics.median(whole) / STEPS
    print(f"koalarization, {SIZE}x{SIZE}, batch {BATCH}, one CPU device")
    print(f"{'bare compiled step':<34}{1e3 * bare_step:9.1f} ms, {BATCH / bare_step:.1f} pictures/s")
    print(f"{'the loop: input, step, log':<34}{1e3 * whole_step:9.1f} ms, {BATCH / whole_step:.1f} pictures/s")
    print(f"{'bare / loop':<34}{bare_step / whole_step:9.3f}")
    print(f"{'share of the loop spent waiting':<34}{statistics.median(waits):9.3f}")


def seconds(work) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
