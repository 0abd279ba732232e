"""The run directory: where each of its files lies, and what they hold.

No file name of a run stands anywhere else; those that colouring needs too stand in `saved_model`, on which this builds.
`trainer/README.md` says what each file is for.
"""

import csv
import dataclasses
import os

from tintmill.model.metrics.registry import METRICS
from tintmill.model.prediction.saved_model import TrainedFolder
from tintmill.pipeline.common import checked_json
from tintmill.pipeline.common.checked_json import (
    GREATEST,
    Wrong,
    anything,
    number,
    of_dataclass,
    optional,
    record,
    sequence,
    text,
)
from tintmill.trainer.run import starts
from tintmill.trainer.run.settings import TrainSettings

CHECKPOINTS = "checkpoints"
FLAGS = "flags.txt"
REPORT = "report.html"
_SETTINGS_KIND = of_dataclass(TrainSettings)
# Of metrics.json what all its readers ask for; `results` checks the rest.
_ROW = record({"row": text()}, dict.fromkeys(METRICS, optional(number())))
_METRICS_KIND = record({}, {"rows": sequence(_ROW, least=1), "pictures": sequence(anything)})


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

    def read_settings(self) -> dict:
        """The settings of training as JSON values, each of its field's type; a run of an older version may lack some.

        Raises:
          TintmillError: this is no run directory, or the file is damaged.
        """
        return self._read_settings(_SETTINGS_KIND)

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
            found[split] = read_metrics(path, f"evaluate again on --split={split}")
        return found


def read_metrics(path: str, remedy: str) -> dict:
    """The content of a metrics.json; `results` knows what it means.

    Raises:
      TintmillError: the file is damaged; `remedy` says what to do.
      OSError: the file cannot be read.
    """
    return checked_json.read(path, _METRICS_KIND, remedy)


def read_rows(path: str) -> list[dict[str, float]]:
    """The rows of a CSV file as numbers by column; none where there is no such file.

    A last row without an end does not count: it is being written, or was when its run was killed.

    Raises:
      TintmillError: a row is not of numbers, one a column, or its step is no step.
    """
    if not os.path.exists(path):
        return []
    try:
        with open(path) as f:
            rows = csv.DictReader([line for line in f if line.endswith("\n")])
            found = [{key: float(value) for key, value in row.items()} for row in rows]
        for row in found:
            _check_step(row)
    except (TypeError, ValueError, csv.Error) as error:
        raise checked_json.damaged(path, error, "delete the row that is not of numbers") from error
    return found


def _check_step(row: dict[str, float]) -> None:
    """A loss may be infinite, a step may not."""
    step = row.get("step")
    if step is None or not (0 <= step <= GREATEST and step.is_integer()):
        raise Wrong("step", step, f"a whole number, 0 to {GREATEST}")
