"""Beginning a run directory, or going on with it: of the same settings, the same dataset and the same embedder."""

import dataclasses
import json
import os

from tintmill.model.prediction import saved_model
from tintmill.pipeline.common import files
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.dataset.identity import check_same
from tintmill.pipeline.dataset.manifest import Dataset
from tintmill.trainer.run import folder
from tintmill.trainer.run.checkpoint import list_steps
from tintmill.trainer.run.folder import RunFolder
from tintmill.trainer.run.settings import DEFAULTS, TrainSettings

# What may differ when a run is resumed: how far, how often, and on what it goes on; not what it computes.
RESUMABLE = (
    "steps",
    "replicas",
    "readers",
    "log_every",
    "checkpoint_every",
    "keep_checkpoints",
    "log_ids",
    "profile_step",
    "profile_rows",
)


def begin_run(run: RunFolder, settings: TrainSettings, dataset: Dataset, flag_lines: str) -> None:
    """Makes the run directory, or checks that it is one of these settings and this dataset.

    Raises:
      TintmillError: naming the settings that differ, the other dataset, or the foreign files.
    """
    if _has_results(run):
        free = [key for key in RESUMABLE if key != "steps" or settings.schedule == "constant"]  # a cosine has an end
        _check_same_settings(run, run.read_settings(), settings, free)
        _check_same_dataset(run, dataset)
    else:
        _make_run(run)
        run.write_manifest(dataset.manifest)
    for path in (run.path, run.checkpoints):
        files.remove_leftovers(path)  # of a kill in the middle of a write; a checkpoint's can be large
    files.write(run.flags_file, flag_lines)
    files.write(run.settings_file, json.dumps(dataclasses.asdict(settings), indent=1) + "\n")


def join_run(run: RunFolder, settings: TrainSettings, dataset: Dataset) -> None:
    """Checks that a run which another process of this job began is of these settings and this dataset.

    Raises:
      TintmillError: naming the settings that differ, or the other dataset.
    """
    remedy = "start all workers with the same flags"
    _check_same_settings(run, run.read_settings(), settings, ["readers"], remedy)
    _check_same_dataset(run, dataset, remedy)


def check_same_embedder(run: RunFolder, dataset: Dataset) -> None:
    """Raises TintmillError where a dataset's embeddings are not of the network that the run was trained with."""
    wanted, found = run.read_manifest().embedder, dataset.embedder
    if (wanted is None) != (found is None):
        names = [identity and identity.name for identity in (found, wanted)]
        raise TintmillError(f"--data={dataset.folder} has embedder {names[0]}, --run={run} was trained with {names[1]}")
    if wanted:
        check_same(found, wanted, f"--data={dataset.folder} beside --run={run}")


def _has_results(run: RunFolder) -> bool:
    # Before its first checkpoint a run holds nothing to mix up: a mistyped flag may be put right in the same place.
    if not os.path.exists(run.settings_file):
        return False
    return os.path.exists(run.model_file) or bool(list_steps(run.checkpoints))


def _make_run(run: RunFolder) -> None:
    try:
        os.makedirs(run.checkpoints, exist_ok=True)
        names = {name for name in os.listdir(run.path) if not name.startswith(".tmp-")}  # a killed begin_run leaves one
        foreign = sorted(names - {folder.CHECKPOINTS, folder.FLAGS, saved_model.DATASET})
    except OSError as error:
        raise TintmillError(f"--run={run}: cannot be written: {error}") from error
    if foreign and saved_model.SETTINGS not in names:
        raise TintmillError(f"--run={run} holds {foreign[0]}, which no `tintmill train` began; give another --run")


def _check_same_settings(
    run: RunFolder, old: dict, settings: TrainSettings, free: list[str], remedy: str = "give another --run"
) -> None:
    new = dataclasses.asdict(settings)
    old = DEFAULTS | old  # what a run of an older version does not say had no other value
    keys = [key for key in new if key not in free and old[key] != new[key]]
    if keys:
        found = ", ".join(f"{key} {old[key]!r} -> {new[key]!r}" for key in keys)
        raise TintmillError(f"--run={run} was begun with other settings: {found}; {remedy}")


def _check_same_dataset(run: RunFolder, dataset: Dataset, remedy: str = "give another --run") -> None:
    old = run.read_manifest()
    if old.fingerprint == dataset.manifest.fingerprint:
        return
    check_same_embedder(run, dataset)
    names = [f"{m.settings.name} {m.fingerprint[:12]}" for m in (old, dataset.manifest)]
    raise TintmillError(f"--run={run} was begun on dataset {names[0]}, --data is {names[1]}; {remedy}")
