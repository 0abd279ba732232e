"""Who colours: the network's name and the sha256 of its file, known without loading it.

A coloured file names it (`provenance`), and so does each line of colorize.jsonl.
"""

import dataclasses
import hashlib
import json

from tintmill.model.prediction.saved_model import MODEL, TrainedFolder
from tintmill.pipeline.common import files
from tintmill.pipeline.common.errors import TintmillError


@dataclasses.dataclass(frozen=True)
class Identity:
    """Which model it is. Attributes: `name` of the network; `sha256` of the model's file, hexadecimal."""

    name: str
    sha256: str

    @property
    def provenance(self) -> dict[str, str]:
        """What a coloured file says of it."""
        return {"model": self.name, "model_sha256": self.sha256}


def identify(run: str | None, model: str | None) -> Identity:
    """The identity of a run directory or of an exported model.

    Args:
      run, model: paths, of which one is given.
    Raises:
      TintmillError: there is no such run or export, or training has not ended yet.
    """
    return _identify_run(run) if run is not None else _identify_export(model)


def _identify_run(run: str) -> Identity:
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


def _identify_export(path: str) -> Identity:
    from tintmill.model.export import reader

    _, description = reader.describe(path)
    return Identity(description["network"], reader.sha256_of(path))
