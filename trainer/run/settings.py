"""The settings of a run, and the run directory they begin.

RUN/ holds: settings.json, flags.txt (repeats the run by --flagfile), dataset.json (the manifest), starts.jsonl (on what
it was trained), checkpoints/, metrics.csv, validation.csv, best/, tensorboard/, and once trained model.keras,
evaluation/SPLIT/, report.html.
"""

import dataclasses
import json
import math
import os

from tintmill.model.losses.settings import LossSettings
from tintmill.model.prediction import saved_model
from tintmill.pipeline.common import files
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.dataset.manifest import Dataset
from tintmill.trainer.run.checkpoint import list_steps

SCHEDULES = ("constant", "cosine")
OPTIMIZERS = ("adam", "adamw")
PRECISIONS = ("float32", "bfloat16", "float16")
BEST_BY = ("loss", "psnr")
KEEP = ("last", "best")
_COUNTS = (
    "global_batch", "accumulate", "steps", "log_every", "checkpoint_every", "keep_checkpoints", "validation_records",
    "profile_rows",
)  # fmt: skip
# What may differ when a run is resumed: how far, how often, and on what it goes on; not what it computes.
RESUMABLE = (
    "steps",
    "replicas",
    "readers",
    "log_every",
    "checkpoint_every",
    "keep_checkpoints",
    "log_ids",
    "profile_step",
    "profile_rows",
)


@dataclasses.dataclass(frozen=True)
class TrainSettings(LossSettings):
    """Settings of a run, and of its loss. `global_batch` is over all replicas and does not change with their number.

    `validation_split` is empty where there is none to validate on.
    """

    network: str = "koalarization"
    encoder_weights: str = "imagenet"
    global_size: int = 224
    split: str = "train"
    global_batch: int = 32
    steps: int = 1000
    accumulate: int = 1
    optimizer: str = "adam"
    learning_rate: float = 1e-3
    schedule: str = "constant"
    warmup_steps: int = 0
    weight_decay: float = 0.01
    clip_norm: float = 0.0
    ema: float = 0.0
    mirror: bool = False
    crop: int = 0
    lightness_jitter: float = 0.0
    seed: int = 0
    precision: str = "float32"
    jit_compile: bool = False
    deterministic: bool = True
    replicas: int = 0
    readers: int = 0
    log_every: int = 10
    checkpoint_every: int = 100
    keep_checkpoints: int = 2
    log_ids: bool = False
    profile_step: int = 0
    profile_rows: int = 1
    validation_split: str = ""
    validate_every: int = 100
    validation_records: int = 128
    best_by: str = "loss"
    keep: str = "last"
    patience: int = 0

    @property
    def augmented(self) -> bool:
        return bool(self.mirror or self.crop or self.lightness_jitter)

    @property
    def splits_read(self) -> set[str]:
        return {self.split, self.validation_split} if self.validated else {self.split}

    @property
    def validated(self) -> bool:
        return bool(self.validation_split and self.validate_every)

    def __post_init__(self):
        super().__post_init__()
        for name in _COUNTS:
            _check(getattr(self, name) >= 1, name, getattr(self, name), "at least 1")
        _check(self.replicas >= 0, "replicas", self.replicas, "0 (all GPUs, else one CPU) or more")
        _check(self.readers >= 0, "readers", self.readers, "0 (one a core, 8 at most) or a number of threads")
        _check(self.global_size > 0 and self.global_size % 32 == 0, "global_size", self.global_size, "a multiple of 32")
        _check(self.seed >= 0, "seed", self.seed, "0 or more")
        _check(0 < self.learning_rate < math.inf, "learning_rate", self.learning_rate, "a positive number")
        _check(self.optimizer in OPTIMIZERS, "optimizer", self.optimizer, f"one of {', '.join(OPTIMIZERS)}")
        _check(0 <= self.weight_decay < math.inf, "weight_decay", self.weight_decay, "0 or more")
        _check(0 <= self.clip_norm < math.inf, "clip_norm", self.clip_norm, "0 (off) or a norm")
        _check(0 <= self.ema < 1, "ema", self.ema, "0 (off) to below 1")
        _check(self.profile_step >= 0, "profile_step", self.profile_step, "0 (never) or a step")
        _check(self.schedule in SCHEDULES, "schedule", self.schedule, f"one of {', '.join(SCHEDULES)}")
        _check(0 <= self.warmup_steps < self.steps, "warmup_steps", self.warmup_steps, f"0 to --steps={self.steps} - 1")
        _check(self.crop >= 0, "crop", self.crop, "0 (off) or a side in pixels")
        jitter = self.lightness_jitter
        _check(0 <= jitter < 1, "lightness_jitter", jitter, "0 (off) to below 1")
        _check(self.precision in PRECISIONS, "precision", self.precision, f"one of {', '.join(PRECISIONS)}")
        wanted = f"a multiple of --log_every={self.log_every}"
        _check(self.checkpoint_every % self.log_every == 0, "checkpoint_every", self.checkpoint_every, wanted)
        _check(self.validate_every >= 0, "validate_every", self.validate_every, "0 (never) or more")
        _check(self.best_by in BEST_BY, "best_by", self.best_by, f"one of {', '.join(BEST_BY)}")
        _check(self.patience >= 0, "patience", self.patience, "0 (off) or a number of validations")
        wanted = "validation, by --validation_split and --validate_every"
        _check(self.patience == 0 or self.validated, "patience", self.patience, wanted)
        _check(self.keep in KEEP, "keep", self.keep, f"one of {', '.join(KEEP)}")
        _check(self.keep == "last" or self.validated, "keep", self.keep, wanted)


def check_batch(global_batch: int, replicas: int, accumulate: int = 1) -> None:
    """Raises TintmillError where a batch does not divide: a partial batch makes BatchNormalization NaN."""
    pieces = replicas * accumulate
    if global_batch % pieces:
        whole = global_batch // pieces
        offers = " or ".join(str(count * pieces) for count in (whole, whole + 1) if count)
        times = f" times --accumulate={accumulate}" if accumulate > 1 else ""
        raise TintmillError(
            f"--global_batch={global_batch} does not divide by {replicas} replicas{times}; give {offers} or another "
            "--replicas"
        )


def begin_run(run: str, settings: TrainSettings, dataset: Dataset, flag_lines: str) -> None:
    """Makes the run directory, or checks that it is one of these settings and this dataset.

    Raises:
      TintmillError: naming the settings that differ, the other dataset, or the foreign files.
    """
    path = os.path.join(run, "settings.json")
    if _has_results(run):
        free = [key for key in RESUMABLE if key != "steps" or settings.schedule == "constant"]  # a cosine has an end
        _check_same_settings(run, load_settings(run), settings, free)
        _check_same_dataset(run, dataset)
    else:
        _make_run(run)
        saved_model.save_dataset(run, dataset.manifest)
    for folder in (run, os.path.join(run, "checkpoints")):
        files.remove_leftovers(folder)  # of a kill in the middle of a write; a checkpoint's can be large
    files.write(os.path.join(run, "flags.txt"), flag_lines)
    files.write(path, json.dumps(dataclasses.asdict(settings), indent=1) + "\n")


def join_run(run: str, settings: TrainSettings, dataset: Dataset) -> None:
    """Checks that a run which another process of this job began is of these settings and this dataset.

    Raises:
      TintmillError: naming the settings that differ, or the other dataset.
    """
    remedy = "start all workers with the same flags"
    _check_same_settings(run, load_settings(run), settings, ["readers"], remedy)
    _check_same_dataset(run, dataset, remedy)


def load_settings(run: str) -> dict:
    """The run's settings as JSON values.

    Raises:
      TintmillError: `run` is no run directory.
    """
    return saved_model.read_json(run, "settings.json")


def check_same_embedder(run: str, dataset: Dataset) -> None:
    """Raises TintmillError where a dataset's embeddings are not of the network that the run was trained with."""
    from tintmill.pipeline.dataset import embed

    wanted, found = saved_model.load_dataset(run)["embedder"], dataset.embedder
    if (wanted is None) != (found is None):
        names = [identity and identity["name"] for identity in (found, wanted)]
        raise TintmillError(f"--data={dataset.folder} has embedder {names[0]}, --run={run} was trained with {names[1]}")
    if wanted:
        embed.check_same(found, wanted, f"--data={dataset.folder} beside --run={run}")


def _has_results(run: str) -> bool:
    # Before its first checkpoint a run holds nothing to mix up: a mistyped flag may be put right in the same place.
    if not os.path.exists(os.path.join(run, "settings.json")):
        return False
    return os.path.exists(os.path.join(run, saved_model.MODEL)) or bool(list_steps(os.path.join(run, "checkpoints")))


def _make_run(run: str) -> None:
    try:
        os.makedirs(os.path.join(run, "checkpoints"), exist_ok=True)
        names = {name for name in os.listdir(run) if not name.startswith(".tmp-")}  # a killed begin_run leaves one
        foreign = sorted(names - {"checkpoints", saved_model.DATASET, "flags.txt"})
    except OSError as error:
        raise TintmillError(f"--run={run}: cannot be written: {error}") from error
    if foreign and "settings.json" not in names:
        raise TintmillError(f"--run={run} holds {foreign[0]}, which no `tintmill train` began; give another --run")


def _check_same_settings(
    run: str, old: dict, settings: TrainSettings, free: list[str], remedy: str = "give another --run"
) -> None:
    new = dataclasses.asdict(settings)
    keys = [key for key in new if key not in free and old.get(key) != new[key]]
    if keys:
        found = ", ".join(f"{key} {old.get(key)!r} -> {new[key]!r}" for key in keys)
        raise TintmillError(f"--run={run} was begun with other settings: {found}; {remedy}")


def _check_same_dataset(run: str, dataset: Dataset, remedy: str = "give another --run") -> None:
    old = saved_model.load_dataset(run)
    if old["fingerprint"] == dataset.manifest["fingerprint"]:
        return
    check_same_embedder(run, dataset)
    names = [f"{m['settings']['name']} {m['fingerprint'][:12]}" for m in (old, dataset.manifest)]
    raise TintmillError(f"--run={run} was begun on dataset {names[0]}, --data is {names[1]}; {remedy}")


def _check(condition, name: str, found, wanted: str) -> None:
    if not condition:
        raise TintmillError(f"--{name}={found}: wanted {wanted}")
