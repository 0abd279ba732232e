"""What a run writes down while it trains."""

import csv
import dataclasses
import json
import os
import sys

import numpy as np

from tintmill.pipeline.common import files
from tintmill.pipeline.dataset.manifest import Dataset
from tintmill.trainer.input.shards import record_ids
from tintmill.trainer.run.folder import RunFolder
from tintmill.trainer.run.settings import TrainSettings
from tintmill.trainer.training.step import part_names, tf
from tintmill.trainer.training.validation import Judgement


@dataclasses.dataclass(frozen=True)
class Row:
    """What the steps of one row of metrics.csv gave.

    Attributes:
      steps: which steps, counted from 0.
      losses: of each step, float32 [n] by the names of `step.part_names`.
      records: the numbers of each step's records, int64 [n, global_batch].
      seconds: how long the steps took, and `waited` how many of these seconds they waited for input.
    """

    steps: range
    losses: dict[str, np.ndarray]
    records: np.ndarray
    seconds: float
    waited: float


class Log:
    """Writes metrics.csv, validation.csv, TensorBoard's files, ids.jsonl and the progress line.

    Rows that a killed run logged after its last checkpoint are deleted: those steps will be trained again.

    Attributes:
      validations: the rows of validation.csv so far.
    """

    def __init__(self, run: RunFolder, settings: TrainSettings, dataset: Dataset, start: int):
        from tqdm import tqdm

        self._parts = part_names(settings)
        self._settings = settings
        self._records = dataset.splits[settings.split]
        self._csv = _continue_log(run.log_file, start, _csv_step)
        if self._csv.tell() == 0:
            self._csv.write(",".join(("step", "epoch", *self._parts, "pictures_per_second", "waiting")) + "\n")
        self._ids, self._id_file = None, None
        if settings.log_ids:
            self._ids = record_ids(dataset, settings.split, np.arange(self._records))
            self._id_file = _continue_log(run.ids_file, start, lambda line: json.loads(line)["step"])
        self._validation_csv = None
        self.validations: list[dict] = []
        if settings.validated:
            self._validation_csv = _continue_log(run.validation_file, start, _csv_step)
            self.validations = run.read_validations()
        self._board = tf.summary.create_file_writer(run.tensorboard)
        pace = 0.1 if sys.stderr.isatty() else 30.0  # seconds between lines: a log file wants few
        self._bar = tqdm(total=settings.steps, initial=start, unit=" steps", smoothing=0.1, mininterval=pace)

    def write(self, row: Row) -> None:
        """Logs the means of a row's losses, its speed, and its records."""
        last = row.steps.stop
        means = {name: float(np.mean(row.losses[name])) for name in self._parts}
        rate = row.records.size / row.seconds
        waiting = row.waited / row.seconds
        epoch = last * self._settings.global_batch / self._records
        cells = [last, f"{epoch:.4f}", *map(repr, means.values()), f"{rate:.1f}", f"{waiting:.4f}"]
        csv.writer(self._csv, lineterminator="\n").writerow(cells)
        self._csv.flush()
        if self._id_file:
            for step, records in zip(row.steps, row.records, strict=True):
                ids = [self._ids[record] for record in records]
                self._id_file.write(json.dumps({"step": step + 1, "ids": ids}) + "\n")
            self._id_file.flush()
        with self._board.as_default(last):
            for name, mean in means.items():
                tf.summary.scalar(name, mean)
            tf.summary.scalar("pictures_per_second", rate)
            tf.summary.scalar("waiting", waiting)
        self._bar.set_postfix_str(
            f"loss {means['loss']:.5f}, {rate:.1f} pictures/s, {waiting:.0%} waiting", refresh=False
        )
        self._bar.update(len(row.steps))

    def write_validation(self, step: int, found: Judgement) -> None:
        """Logs what the validation after `step` found."""
        row = {"step": step} | found.scores
        writer = csv.DictWriter(self._validation_csv, row, lineterminator="\n")
        if self._validation_csv.tell() == 0:
            writer.writeheader()
        writer.writerow(row)
        self._validation_csv.flush()
        self.validations.append(row)
        with self._board.as_default(step):
            for name, value in found.scores.items():
                tf.summary.scalar(f"validation/{name}", value)
            tf.summary.image("validation: grey, coloured, truth", found.pictures, max_outputs=len(found.pictures))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._bar.close()
        self._board.close()
        for file in (self._csv, self._id_file, self._validation_csv):
            if file:
                file.close()


def _csv_step(line: str) -> int:
    return int(line.split(",")[0])


def _continue_log(path: str, start: int, step_of):
    """Opens a log for appending, less the lines after step `start` and a last one cut off by a kill."""
    if os.path.exists(path):
        lines = files.read(path).decode().splitlines(keepends=True)
        kept = [line for line in lines if line.endswith("\n") and (line[0].isalpha() or step_of(line) <= start)]
        files.write(path, "".join(kept))
    return open(path, "a")
