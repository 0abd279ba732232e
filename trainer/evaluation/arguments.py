"""What `tintmill evaluate` is told."""

import dataclasses
import os

from tintmill.pipeline.common import files, options
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.common.options import at_least, option
from tintmill.trainer.input.stage import CacheArguments

RESIZES = ("none", "squash", "crop")
FRECHET_NETWORKS = ("inception_v3", "mobilenet_v2")
WANTED = (
    "wanted --data or --truth, with --run, --model or neither for the built-in model; --pictures and --truth; or "
    "--compare and two evaluations"
)

_PICTURES = "What is scored"
_HOW = "How"
_NETWORKS = "Feature networks"
_RESULTS = "Results"
_NAMES = ("run", "model", "data", "truth", "pictures")
_SOURCES = (
    *({*network, pictures} for network in ({"run"}, {"model"}, ()) for pictures in ("data", "truth")),
    {"pictures", "truth"},
)


@dataclasses.dataclass(frozen=True)
class EvaluateArguments(CacheArguments):
    """Which pictures are scored, how, and where the scores go.

    Pictures are named by `data` or by `truth`, and answered by `run`, by `model`, or by the built-in model; or they are
    named by `pictures` and `truth`. A comparison is of the evaluations that `compare_evaluations` is given.
    """

    run: str | None = option(None, "Run directory, in place of the built-in model.", _PICTURES)
    model: str | None = option(None, "File of `tintmill export`, or a name of `tintmill models`.", _PICTURES)
    data: str | None = option(None, "Dataset directory, local or gs://.", _PICTURES)
    split: str = option("test", "Split to score on; with --compare, of the runs' evaluations.", _PICTURES)
    truth: str | None = option(None, "Folder of colour pictures, local or gs://.", _PICTURES)
    pictures: str | None = option(None, "Folder of coloured versions of --truth, local or gs://.", _PICTURES)
    compare: bool = option(
        False, "Compare two evaluations, picture by picture: two runs, or --output folders.", _PICTURES
    )
    resize: str = option("none", "Of --truth and --pictures, before they are scored.", _HOW, choices=RESIZES)
    size: int = option(0, "Side of the square for --resize, 256 in most protocols.", _HOW)
    temperature: float | None = option(
        None, "Of a network with bins: 1 is the mean, near 0 the mode; by default 0.38.", _HOW
    )
    temperature_rise: float = option(
        0.0,
        "Added to --temperature, up to 1, for each nat of entropy: unsure places go to the mean.",
        _HOW,
    )
    hints: int = option(
        0, "Of a network that takes hints: places of each truth whose colour it is told.", _HOW, check=at_least(0)
    )
    embedder_weights: str | None = option(None, "Where the run's embedder's weights file is now.", _HOW)
    batch: int = option(16, "Records a forward pass.", _HOW)
    frechet_network: str = option("inception_v3", "Of the Frechet distance.", _NETWORKS, choices=FRECHET_NETWORKS)
    frechet_weights: str | None = option(
        None, "For a Frechet distance: weights file of keras.applications, or random.", _NETWORKS
    )
    lpips_weights: str | None = option(
        None, "For LPIPS: .npz of AlexNet or VGG16; model/metrics/lpips.py says of what.", _NETWORKS
    )
    output: str | None = option(None, "Folder for the results; of a run by default in it.", _RESULTS)
    examples: int = option(12, "How many first pictures are kept as examples.", _RESULTS)

    def __post_init__(self):
        options.check(self)
        if self.hints and self.pictures:
            raise TintmillError(f"--hints={self.hints}: wanted beside a network that they are given to")

    @property
    def names_one_source(self) -> bool:
        return is_one_source(dataclasses.asdict(self))

    def check_output(self, folder: str) -> None:
        """Raises TintmillError where results would lie in a bucket, or among the pictures that are read."""
        if files.is_remote(folder):
            raise TintmillError(f"--output={folder}: wanted a folder on this machine")
        inside = os.path.realpath(folder) + os.sep
        for name, read in (("truth", self.truth), ("pictures", self.pictures)):
            if read and inside.startswith(os.path.realpath(read) + os.sep):
                raise TintmillError(f"--output={folder}: lies in --{name}={read}; wanted another folder")


def is_one_source(values: dict) -> bool:
    """Whether the values of `run`, `model`, `data`, `truth`, `pictures` and `compare` name exactly one thing to do."""
    given = {name for name in _NAMES if values.get(name)}
    return not given if values["compare"] else given in _SOURCES
