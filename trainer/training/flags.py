"""The settings of a run from the flags of `tintmill train`, checked as far as that takes neither Keras nor pictures."""

import math

from absl import flags

from tintmill.model.losses import registry as losses
from tintmill.model.networks import registry as networks
from tintmill.pipeline.common import options
from tintmill.pipeline.dataset.manifest import Dataset
from tintmill.trainer.input.augment import check_crop
from tintmill.trainer.input.order import parse_weights
from tintmill.trainer.run.settings import TrainSettings

_VALIDATION = "val"  # the split to validate on, where the dataset has it and no flag says otherwise
_MANY = 10**9  # steps: of --epochs, where the dataset is not there to count them


def read_settings(values: flags.FlagValues, epochs: float, dataset: Dataset | None) -> TrainSettings:
    """The settings of the run, those that the flags leave to the dataset decided by it.

    Args:
      dataset: None where it is elsewhere: then it is taken to have what the flags ask for.
    Raises:
      TintmillError: a value is senseless, or the dataset has no such split.
    """
    split = values["validation_split"].value
    if split and dataset:
        dataset.check_split(split)
    decided = {}
    if split is None:
        decided["validation_split"] = _VALIDATION if dataset is None or _VALIDATION in dataset.splits else ""
    batch = values["global_batch"].value
    if epochs and batch > 0:  # another batch the settings refuse
        records = dataset and dataset.splits[values["split"].value]
        decided["steps"] = math.ceil(epochs * records / batch) if dataset else _MANY
    return options.read(TrainSettings, values, **decided)


def check_fit(settings: TrainSettings) -> None:
    """Whether network, loss and augmentation are there, and fit each other.

    Raises:
      WrongFlagError: they are not, or do not.
    """
    losses.find(settings.loss)
    networks.check_asked(settings.network, settings.class_weight > 0, settings.hints > 0)
    parse_weights(settings.folder_weights)
    check_crop(settings, networks.find(settings.network).fixed_size)
