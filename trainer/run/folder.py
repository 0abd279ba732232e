"""The run directory: where each of its files lies, and what they hold.

No file name of a run stands anywhere else; those that colouring needs too stand in `saved_model`, on which this builds.
`trainer/README.md` says what each file is for.
"""

import csv
import dataclasses
import json
import os

from tintmill.model.prediction.saved_model import TrainedFolder
from tintmill.pipeline.common import files
from tintmill.pipeline.common.errors import TintmillError
from tintmill.trainer.run import starts

CHECKPOINTS = "checkpoints"
FLAGS = "flags.txt"
REPORT = "report.html"


@dataclasses.dataclass(frozen=True)
class EvaluationFolder:
    """What `tintmill evaluate` writes into a folder, of a run or of one's own: scores, and pictures beside them."""

    path: str

    @property
    def metrics_file(self) -> str:
        """The scores; written last, so that an evaluation that was interrupted has none."""
        return os.path.join(self.path, "metrics.json")

    @property
    def comparison_file(self) -> str:
        return os.path.join(self.path, "comparison.json")

    def picture(self, name: str) -> str:
        return os.path.join(self.path, name)


@dataclasses.dataclass(frozen=True)
class RunFolder(TrainedFolder):
    """A run directory by its path, as it was given; error lines name it so."""

    @property
    def flags_file(self) -> str:
        """The flags of the last start, to be repeated by --flagfile."""
        return os.path.join(self.path, FLAGS)

    @property
    def starts_file(self) -> str:
        return os.path.join(self.path, "starts.jsonl")

    @property
    def checkpoints(self) -> str:
        return os.path.join(self.path, CHECKPOINTS)

    @property
    def log_file(self) -> str:
        """The training log, a row for every `log_every` steps."""
        return os.path.join(self.path, "metrics.csv")

    @property
    def validation_file(self) -> str:
        return os.path.join(self.path, "validation.csv")

    @property
    def ids_file(self) -> str:
        return os.path.join(self.path, "ids.jsonl")

    @property
    def tensorboard(self) -> str:
        return os.path.join(self.path, "tensorboard")

    @property
    def best(self) -> str:
        """The folder of the best network so far."""
        return os.path.join(self.path, "best")

    @property
    def report_file(self) -> str:
        return os.path.join(self.path, REPORT)

    @property
    def evaluations(self) -> str:
        return os.path.join(self.path, "evaluation")

    def evaluation(self, split: str) -> EvaluationFolder:
        """The scores on a split, or on a folder of pictures under the name "truth-FOLDER"."""
        return EvaluationFolder(os.path.join(self.evaluations, split))

    def read_log(self) -> list[dict[str, float]]:
        """The rows of the training log by column; see `read_rows`."""
        return read_rows(self.log_file)

    def read_validations(self) -> list[dict[str, float]]:
        """The rows of validation.csv by column; see `read_rows`."""
        return read_rows(self.validation_file)

    def read_starts(self) -> list[starts.Start]:
        """On what it was trained, oldest first; see `starts.load`."""
        return starts.load(self.starts_file)

    def read_evaluations(self) -> dict[str, dict]:
        """The content of metrics.json of each evaluated split, in order of the splits' names.

        Raises:
          TintmillError: one is damaged.
        """
        found = {}
        for split in sorted(os.listdir(self.evaluations)) if os.path.isdir(self.evaluations) else []:
            path = self.evaluation(split).metrics_file
            if not os.path.exists(path):
                continue
            try:
                found[split] = json.loads(files.read(path))
            except ValueError as error:
                raise TintmillError(f"{path} is damaged ({error}); evaluate again on --split={split}") from error
        return found


def read_rows(path: str) -> list[dict[str, float]]:
    """The rows of a CSV file as numbers by column; none where there is no such file.

    A last row without an end does not count: it is being written, or was when its run was killed.

    Raises:
      TintmillError: a row is not of numbers, one a column.
    """
    if not os.path.exists(path):
        return []
    try:
        with open(path) as f:
            rows = csv.DictReader([line for line in f if line.endswith("\n")])
        return [{key: float(value) for key, value in row.items()} for row in rows]
    except (TypeError, ValueError) as error:
        raise TintmillError(f"{path} is damaged ({error}); delete the row that is not of numbers") from error
