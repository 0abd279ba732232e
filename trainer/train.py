"""Trains a network on a dataset directory.

    tintmill train --data=DATASETS/mine/1.0.0 --run=RUNS/first --network=koalarization --steps=10000

The same command resumes an interrupted run, bit for bit as if it had not been interrupted. SIGTERM (preemption) saves
and exits with 0, Ctrl-C saves and exits with 130; a second one stops at once.
"""

import contextlib
import csv
import json
import math
import os
import re
import signal
import sys
import time

import numpy as np
from absl import flags

from model.network_spec import WITH_ENCODER
from pipeline import command, files
from pipeline.dataset import Dataset, open_dataset
from pipeline.errors import TintmillError
from pipeline.quiet import import_tensorflow
from trainer import checkpoint
from trainer.settings import PRECISIONS, SCHEDULES, TrainSettings, begin_run

FLAGS = flags.FlagValues()
_D = TrainSettings()

flags.DEFINE_string("data", None, "Dataset directory.", flag_values=FLAGS, required=True)
flags.DEFINE_string("run", None, "Run directory, new or to be resumed.", flag_values=FLAGS, required=True)
flags.DEFINE_string("network", _D.network, "Network; `tintmill networks` lists them.", flag_values=FLAGS)
flags.DEFINE_string("encoder_weights", _D.encoder_weights, "imagenet, random or a file.", flag_values=FLAGS)
flags.DEFINE_integer("global_size", _D.global_size, "iizuka: side of its global copy.", flag_values=FLAGS)
flags.DEFINE_string("loss", _D.loss, "mse, l1, huber or bins.", flag_values=FLAGS)
flags.DEFINE_float("rebalance", _D.rebalance, "Of --loss=bins: how evenly bins count; 1: all alike.", flag_values=FLAGS)
flags.DEFINE_float("class_weight", _D.class_weight, "Weight of the class's cross entropy.", flag_values=FLAGS)
flags.DEFINE_float("colourfulness_weight", _D.colourfulness_weight, "Weight of 1 - M3/100.", flag_values=FLAGS)
flags.DEFINE_float("perceptual_weight", _D.perceptual_weight, "Weight of the perceptual loss.", flag_values=FLAGS)
flags.DEFINE_string("perceptual_network", _D.perceptual_network, "vgg16 or mobilenet_v2.", flag_values=FLAGS)
flags.DEFINE_string("perceptual_weights", _D.perceptual_weights, "imagenet, random or a file.", flag_values=FLAGS)
flags.DEFINE_float("adversarial_weight", _D.adversarial_weight, "Weight of a PatchGAN's verdict.", flag_values=FLAGS)
flags.DEFINE_string("split", _D.split, "Split to train on.", flag_values=FLAGS)
flags.DEFINE_integer("global_batch", _D.global_batch, "Pictures a step, over all replicas.", flag_values=FLAGS)
flags.DEFINE_integer("steps", _D.steps, "Train until this step.", flag_values=FLAGS)
flags.DEFINE_float("epochs", 0, "Train for so many epochs, instead of --steps.", flag_values=FLAGS)
flags.DEFINE_float("learning_rate", _D.learning_rate, "Adam's learning rate, at its highest.", flag_values=FLAGS)
flags.DEFINE_enum("schedule", _D.schedule, SCHEDULES, "Of the learning rate; cosine ends near 0.", flag_values=FLAGS)
flags.DEFINE_integer("warmup_steps", _D.warmup_steps, "Steps of rising learning rate.", flag_values=FLAGS)
flags.DEFINE_integer("seed", _D.seed, "Seed of weights and data order.", flag_values=FLAGS)
flags.DEFINE_enum("precision", _D.precision, PRECISIONS, "Computation; variables stay float32.", flag_values=FLAGS)
flags.DEFINE_boolean("deterministic", _D.deterministic, "Bit-exact; off is faster on GPUs.", flag_values=FLAGS)
flags.DEFINE_integer("replicas", _D.replicas, "Devices; 0: all GPUs, else one CPU.", flag_values=FLAGS)
flags.DEFINE_integer("log_every", _D.log_every, "Steps a compiled call and a row of metrics.csv.", flag_values=FLAGS)
flags.DEFINE_integer("checkpoint_every", _D.checkpoint_every, "Steps between checkpoints.", flag_values=FLAGS)
flags.DEFINE_integer("keep_checkpoints", _D.keep_checkpoints, "How many checkpoints stay.", flag_values=FLAGS)
flags.DEFINE_boolean("log_ids", _D.log_ids, "Write each step's picture ids to ids.jsonl.", flag_values=FLAGS)


def main(arguments: list[str]) -> None:
    if arguments:
        raise TintmillError(f"wanted flags only, got {arguments}")
    dataset = open_dataset(FLAGS.data)
    dataset.check_split(FLAGS.split)
    settings = settings_from_flags(dataset)
    from trainer.input import check_dataset

    check_dataset(dataset)
    begin_run(FLAGS.run, settings, dataset, FLAGS.flags_into_string())
    train(FLAGS.run, settings, dataset)


def settings_from_flags(dataset: Dataset) -> TrainSettings:
    names = [name for name in TrainSettings.__dataclass_fields__ if name != "steps"]
    steps = FLAGS.steps
    if FLAGS.epochs:
        steps = math.ceil(FLAGS.epochs * dataset.splits[FLAGS.split] / FLAGS.global_batch)
    return TrainSettings(steps=steps, **{name: getattr(FLAGS, name) for name in names})


def train(run: str, settings: TrainSettings, dataset: Dataset) -> None:
    """Trains from the newest checkpoint, or from the start, to `settings.steps`; leaves model.keras.

    Raises:
      TintmillError: the loss is no longer finite, or the disk is full.
    """
    import_tensorflow()
    from model import artefact
    from trainer import step

    if settings.deterministic:
        step.tf.config.experimental.enable_op_determinism()
    state = step.make_state(step.make_strategy(settings.replicas), settings, dataset)
    start = checkpoint.restore(os.path.join(run, "checkpoints"), state.variables)
    _say_start(settings, dataset, state, start)
    steps = step.make_steps(state, settings, dataset.settings["encoding"])
    iterator = step.make_iterator(state, settings, dataset, start)
    with StopSignal() as stop, Log(run, settings, dataset, start) as log:
        at, saved = start, start
        while at < settings.steps and not stop.received:
            count = min(settings.log_every - at % settings.log_every, settings.steps - at)
            began = time.perf_counter()
            losses, records = _train_steps(steps, iterator, step.tf.constant(count))
            _check_finite(run, settings, dataset, at, losses, records)
            with _writing(run):
                log.write(at, losses, records, time.perf_counter() - began)
            at += count
            if at % settings.checkpoint_every == 0 or at == settings.steps or stop.received:
                saved = _save(run, at, state, settings, saved)
    if at < settings.steps:
        print(f"stopped at step {at} of {settings.steps}, saved; run the same command again to go on", file=sys.stderr)
        stop.finish()
    with _writing(run):
        artefact.save_model(run, state.model)
    print(run)


class Log:
    """metrics.csv, TensorBoard, ids.jsonl, progress line. What a killed run logged ahead of its checkpoint goes."""

    def __init__(self, run: str, settings: TrainSettings, dataset: Dataset, start: int):
        from tqdm import tqdm

        from trainer.step import part_names, tf

        self._parts = part_names(settings)
        self._settings = settings
        self._records = dataset.splits[settings.split]
        self._csv = _continue_log(os.path.join(run, "metrics.csv"), start, lambda line: int(line.split(",")[0]))
        if self._csv.tell() == 0:
            self._csv.write(",".join(("step", "epoch", *self._parts, "pictures_per_second")) + "\n")
        self._ids, self._id_file = None, None
        if settings.log_ids:
            from trainer.input import record_ids

            self._ids = record_ids(dataset, settings.split, np.arange(self._records))
            path = os.path.join(run, "ids.jsonl")
            self._id_file = _continue_log(path, start, lambda line: json.loads(line)["step"])
        self._board = tf.summary.create_file_writer(os.path.join(run, "tensorboard"))
        self._tf = tf
        pace = 0.1 if sys.stderr.isatty() else 30.0  # seconds between lines: a log file wants few
        self._bar = tqdm(total=settings.steps, initial=start, unit=" steps", smoothing=0.1, mininterval=pace)

    def write(self, step: int, losses: dict[str, np.ndarray], records: np.ndarray, seconds: float) -> None:
        """Logs the steps `step`.. of one call: the mean of their losses, and their records."""
        last, means = step + len(records), {name: float(np.mean(losses[name])) for name in self._parts}
        rate = records.size / seconds
        epoch = last * self._settings.global_batch / self._records
        row = [last, f"{epoch:.4f}", *map(repr, means.values()), f"{rate:.1f}"]
        csv.writer(self._csv, lineterminator="\n").writerow(row)
        self._csv.flush()
        if self._id_file:
            for i, row in enumerate(records):
                ids = [self._ids[record] for record in row]
                self._id_file.write(json.dumps({"step": step + i + 1, "ids": ids}) + "\n")
            self._id_file.flush()
        with self._board.as_default():
            for name, mean in means.items():
                self._tf.summary.scalar(name, mean, step=last)
            self._tf.summary.scalar("pictures_per_second", rate, step=last)
        self._bar.set_postfix_str(f"loss {means['loss']:.5f}, {rate:.1f} pictures/s", refresh=False)
        self._bar.update(len(records))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._bar.close()
        self._board.close()
        for file in (self._csv, self._id_file):
            if file:
                file.close()


class StopSignal:
    """Turns the first SIGTERM or SIGINT into a wish to stop after the current call; the second acts at once."""

    def __init__(self):
        self.received: int | None = None

    def __enter__(self):
        self._before = {number: signal.signal(number, self._receive) for number in (signal.SIGTERM, signal.SIGINT)}
        return self

    def __exit__(self, *_):
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def finish(self) -> None:
        """Ends the process after the state is saved: 0 for SIGTERM, 130 for Ctrl-C."""
        sys.exit(130 if self.received == signal.SIGINT else 0)

    def _receive(self, number, frame):
        if self.received:
            self.__exit__()
            raise command.Terminated if number == signal.SIGTERM else KeyboardInterrupt
        print("\nstopping after this call; once more to stop at once", file=sys.stderr)
        self.received = number


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


def _continue_log(path: str, start: int, step_of):
    """Opens a log for appending, less the lines after step `start` and a last one cut off by a kill."""
    if os.path.exists(path):
        lines = files.read(path).decode().splitlines(keepends=True)
        kept = [line for line in lines if line.endswith("\n") and (line[0].isalpha() or step_of(line) <= start)]
        files.write(path, "".join(kept))
    return open(path, "a")


def _check_finite(run: str, settings: TrainSettings, dataset: Dataset, at: int, losses: dict, records) -> None:
    finite = np.all([np.isfinite(values) for values in losses.values()], axis=0)
    if np.all(finite):
        return
    from trainer.input import record_ids

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
    return command.run("train", FLAGS, main, argv, __doc__)


if __name__ == "__main__":
    sys.exit(run_command(sys.argv[1:]))
