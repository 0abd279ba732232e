"""What `tintmill experiment` is asked for."""

import dataclasses

from tintmill.launch.experiments.catalogue import EXPERIMENTS
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.common.options import option

_FILES = "Input and output"
_RUNS = "Which runs"
_SIZE = "Another size"
_WEIGHTS = "Weights"
_MORE = "More flags for the commands"


@dataclasses.dataclass(frozen=True)
class ExperimentArguments:
    """An experiment, where its pictures are, and what is to differ from its published size.

    0 and an empty text leave the experiment's own value.
    """

    name: str
    input: str = option(None, "Where the pictures are, as for prepare.", _FILES, required=True)
    output: str = option("experiments", "Datasets, runs and the table go to OUTPUT/NAME.", _FILES)
    pictures: str = option("", "Pictures to be coloured by every run, as historical ones.", _FILES)
    only: tuple[str, ...] = option((), "Only these runs of the experiment, separated by commas.", _RUNS)
    seeds: int = option(1, "Runs of each kind, with seeds 0, 1, ...", _RUNS)
    jobs: int = option(1, "Runs at a time.", _RUNS)
    size: int = option(0, "Instead of the experiment's size of records.", _SIZE)
    limit: int = option(0, "Instead of the experiment's number of pictures.", _SIZE)
    steps: int = option(0, "Instead of the experiment's steps or epochs.", _SIZE)
    global_batch: int = option(0, "Instead of the experiment's batch.", _SIZE)
    global_size: int = option(0, "Side of iizuka's global copy, instead of 224.", _SIZE)
    embedder: str = option("", "Instead of the experiment's embedder.", _WEIGHTS)
    embedder_weights: str = option("", "Of the real embedder: imagenet or a file.", _WEIGHTS)
    encoder_weights: str = option("", "Of tint's encoder: imagenet, random or a file.", _WEIGHTS)
    vgg_weights: str = option("", "Of vgg's encoder: imagenet, random or a file.", _WEIGHTS)
    lite_weights: str = option("", "Of glaze's encoder: random or a file.", _WEIGHTS)
    prepare: tuple[str, ...] = option((), "One more flag for prepare, as --prepare=--fit=pad", _MORE, repeated=True)
    train: tuple[str, ...] = option((), "One more flag for train, as --train=--validate_every=10", _MORE, repeated=True)

    def __post_init__(self):
        if self.name not in EXPERIMENTS:
            raise TintmillError(f"wanted one of {', '.join(EXPERIMENTS)}, got {self.name or 'nothing'}")

    def list_flags(self, *names: str) -> list[str]:
        """--NAME=VALUE of each of the fields that is not left to the experiment."""
        return [f"--{name}={getattr(self, name)}" for name in names if getattr(self, name)]
