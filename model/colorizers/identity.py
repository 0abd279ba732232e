"""Which model colours: its network's name and the sha256 of its file, without loading it."""

import hashlib
import json
from typing import NamedTuple

from tintmill.model.prediction.saved_model import MODEL, TrainedFolder
from tintmill.pipeline.common import files
from tintmill.pipeline.common.errors import TintmillError


class Identity(NamedTuple):
    name: str
    sha256: str


def of_run(run: str) -> Identity:
    """Raises TintmillError where `run` is no run directory, or holds no model yet."""
    folder = TrainedFolder(run)
    folder.read_manifest()
    try:
        with files.open_read(folder.model_file) as f:
            sha256 = hashlib.file_digest(f, "sha256").hexdigest()
    except FileNotFoundError as error:
        raise TintmillError(f"--run={run}: no {MODEL} in it; let its `tintmill train` come to the end") from error
    try:
        return Identity(json.loads(files.read(folder.settings_file))["network"], sha256)
    except (OSError, ValueError, KeyError) as error:
        raise TintmillError(
            f"{folder.settings_file}: wanted the settings of `tintmill train`, found {error!r}"
        ) from error


def of_export(path: str) -> Identity:
    """Raises TintmillError where `path` is not what `tintmill export` wrote."""
    from tintmill.model.export import reader

    _, description = reader.describe(path)
    return Identity(description["network"], reader.sha256_of(path))
