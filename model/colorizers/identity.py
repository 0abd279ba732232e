"""Who colours: its name, its version and the sha256 of its file, known without loading it.

A coloured file names it (`provenance`), and so does each line of colorize.jsonl.
"""

import dataclasses
import hashlib
import os

from tintmill.model.builtin import catalogue
from tintmill.model.builtin.catalogue import KnownModel
from tintmill.model.prediction.saved_model import MODEL, TrainedFolder
from tintmill.pipeline.common import files
from tintmill.pipeline.common.errors import TintmillError


@dataclasses.dataclass(frozen=True)
class Identity:
    """Which model it is.

    Attributes:
      name: of the network; of a model that is known by a name, that name.
      sha256: of the model's file, hexadecimal.
      version: of a model that is known by a name.
    """

    name: str
    sha256: str
    version: str = ""

    @property
    def provenance(self) -> dict[str, str]:
        """What a coloured file says of it."""
        version = {"model_version": self.version} if self.version else {}
        return {"model": self.name} | version | {"model_sha256": self.sha256}


def identify(run: str | None, model: str | None) -> Identity:
    """The identity of a run directory or of a model.

    Args:
      run, model: as `load.load` takes them.
    Raises:
      TintmillError: there is no such run or model, it is damaged, or training has not ended yet.
    """
    if run is not None:
        return _identify_run(run)
    known = find_known(model)
    if known is None:
        return _identify_export(model)
    known.check()
    return Identity(known.name, known.sha256, known.version)


def find_known(model: str | None) -> KnownModel | None:
    """The model of a name, or the default one of None; None of a path, which any other text is.

    Raises:
      TintmillError: there is no such model.
    """
    name = catalogue.DEFAULT if model is None else model
    return catalogue.find(name) if catalogue.is_name(name) and not _is_export(name) else None


def _is_export(path: str) -> bool:
    """A file or folder of a plain name is meant by it, unless a model has that name."""
    return os.path.exists(path) and path not in {model.name for model in catalogue.list_models()}


def _identify_run(run: str) -> Identity:
    folder = TrainedFolder(run)
    folder.read_manifest()
    try:
        with files.open_read(folder.model_file) as f:
            sha256 = hashlib.file_digest(f, "sha256").hexdigest()
    except FileNotFoundError as error:
        raise TintmillError(f"--run={run}: no {MODEL} in it; let its `tintmill train` come to the end") from error
    return Identity(folder.read_network(), sha256)


def _identify_export(path: str) -> Identity:
    from tintmill.model.export import reader

    _, description = reader.describe(path)
    return Identity(description["network"], reader.sha256_of(path))
