"""Run directories side by side, as the rows of a table: how far they are, in what they differ, what they came to."""

import dataclasses
import os
from collections.abc import Iterable, Iterator

from tintmill.model.metrics import registry
from tintmill.model.prediction import saved_model
from tintmill.pipeline.common.errors import TintmillError
from tintmill.trainer.evaluation import table
from tintmill.trainer.run import best
from tintmill.trainer.run.folder import CHECKPOINTS, RunFolder
from tintmill.trainer.run.settings import TrainSettings, list_differing

# Of a validation and of an evaluation, with their formats; best.psnr is the column of one, test.psnr of the other.
VALIDATED = {"step": ".0f", "loss": ".5f", "psnr": ".2f"}
EVALUATED = {name: f".{metric.digits}f" for name, metric in registry.in_table("runs").items()}
_FORMATS = VALIDATED | EVALUATED
# What reading JSON raises that is whole and yet no settings, manifest or metrics.
_DAMAGES = (OSError, ValueError, TypeError, KeyError, IndexError, AttributeError)


@dataclasses.dataclass(frozen=True)
class Run:
    """A run directory.

    Attributes:
      settings: those of settings.json, and the dataset as "data"; not "steps", which is in `progress`.
      progress: "step" reached of "steps", and "state".
      results: by column: best.step, best.loss, best.psnr, test.psnr, ...; those it has.
    """

    name: str
    settings: dict
    progress: dict
    results: dict


def find(roots: list[str]) -> tuple[dict[str, str], list[str]]:
    """The run directories below `roots`, and why others that look like one are none.

    Returns:
      {path: name}; the name is the path relative to its root, where there are several roots the path itself.
    Raises:
      TintmillError: a root is no folder.
    """
    found, left_out, seen = {}, [], set()
    for root in roots:
        if not os.path.isdir(root):
            raise TintmillError(f"{root}: no such folder; wanted one that holds runs")
        for folder, missing in _walk(root, left_out):
            if os.path.realpath(folder) in seen:  # one root may lie in another
                continue
            seen.add(os.path.realpath(folder))
            if missing:
                left_out.append(f"{folder}: no {missing} in it; a run that never began, or lost it")
            else:
                alone = len(roots) == 1 and folder != root
                found[folder] = os.path.relpath(folder, root) if alone else folder
    return found, left_out


def _walk(root: str, unreadable: list[str]) -> Iterator[tuple[str, str]]:
    """(folder, the one of its two files that it lacks or "") of each run below `root`."""

    def note(error: OSError) -> None:
        unreadable.append(f"{error.filename}: {error.strerror}")

    for folder, folders, names in os.walk(root, onerror=note):
        missing = [name for name in (saved_model.SETTINGS, saved_model.DATASET) if name not in names]
        # Others have a settings.json too; only a run has checkpoints beside it.
        if not missing or (len(missing) == 1 and CHECKPOINTS in folders):
            yield folder, "".join(missing)


def read(found: dict[str, str]) -> tuple[list[Run], list[str]]:
    """The runs of `find`, sorted by name, and why others could not be read."""
    runs, damaged = [], []
    for folder, name in sorted(found.items(), key=lambda item: item[1]):
        try:
            runs.append(read_run(RunFolder(folder), name))
        except TintmillError as error:
            damaged.append(str(error))
        except _DAMAGES as error:
            damaged.append(f"{folder} is damaged ({type(error).__name__}: {error}); train again")
    return runs, damaged


def read_run(folder: RunFolder, name: str) -> Run:
    """One run directory, of this version or an older one.

    Raises:
      TintmillError, or one of `_DAMAGES`: it is damaged.
    """
    settings, manifest = folder.read_settings(), folder.read_manifest()
    made = manifest.settings
    data = f"{made.name}/{made.version}:{manifest.fingerprint[:8]}"
    # The other settings are not checked: an older version may have allowed values that this one refuses.
    asked = ("best_by", "validation_split", "validate_every", "patience")
    known = TrainSettings(**{key: settings[key] for key in asked if key in settings})
    validations = folder.read_validations()
    return Run(
        name,
        {"data": data} | {key: value for key, value in settings.items() if key != "steps"},
        _progress(folder, settings["steps"], best.is_out_of_patience(validations, known)),
        _best(validations, known) | _scores(folder),
    )


def _progress(folder: RunFolder, steps: int, ended_early: bool) -> dict:
    logged = folder.read_log()
    step = int(logged[-1]["step"]) if logged else 0
    # A finished run may be gone on with to more steps; its model.keras is then an old one.
    finished = os.path.exists(folder.model_file) and (step >= steps or ended_early)
    early = " early" if step < steps else ""
    return {"step": step, "steps": steps, "state": f"finished{early}" if finished else "not finished"}


def _best(validations: list[dict], settings: TrainSettings) -> dict:
    step = best.find_best_step(validations, settings)
    rows = [row for row in validations if row["step"] == step]
    return {f"best.{key}": row[key] for row in rows for key in VALIDATED}


def _scores(folder: RunFolder) -> dict:
    """Of the run's own row, the first; an older metrics.json may lack some."""
    rows = {split: metrics["rows"][0] for split, metrics in folder.read_evaluations().items()}
    return {f"{split}.{key}": row[key] for split, row in rows.items() for key in EVALUATED if row.get(key) is not None}


def make_rows(runs: list[Run]) -> list[dict]:
    """The table's rows, by column; in all of them the same columns, None where a run has no value."""
    settings = list_differing([run.settings for run in runs])
    results = dict.fromkeys(key for run in runs for key in run.results)
    return [
        {"name": run.name}
        | run.progress
        | {key: run.settings.get(key) for key in settings}
        | {key: run.results.get(key) for key in results}
        for run in runs
    ]


def make_notes(runs: list[Run]) -> list[str]:
    """What all runs have in common, and which settings some of them do not have."""
    shown = set(list_differing([run.settings for run in runs]))
    same = {}
    for run in runs:
        same |= {key: value for key, value in run.settings.items() if key not in shown}
    title = "Same in all" if len(runs) > 1 else "Settings"
    notes = [f"{title}: " + ", ".join(f"{key}={_show(key, value)}" for key, value in same.items())]
    lacking: dict[tuple, list[str]] = {}
    for run in runs:
        keys = tuple(key for key in _keys(runs) if key not in run.settings)
        lacking.setdefault(keys, []).append(run.name)
    notes += [
        f"Of an older version, without {', '.join(keys)}, taken as the defaults: {', '.join(names)}"
        for keys, names in lacking.items()
        if keys
    ]
    return notes


def _keys(runs: Iterable[Run]) -> list[str]:
    return list(dict.fromkeys(key for run in runs for key in run.settings))


def sort(rows: list[dict], by: str) -> list[dict]:
    """The rows by a column, by "-COLUMN" highest first; those without a value last.

    Raises:
      TintmillError: no such column.
    """
    column = by.removeprefix("-")
    if column not in rows[0]:
        raise TintmillError(f"--sort={by}: wanted one of {', '.join(rows[0])}, or with a - before it")
    known, empty = [], []
    for row in rows:
        value = row[column]
        (empty if value is None or value != value else known).append(row)  # NaN is unlike itself
    return sorted(known, key=lambda row: _order(row[column]), reverse=by != column) + empty


def _order(value) -> tuple:
    """Numbers in their order, then all else as text."""
    return (0, value, "") if isinstance(value, int | float) else (1, 0, str(value))


def format_table(rows: list[dict], width: int | None) -> str:
    """The rows as text: in lines of at most `width` characters, names in each table (see `table.fold`)."""
    columns = {column: _format_column(column, [row[column] for row in rows]) for column in rows[0]}
    return table.fold([columns.pop("name"), *columns.values()], width)


def _format_column(column: str, values: list) -> list[str]:
    """The column's cells of equal width, its name first; numbers to the right."""
    cells = [column, *(_show(column, value) for value in values)]
    widest = max(map(len, cells))
    numbers = all(value is None or (isinstance(value, int | float) and not isinstance(value, bool)) for value in values)
    return [cell.rjust(widest) if numbers else cell.ljust(widest) for cell in cells]


def _show(column: str, value) -> str:
    if value is None:
        return "-"
    group, _, name = column.rpartition(".")
    if group:
        return format(value, _FORMATS[name])
    if isinstance(value, bool):
        return str(value).lower()
    return "''" if value == "" else str(value)
