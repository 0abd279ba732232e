"""Trains a network on a dataset directory.

    tintmill train --data=DATASETS/mine/1.0.0 --run=RUNS/first --network=koalarization --steps=10000

The same command resumes an interrupted run, bit for bit as if it had not been interrupted. SIGTERM (preemption) saves
and exits with 0, Ctrl-C saves and exits with 130; a second one stops at once.
"""

import contextlib
import math
import os
import re
import sys
import time

import numpy as np
from absl import flags

from model import artefact
from model.network_spec import WITH_ENCODER
from pipeline import command
from pipeline.dataset import Dataset, open_dataset
from pipeline.errors import TintmillError
from pipeline.quiet import import_tensorflow
from trainer import best, checkpoint
from trainer.settings import BEST_BY, KEEP, PRECISIONS, SCHEDULES, TrainSettings, begin_run
from trainer.stop import StopSignal

FLAGS = flags.FlagValues()
_D = TrainSettings()
_VALIDATION = "val"

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
flags.DEFINE_boolean("mirror", _D.mirror, "Mirror every other picture, drawn by lot.", flag_values=FLAGS)
flags.DEFINE_integer("crop", _D.crop, "Side of a random square cut from each picture; 0: none.", flag_values=FLAGS)
flags.DEFINE_float("lightness_jitter", _D.lightness_jitter, "L* by up to this share, at random.", flag_values=FLAGS)
flags.DEFINE_integer("seed", _D.seed, "Seed of weights and data order.", flag_values=FLAGS)
flags.DEFINE_enum("precision", _D.precision, PRECISIONS, "Computation; variables stay float32.", flag_values=FLAGS)
flags.DEFINE_boolean("deterministic", _D.deterministic, "Bit-exact; off is faster on GPUs.", flag_values=FLAGS)
flags.DEFINE_integer("replicas", _D.replicas, "Devices; 0: all GPUs, else one CPU.", flag_values=FLAGS)
flags.DEFINE_integer("log_every", _D.log_every, "Steps a compiled call and a row of metrics.csv.", flag_values=FLAGS)
flags.DEFINE_integer("checkpoint_every", _D.checkpoint_every, "Steps between checkpoints.", flag_values=FLAGS)
flags.DEFINE_integer("keep_checkpoints", _D.keep_checkpoints, "How many checkpoints stay.", flag_values=FLAGS)
flags.DEFINE_string("validation_split", None, "By default val, where the dataset has it.", flag_values=FLAGS)
flags.DEFINE_integer("validate_every", _D.validate_every, "Steps between validations; 0: never.", flag_values=FLAGS)
flags.DEFINE_integer("validation_records", _D.validation_records, "A fixed sample of so many.", flag_values=FLAGS)
flags.DEFINE_enum("best_by", _D.best_by, BEST_BY, "What the best validation is best by.", flag_values=FLAGS)
flags.DEFINE_enum("keep", _D.keep, KEEP, "Which network becomes model.keras.", flag_values=FLAGS)
flags.DEFINE_integer(
    "patience", _D.patience, "Stop after so many validations without a better one; 0: never.", flag_values=FLAGS
)
flags.DEFINE_boolean("log_ids", _D.log_ids, "Write each step's picture ids to ids.jsonl.", flag_values=FLAGS)


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


def settings_from_flags(dataset: Dataset) -> TrainSettings:
    values = {name: FLAGS[name].value for name in TrainSettings.__dataclass_fields__}
    if FLAGS.epochs:
        values["steps"] = math.ceil(FLAGS.epochs * dataset.splits[FLAGS.split] / FLAGS.global_batch)
    if FLAGS.validation_split is None:
        values["validation_split"] = _VALIDATION if _VALIDATION in dataset.splits else ""
    elif FLAGS.validation_split:
        dataset.check_split(FLAGS.validation_split)
    return TrainSettings(**values)


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
    return command.run("train", FLAGS, main, argv, __doc__)


if __name__ == "__main__":
    sys.exit(run_command(sys.argv[1:]))
