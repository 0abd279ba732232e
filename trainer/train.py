"""Trains a network on a dataset directory.

    tintmill train --data=DATASETS/mine/1.0.0 --run=RUNS/first --network=koalarization --steps=10000

The same command resumes an interrupted run, bit for bit as if it had not been interrupted. SIGTERM (preemption) saves
and exits with 0, Ctrl-C saves and exits with 130; a second one stops at once.
"""

import contextlib
import os
import re
import sys
import time

import numpy as np

from model import artefact
from model.network_spec import WITH_ENCODER
from pipeline import command
from pipeline.dataset import Dataset, open_dataset
from pipeline.errors import TintmillError
from pipeline.quiet import import_tensorflow
from trainer import best, checkpoint
from trainer.settings import TrainSettings, begin_run
from trainer.stop import StopSignal
from trainer.train_flags import FLAGS, TOPICS, settings_from_flags


def main(arguments: list[str]) -> None:
    if arguments:
        raise TintmillError(f"wanted flags only, got {arguments}")
    dataset = open_dataset(FLAGS.data)
    dataset.check_split(FLAGS.split)
    settings = settings_from_flags(dataset)
    from trainer.shards import check_dataset

    check_dataset(dataset)
    begin_run(FLAGS.run, settings, dataset, FLAGS.flags_into_string())
    train(FLAGS.run, settings, dataset)


def train(run: str, settings: TrainSettings, dataset: Dataset) -> None:
    """Trains from the newest checkpoint, or from the start, to `settings.steps`; leaves model.keras.

    Raises:
      TintmillError: the loss is no longer finite, or the disk is full.
    """
    import_tensorflow()
    from trainer import step
    from trainer.log import Log

    if settings.deterministic:
        step.tf.config.experimental.enable_op_determinism()
    state = step.make_state(step.make_strategy(settings.replicas), settings, dataset)
    start = checkpoint.restore(os.path.join(run, "checkpoints"), state.variables)
    _say_start(settings, dataset, state, start)
    with StopSignal() as stop, Log(run, settings, dataset, start) as log:
        at = _loop(run, settings, dataset, state, start, log, stop)
    if stop.received and at < settings.steps:
        print(f"stopped at step {at} of {settings.steps}, saved; run the same command again to go on", file=sys.stderr)
        stop.finish()
    with _writing(run):
        _save_result(run, settings, state.model, log.validations)
    print(run)


def _loop(run: str, settings: TrainSettings, dataset: Dataset, state, start: int, log, stop: StopSignal) -> int:
    """Trains, logs, validates, saves, in this order, call by call; returns the step it came to."""
    from trainer import step
    from trainer.validation import Validation

    encoding = dataset.settings["encoding"]
    steps, iterator = step.make_steps(state, settings, encoding), step.make_iterator(state, settings, dataset, start)
    validate = Validation(state, settings, dataset) if settings.validated else None
    best.remove_later(run, start)
    at, saved = start, start
    while at < settings.steps and not stop.received and not best.out_of_patience(log.validations, settings):
        count = min(settings.log_every - at % settings.log_every, settings.steps - at)
        began = time.perf_counter()
        losses, records = _train_steps(steps, iterator, step.tf.constant(count))
        _check_finite(run, settings, dataset, at, losses, records)
        with _writing(run):
            log.write(at, losses, records, time.perf_counter() - began)
        at += count
        if validate and (_passed(settings.validate_every, at - count, at) or at == settings.steps):
            with _writing(run):
                log.write_validation(at, *validate())
                best.keep(run, state.model, log.validations, settings)
        ends = at == settings.steps or stop.received or best.out_of_patience(log.validations, settings)
        if at % settings.checkpoint_every == 0 or ends:
            saved = _save(run, at, state, settings, saved)
    return at


def _passed(every: int, before: int, at: int) -> bool:
    """Whether a multiple of `every` lies after `before` and not after `at`."""
    return at // every > before // every


def _save_result(run: str, settings: TrainSettings, model, validations: list[dict]) -> None:
    if settings.keep == "best":
        best.take(run, validations, settings)
    else:
        artefact.save_model(run, model)
    if best.out_of_patience(validations, settings):
        print(
            f"stopped early: no better {settings.best_by} in {settings.patience} validations, best at step "
            f"{best.best_step(validations, settings)}",
            file=sys.stderr,
        )


def _train_steps(steps, iterator, count) -> tuple[dict[str, np.ndarray], np.ndarray]:
    import tensorflow as tf

    try:
        losses, records = steps(iterator, count)
        return {name: values.numpy() for name, values in losses.items()}, records.numpy()
    except tf.errors.OpError as error:
        # What the reader raised arrives as text inside TensorFlow's own error.
        damaged = re.search(r"ValueError: (.* is damaged)", str(error))
        if not damaged:
            raise
        raise TintmillError(f"{damaged[1]} since training began; `tintmill verify` lists all of it") from error


@contextlib.contextmanager
def _writing(run: str):
    try:
        yield
    except OSError as error:
        raise TintmillError(
            f"--run={run}: cannot be written: {error}; put that right and run the same command again to go on"
        ) from error


def _save(run: str, at: int, state, settings: TrainSettings, saved: int) -> int:
    if at != saved:
        checkpoint.save(os.path.join(run, "checkpoints"), at, state.variables, settings.keep_checkpoints)
    return at


def _check_finite(run: str, settings: TrainSettings, dataset: Dataset, at: int, losses: dict, records) -> None:
    finite = np.all([np.isfinite(values) for values in losses.values()], axis=0)
    if np.all(finite):
        return
    from trainer.shards import record_ids

    bad = int(np.argmin(finite))
    said = ", ".join(f"{name} is {values[bad]}" for name, values in losses.items() if not np.isfinite(values[bad]))
    ids = record_ids(dataset, settings.split, records[bad])
    steps = checkpoint.list_steps(os.path.join(run, "checkpoints"))
    raise TintmillError(
        f"the {said} at step {at + bad + 1}; the batch was {ids}; the last good checkpoint is of step "
        f"{steps[-1] if steps else 'none'}; try a smaller --learning_rate in another --run"
    )


def _say_start(settings: TrainSettings, dataset: Dataset, state, start: int) -> None:
    if settings.network in WITH_ENCODER and settings.encoder_weights == "random":
        print(f"NOTE: the encoder of {settings.network} has RANDOM weights", file=sys.stderr)
    devices = ", ".join(device.split("/device:")[-1] for device in state.strategy.extended.worker_devices)
    begin = f"resumed at step {start}" if start else "from the start"
    print(
        f"{settings.network}, {state.model.count_params():,} parameters, on {devices}; "
        f"{dataset.splits[settings.split]} records; {begin}, to step {settings.steps}",
        file=sys.stderr,
    )


def run_command(argv: list[str]) -> int:
    return command.run("train", FLAGS, main, argv, __doc__, topics=TOPICS)


if __name__ == "__main__":
    sys.exit(run_command(sys.argv[1:]))
