"""The best network so far by validation.csv, kept in the run's folder of the best, and the end of patience.

Both follow from the rows of validation.csv alone, so a resumed run decides as an undisturbed one.
"""

import math
import os
import re

from tintmill.model.prediction import saved_model
from tintmill.pipeline.common import files
from tintmill.pipeline.common.errors import TintmillError
from tintmill.trainer.run.folder import RunFolder
from tintmill.trainer.run.settings import TrainSettings


def find_best_step(rows: list[dict], settings: TrainSettings) -> int | None:
    """The step of the best row by `settings.best_by`, the first of equals; None without any that is finite."""
    sign = -1.0 if settings.best_by == "psnr" else 1.0
    finite = [(sign * row[settings.best_by], row["step"]) for row in rows if math.isfinite(row[settings.best_by])]
    return int(min(finite)[1]) if finite else None


def is_out_of_patience(rows: list[dict], settings: TrainSettings) -> bool:
    """Whether the last `settings.patience` validations were no better than one before them."""
    if not settings.patience or not rows:
        return False
    best = find_best_step(rows, settings) or 0
    return sum(row["step"] > best for row in rows) >= settings.patience


def keep(run: RunFolder, model, rows: list[dict], settings: TrainSettings) -> None:
    """Saves the network where the last row is the best one, and deletes the best network before it."""
    step = int(rows[-1]["step"])
    if step == find_best_step(rows, settings):
        os.makedirs(run.best, exist_ok=True)
        saved_model.save_model(run.best, model, _name(step))
        _remove(run, lambda other: other != step)


def remove_after(run: RunFolder, start: int) -> None:
    """Deletes the networks of steps after `start`: a run that was killed is resumed there, and they will come again."""
    _remove(run, lambda step: step > start)


def publish(run: RunFolder, rows: list[dict], settings: TrainSettings) -> None:
    """Makes the best network the run's model.keras.

    Raises:
      TintmillError: no validation gave a finite number.
    """
    step = find_best_step(rows, settings)
    if step is None:
        raise TintmillError(f"--keep=best: no finite {settings.best_by} in {run.validation_file}; give --keep=last")
    files.write(run.model_file, files.read(os.path.join(run.best, _name(step))))


def _name(step: int) -> str:
    return f"step-{step:010d}.keras"


def _remove(run: RunFolder, unwanted) -> None:
    for name in os.listdir(run.best) if os.path.isdir(run.best) else ():
        found = re.fullmatch(r"step-(\d{10})\.keras", name)
        if not found or unwanted(int(found[1])):  # or what a kill left half written
            os.remove(os.path.join(run.best, name))
