"""Trains a network on a dataset directory.

    tintmill train --data=DATASETS/mine/1.0.0 --run=RUNS/first --network=koalarization --steps=10000

The same command resumes an interrupted run, bit for bit as if it had not been interrupted. SIGTERM (preemption) saves
and exits with --stopped_code, Ctrl-C saves and exits with 130; a second one stops at once.

It trains on all GPUs of the machine. On several machines start the same command on each, with --run and --data where
all of them see it, and TensorFlow's TF_CONFIG in the environment, which names them all and which this one is.
"""

import contextlib
import re
import sys
import time

import numpy as np

from tintmill.model.blocks.spec import WITH_ENCODER
from tintmill.model.prediction import saved_model
from tintmill.pipeline.common import command
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.common.tensorflow import import_tensorflow
from tintmill.pipeline.dataset.manifest import Dataset, open_dataset
from tintmill.trainer.input import stage
from tintmill.trainer.run import best, checkpoint, starts
from tintmill.trainer.run.begin import begin_run, join_run
from tintmill.trainer.run.folder import RunFolder
from tintmill.trainer.run.settings import TrainSettings
from tintmill.trainer.training import cluster
from tintmill.trainer.training.stop import StopSignal
from tintmill.trainer.training.train_flags import FLAGS, TOPICS, settings_from_flags


def main(arguments: list[str]) -> None:
    if arguments:
        raise TintmillError(f"wanted flags only, got {arguments}")
    dataset = open_dataset(FLAGS.data)
    dataset.check_split(FLAGS.split)
    settings = settings_from_flags(dataset)
    dataset = stage.on_this_machine(dataset, settings.splits_read, FLAGS)
    run, members = RunFolder(FLAGS.run), cluster.from_environment()
    if members.chief:
        begin_run(run, settings, dataset, FLAGS.flags_into_string())
    train(run, settings, dataset, members)


def train(run: RunFolder, settings: TrainSettings, dataset: Dataset, members: cluster.Cluster = cluster.ALONE) -> None:
    """Trains from the newest checkpoint, or from the start, to `settings.steps`; leaves model.keras.

    Of several processes all compute and the chief writes; all of them read the checkpoints in `run`.

    Raises:
      TintmillError: the loss is no longer finite, or the disk is full.
    """
    import_tensorflow()
    from tintmill.trainer.training import step
    from tintmill.trainer.training.log import Log

    if settings.deterministic:
        step.tf.config.experimental.enable_op_determinism()
    state = step.make_state(step.make_strategy(settings.replicas, members.workers), settings, dataset)
    if not members.chief:
        join_run(run, settings, dataset)  # by now all have met, and the chief has begun it
    start = checkpoint.restore(run.checkpoints, state.variables)
    _say_start(settings, dataset, state, start, members)
    with (
        _others_present(),
        StopSignal() as stop,
        Log(run, settings, dataset, start) if members.chief else contextlib.nullcontext() as log,
    ):
        at, stopped = _loop(run, settings, dataset, state, start, log, stop, members.rank)
    if stopped and at < settings.steps:
        print(f"stopped at step {at} of {settings.steps}, saved; run the same command again to go on", file=sys.stderr)
        step.any_worker(state.strategy, [True])  # the others wait until all is saved: some schedulers end all with one
        stop.finish(FLAGS.stopped_code)
    if members.chief:
        with _writing(run), state.network.averaged():
            _save_result(run, settings, state.model, log.validations)
        print(run)
    step.any_worker(state.strategy, [True])  # the others wait until all is written


def _loop(
    run: RunFolder, settings: TrainSettings, dataset: Dataset, state, start: int, log, stop, rank
) -> tuple[int, bool]:
    """Trains, logs, validates, saves, in this order, once a row of metrics.csv.

    Returns:
      The step it came to, and whether one of the workers was told to stop.
    """
    from tintmill.trainer.input.read_ahead import ReadAhead, calls_of
    from tintmill.trainer.training import step
    from tintmill.trainer.training.profiling import Profile

    train_steps = step.make_steps(state, settings, dataset.settings.encoding)
    note = _make_note(run, settings, dataset, state, start, log) if log else None
    profile = Profile(run, settings)
    at, saved = start, start
    stopped, ends = _agree(state, settings, at, stop, log)
    if log and not ends:
        with _writing(run):
            starts.record(run.starts_file, starts.describe(state.strategy, start))
    with ReadAhead(state.strategy, settings, dataset, start, rank) as ahead, contextlib.closing(profile):
        calls, rows = iter(ahead), calls_of(start, settings.steps, settings.log_every)
        while not ends:
            began = time.perf_counter()
            steps = next(rows)
            profile.before(steps)
            losses, records, waited = _train_row(train_steps, steps, calls, ahead)
            profile.after()
            _check_finite(run, settings, dataset, at, losses, records)
            at = steps.stop
            if log:
                note(steps, losses, records, time.perf_counter() - began, waited)
            stopped, ends = _agree(state, settings, at, stop, log)
            if log and (at % settings.checkpoint_every == 0 or ends):
                saved = _save(run, at, state, settings, saved)
    return at, stopped


def _agree(state, settings: TrainSettings, at: int, stop: StopSignal, log) -> tuple[bool, bool]:
    """(whether a worker was told to stop, whether training ends here), the same on all workers."""
    from tintmill.trainer.training import step

    patience = bool(log) and best.out_of_patience(log.validations, settings)
    stopped, patience = step.any_worker(state.strategy, [bool(stop.received), patience])
    return stopped, stopped or patience or at >= settings.steps


def _make_note(run: RunFolder, settings: TrainSettings, dataset: Dataset, state, start: int, log):
    """What the chief does after each row: it logs, and validates where that is due."""
    from tintmill.trainer.training.validation import Validation

    validate = Validation(state, settings, dataset) if settings.validated else None
    best.remove_later(run, start)

    def note(steps: range, losses: dict, records: np.ndarray, seconds: float, waited: float) -> None:
        with _writing(run):
            log.write(steps.start, losses, records, seconds, waited)
            if validate and (_passed(settings.validate_every, steps) or steps.stop == settings.steps):
                with state.network.averaged():
                    log.write_validation(steps.stop, *validate())
                    best.keep(run, state.model, log.validations, settings)

    return note


def _passed(every: int, steps: range) -> bool:
    """Whether one of the steps ends at a multiple of `every`."""
    return steps.stop // every > steps.start // every


def _save_result(run: RunFolder, settings: TrainSettings, model, validations: list[dict]) -> None:
    if settings.keep == "best":
        best.take(run, validations, settings)
    else:
        saved_model.save_model(run.path, model)
    if best.out_of_patience(validations, settings):
        print(
            f"stopped early: no better {settings.best_by} in {settings.patience} validations, best at step "
            f"{best.best_step(validations, settings)}",
            file=sys.stderr,
        )


def _train_row(train_steps, steps: range, calls, ahead) -> tuple[dict[str, np.ndarray], np.ndarray, float]:
    """Trains the steps of a row, in one compiled call or, where batches are large, in several.

    Returns:
      Losses [n] by name, records [n, global_batch], and the seconds spent waiting for input.
    """
    import tensorflow as tf

    found, waited, at = [], 0.0, steps.start
    while at < steps.stop:
        call, batches = next(calls)
        losses, records = train_steps(batches, tf.constant(len(call)))
        found.append(({name: values.numpy() for name, values in losses.items()}, records.numpy()))
        waited, at = waited + ahead.waited, call.stop
    losses = {name: np.concatenate([part[name] for part, _ in found]) for name in found[0][0]}
    return losses, np.concatenate([records for _, records in found]), waited


@contextlib.contextmanager
def _others_present():
    from tintmill.trainer.training.step import tf

    try:
        yield
    except tf.errors.OpError as error:
        if "Collective ops is aborted" not in str(error):
            raise
        gone = "; ".join(sorted(set(re.findall(r"/job:\w+/(?:replica:\d+/)?task:\d+", str(error)))))
        raise TintmillError(
            f"a worker of this job ended before its time (TensorFlow names {gone}); start all of them again to go on "
            "from the last checkpoint"
        ) from error


@contextlib.contextmanager
def _writing(run: RunFolder):
    try:
        yield
    except OSError as error:
        raise TintmillError(
            f"--run={run}: cannot be written: {error}; put that right and run the same command again to go on"
        ) from error


def _save(run: RunFolder, at: int, state, settings: TrainSettings, saved: int) -> int:
    if at != saved:
        checkpoint.save(run.checkpoints, at, state.variables, settings.keep_checkpoints)
    return at


def _check_finite(run: RunFolder, settings: TrainSettings, dataset: Dataset, at: int, losses: dict, records) -> None:
    finite = np.all([np.isfinite(values) for values in losses.values()], axis=0)
    if np.all(finite):
        return
    from tintmill.trainer.input.shards import record_ids

    bad = int(np.argmin(finite))
    said = ", ".join(f"{name} is {values[bad]}" for name, values in losses.items() if not np.isfinite(values[bad]))
    ids = record_ids(dataset, settings.split, records[bad])
    steps = checkpoint.list_steps(run.checkpoints)
    raise TintmillError(
        f"the {said} at step {at + bad + 1}; the batch was {ids}; the last good checkpoint is of step "
        f"{steps[-1] if steps else 'none'}; try a smaller --learning_rate in another --run"
    )


def _say_start(settings: TrainSettings, dataset: Dataset, state, start: int, members: cluster.Cluster) -> None:
    if settings.network in WITH_ENCODER and settings.encoder_weights == "random":
        print(f"NOTE: the encoder of {settings.network} has RANDOM weights", file=sys.stderr)
    devices = ", ".join(device.split("/device:")[-1] for device in state.strategy.extended.worker_devices)
    if members.workers > 1:
        devices += f" of worker {members.rank} of {members.workers}"
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
