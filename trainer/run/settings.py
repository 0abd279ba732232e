"""The settings of a run: each field says its flag's default, help, topic and check."""

import dataclasses
import math

from tintmill.model.losses.settings import LossSettings
from tintmill.pipeline.common import options
from tintmill.pipeline.common.errors import TintmillError, WrongFlagError
from tintmill.pipeline.common.options import Check, at_least, option

SCHEDULES = ("constant", "cosine")
OPTIMIZERS = ("adam", "adamw")
PRECISIONS = ("float32", "bfloat16", "float16")
BEST_BY = ("loss", "psnr")
KEEP = ("last", "best")

_DATA = "Data and augmentation"
_NETWORK = "Network"
_STEPS = "Steps and optimisation"
_VALIDATION = "Validation"
_LOGS = "Checkpoints and logs"
_DEVICES = "Devices"

_COUNT = at_least(1)
_NATURAL = at_least(0, "0 or more")
_RATE = Check(lambda rate: 0 < rate < math.inf, "a positive number")
_OF_32 = Check(lambda side: side > 0 and side % 32 == 0, "a multiple of 32")
_BELOW_1 = Check(lambda share: 0 <= share < 1, "0 (off) to below 1")
_TO_1 = Check(lambda share: 0 <= share <= 1, "0 (off) to 1")


@dataclasses.dataclass(frozen=True)
class TrainSettings(LossSettings):
    """Settings of a run, and of its loss.

    Attributes:
      global_batch: pictures of a step over all replicas; it does not change with their number.
      validation_split: empty where there is none to validate on.
    """

    network: str = option("koalarization", "Network; `tintmill networks` lists them.", _NETWORK)
    encoder_weights: str = option("imagenet", "imagenet, random or a file.", _NETWORK)
    init_from: str = option(
        "", "Weights to begin with: default or another model, a run directory, or a file.", _NETWORK
    )
    encoder_rate: float = option(
        0.0, "glaze: its encoder's rate over --learning_rate; 0: fixed.", _NETWORK, check=_TO_1
    )
    hints: float = option(
        0.0, "Share of pictures of which some colours are revealed; 0: none taken.", _NETWORK, check=_TO_1
    )
    global_size: int = option(224, "iizuka: side of its global copy.", _NETWORK, check=_OF_32)
    split: str = option("train", "Split to train on.", _DATA)
    folder_weights: str = option("", "How often a folder's pictures come: faces:2,sea:0.5.", _DATA)
    global_batch: int = option(32, "Pictures a step, over all replicas.", _STEPS, check=_COUNT)
    steps: int = option(1000, "Train until this step.", _STEPS, check=_COUNT)
    accumulate: int = option(1, "Pieces a replica computes its part in.", _STEPS, check=_COUNT)
    optimizer: str = option("adam", "What moves the weights.", _STEPS, choices=OPTIMIZERS)
    learning_rate: float = option(1e-3, "At its highest.", _STEPS, check=_RATE)
    schedule: str = option("constant", "Of the learning rate; cosine ends near 0.", _STEPS, choices=SCHEDULES)
    warmup_steps: int = option(0, "Steps of rising learning rate.", _STEPS)
    weight_decay: float = option(0.01, "Of adamw, a step times the rate.", _STEPS, check=_NATURAL)
    clip_norm: float = option(
        0.0, "Greatest norm of all gradients together; 0: any.", _STEPS, check=at_least(0, "0 (off) or a norm")
    )
    ema: float = option(0.0, "Momentum of a moving average of the weights; 0: none.", _STEPS, check=_BELOW_1)
    mirror: bool = option(False, "Mirror every other picture, drawn by lot.", _DATA)
    crop: int = option(
        0,
        "Side of a random square cut from each picture; 0: none.",
        _DATA,
        check=at_least(0, "0 (off) or a side in pixels"),
    )
    lightness_jitter: float = option(0.0, "L* by up to this share, at random.", _DATA, check=_BELOW_1)
    scale_jitter: float = option(0.0, "Scale by up to this share, at random.", _DATA, check=_BELOW_1)
    wear: float = option(0.0, "Share of pictures whose L* is worn as in old prints.", _DATA, check=_TO_1)
    seed: int = option(0, "Seed of weights and data order.", _STEPS, check=_NATURAL)
    precision: str = option("float32", "Computation; variables stay float32.", _DEVICES, choices=PRECISIONS)
    jit_compile: bool = option(False, "Compile the step by XLA.", _DEVICES)
    deterministic: bool = option(True, "Bit-exact; off is faster on GPUs.", _DEVICES)
    replicas: int = option(
        0,
        "Devices; 0: all GPUs, else one CPU.",
        _DEVICES,
        check=at_least(0, "0 (all GPUs, else one CPU) or more"),
    )
    readers: int = option(
        0,
        "Threads that read ahead; 0: one a core, 8 at most.",
        _DEVICES,
        check=at_least(0, "0 (one a core, 8 at most) or a number of threads"),
    )
    log_every: int = option(10, "Steps a row of metrics.csv.", _LOGS, check=_COUNT)
    checkpoint_every: int = option(100, "Steps between checkpoints.", _LOGS, check=_COUNT)
    keep_checkpoints: int = option(2, "How many checkpoints stay.", _LOGS, check=_COUNT)
    log_ids: bool = option(False, "Write each step's picture ids to ids.jsonl.", _LOGS)
    profile_step: int = option(0, "First step of a profile; 0: none.", _LOGS, check=at_least(0, "0 (never) or a step"))
    profile_rows: int = option(1, "Rows of --log_every steps in it.", _LOGS, check=_COUNT)
    validation_split: str = option("", "By default val, where the dataset has it.", _VALIDATION, flag_default=None)
    validate_every: int = option(
        100, "Steps between validations; 0: never.", _VALIDATION, check=at_least(0, "0 (never) or more")
    )
    validation_records: int = option(128, "A fixed sample of so many.", _VALIDATION, check=_COUNT)
    best_by: str = option("loss", "What the best validation is best by.", _VALIDATION, choices=BEST_BY)
    keep: str = option("last", "Which network becomes model.keras.", _VALIDATION, choices=KEEP)
    patience: int = option(
        0,
        "Stop after so many validations without a better one; 0: never.",
        _VALIDATION,
        check=at_least(0, "0 (off) or a number of validations"),
    )

    @property
    def augmented(self) -> bool:
        return bool(self.mirror or self.crop or self.lightness_jitter or self.scale_jitter or self.wear or self.hints)

    @property
    def splits_read(self) -> set[str]:
        return {self.split, self.validation_split} if self.validated else {self.split}

    @property
    def validated(self) -> bool:
        return bool(self.validation_split and self.validate_every)

    def __post_init__(self):
        options.check(self)
        warmup, steps = self.warmup_steps, self.steps
        _check(0 <= warmup < steps, "warmup_steps", warmup, f"0 to --steps={steps} - 1")
        whole_rows = self.checkpoint_every % self.log_every == 0
        _check(whole_rows, "checkpoint_every", self.checkpoint_every, f"a multiple of --log_every={self.log_every}")
        wanted = "validation, by --validation_split and --validate_every"
        _check(self.patience == 0 or self.validated, "patience", self.patience, wanted)
        _check(self.keep == "last" or self.validated, "keep", self.keep, wanted)


DEFAULTS = {field.name: field.default for field in dataclasses.fields(TrainSettings)}


def list_differing(settings: list[dict]) -> list[str]:
    """The settings that are not the same in all of several runs.

    Args:
      settings: of each run, by name; a setting that an older run lacks counts as its default.
    """
    names = dict.fromkeys(name for each in settings for name in each)
    values = {name: [each.get(name, DEFAULTS.get(name)) for each in settings] for name in names}
    return [name for name, found in values.items() if any(value != found[0] for value in found)]


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
        raise WrongFlagError(f"--{name}={found}: wanted {wanted}")
