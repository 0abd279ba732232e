"""The flags of `tintmill train`; their defaults are those of `TrainSettings`."""

import math

from absl import flags

from tintmill.pipeline.common import files
from tintmill.pipeline.dataset.manifest import Dataset
from tintmill.trainer.input import stage
from tintmill.trainer.run.settings import BEST_BY, KEEP, OPTIMIZERS, PRECISIONS, SCHEDULES, TrainSettings

FLAGS = flags.FlagValues()
_D = TrainSettings()
_VALIDATION = "val"

flags.DEFINE_string("data", None, "Dataset directory, local or gs://.", flag_values=FLAGS, required=True)
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
flags.DEFINE_integer("accumulate", _D.accumulate, "Pieces a replica computes its part in.", flag_values=FLAGS)
flags.DEFINE_enum("optimizer", _D.optimizer, OPTIMIZERS, "What moves the weights.", flag_values=FLAGS)
flags.DEFINE_float("learning_rate", _D.learning_rate, "At its highest.", flag_values=FLAGS)
flags.DEFINE_enum("schedule", _D.schedule, SCHEDULES, "Of the learning rate; cosine ends near 0.", flag_values=FLAGS)
flags.DEFINE_integer("warmup_steps", _D.warmup_steps, "Steps of rising learning rate.", flag_values=FLAGS)
flags.DEFINE_float("weight_decay", _D.weight_decay, "Of adamw, a step times the rate.", flag_values=FLAGS)
flags.DEFINE_float("clip_norm", _D.clip_norm, "Greatest norm of all gradients together; 0: any.", flag_values=FLAGS)
flags.DEFINE_float("ema", _D.ema, "Momentum of a moving average of the weights; 0: none.", flag_values=FLAGS)
flags.DEFINE_boolean("mirror", _D.mirror, "Mirror every other picture, drawn by lot.", flag_values=FLAGS)
flags.DEFINE_integer("crop", _D.crop, "Side of a random square cut from each picture; 0: none.", flag_values=FLAGS)
flags.DEFINE_float("lightness_jitter", _D.lightness_jitter, "L* by up to this share, at random.", flag_values=FLAGS)
flags.DEFINE_integer("seed", _D.seed, "Seed of weights and data order.", flag_values=FLAGS)
flags.DEFINE_enum("precision", _D.precision, PRECISIONS, "Computation; variables stay float32.", flag_values=FLAGS)
flags.DEFINE_boolean("jit_compile", _D.jit_compile, "Compile the step by XLA.", flag_values=FLAGS)
flags.DEFINE_boolean("deterministic", _D.deterministic, "Bit-exact; off is faster on GPUs.", flag_values=FLAGS)
flags.DEFINE_integer("replicas", _D.replicas, "Devices; 0: all GPUs, else one CPU.", flag_values=FLAGS)
flags.DEFINE_integer("readers", _D.readers, "Threads that read ahead; 0: one a core, 8 at most.", flag_values=FLAGS)
flags.DEFINE_integer("log_every", _D.log_every, "Steps a row of metrics.csv.", flag_values=FLAGS)
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
flags.DEFINE_integer(
    "stopped_code",
    0,
    "Exit code after SIGTERM, where steps are left; with another than 0 a scheduler can tell that from the end.",
    flag_values=FLAGS,
)
flags.DEFINE_boolean("log_ids", _D.log_ids, "Write each step's picture ids to ids.jsonl.", flag_values=FLAGS)
flags.DEFINE_integer("profile_step", _D.profile_step, "First step of a profile; 0: none.", flag_values=FLAGS)
flags.DEFINE_integer("profile_rows", _D.profile_rows, "Rows of --log_every steps in it.", flag_values=FLAGS)
stage.define_flags(FLAGS)

# The headings of `tintmill train --help`; each flag is below one of them.
flags.register_validator(
    "run", lambda run: not files.is_remote(run), "wanted a folder, which all workers see; a bucket is none", FLAGS
)

TOPICS = {
    "Required": ("data", "run"),
    "Data and augmentation": ("split", "mirror", "crop", "lightness_jitter", "cache", "cache_gb"),
    "Network": ("network", "encoder_weights", "global_size"),
    "Loss": (
        "loss",
        "rebalance",
        "class_weight",
        "colourfulness_weight",
        "perceptual_weight",
        "perceptual_network",
        "perceptual_weights",
        "adversarial_weight",
    ),
    "Steps and optimisation": (
        "steps",
        "epochs",
        "global_batch",
        "accumulate",
        "optimizer",
        "learning_rate",
        "schedule",
        "warmup_steps",
        "weight_decay",
        "clip_norm",
        "ema",
        "seed",
    ),
    "Validation": (
        "validation_split",
        "validate_every",
        "validation_records",
        "best_by",
        "keep",
        "patience",
    ),
    "Checkpoints and logs": (
        "checkpoint_every",
        "keep_checkpoints",
        "stopped_code",
        "log_every",
        "log_ids",
        "profile_step",
        "profile_rows",
    ),
    "Devices": (
        "replicas",
        "readers",
        "precision",
        "jit_compile",
        "deterministic",
    ),
}


def settings_from_flags(dataset: Dataset) -> TrainSettings:
    values = {name: FLAGS[name].value for name in TrainSettings.__dataclass_fields__}
    if FLAGS.epochs:
        values["steps"] = math.ceil(FLAGS.epochs * dataset.splits[FLAGS.split] / FLAGS.global_batch)
    if FLAGS.validation_split is None:
        values["validation_split"] = _VALIDATION if _VALIDATION in dataset.splits else ""
    elif FLAGS.validation_split:
        dataset.check_split(FLAGS.validation_split)
    return TrainSettings(**values)
