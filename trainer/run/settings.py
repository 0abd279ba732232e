"""The settings of a run."""

import dataclasses
import math

from tintmill.model.losses.settings import LossSettings
from tintmill.pipeline.common.errors import TintmillError

SCHEDULES = ("constant", "cosine")
OPTIMIZERS = ("adam", "adamw")
PRECISIONS = ("float32", "bfloat16", "float16")
BEST_BY = ("loss", "psnr")
KEEP = ("last", "best")
_COUNTS = (
    "global_batch", "accumulate", "steps", "log_every", "checkpoint_every", "keep_checkpoints", "validation_records",
    "profile_rows",
)  # fmt: skip


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


def _check(condition, name: str, found, wanted: str) -> None:
    if not condition:
        raise TintmillError(f"--{name}={found}: wanted {wanted}")
