"""The models that are known by a name: those in this package, and those in the user's folder.

A model is three files: NAME.onnx, an export that takes L* and hints (`export.reader`); NAME.json, its name, version and
sha256; NAME.card.md, its card. The user's folder is tintmill/models in the XDG data directory. A model there takes the
place of a built-in one of its name, so that `default` may be one's own.
"""

import dataclasses
import hashlib
import json
import os
import re

from tintmill.pipeline.common import checked_json, files
from tintmill.pipeline.common.checked_json import hexadecimal, record, text
from tintmill.pipeline.common.errors import TintmillError

DEFAULT = "default"  # what colours where no model is named
PACKAGE = os.path.dirname(os.path.abspath(__file__))
_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]*"
_ABOUT = ".json"  # written last: a model without it is none


_LARGEST = 64 << 10  # bytes of that file
_REMEDY = "delete it, and install the model again"
_KIND = record(
    {"name": text(_NAME, "the name of a model"), "version": text(longest=100), "sha256": hexadecimal(64)},
    {"network": text(longest=100), "description": text(longest=1000)},
    closed=True,
)


@dataclasses.dataclass(frozen=True)
class KnownModel:
    """A model that is known by its name.

    Attributes:
      name, version: as its card says.
      sha256: of its file, hexadecimal.
      folder: where its files are.
      network: the name of the network that was trained.
      description: one line for people.
    """

    name: str
    version: str
    sha256: str
    folder: str
    network: str = ""
    description: str = ""

    @property
    def path(self) -> str:
        """Of the file that runs."""
        return os.path.join(self.folder, f"{self.name}.onnx")

    @property
    def card(self) -> str:
        return os.path.join(self.folder, f"{self.name}.card.md")

    @property
    def about(self) -> str:
        """The file that says name, version and sha256."""
        return os.path.join(self.folder, f"{self.name}{_ABOUT}")

    @property
    def is_built_in(self) -> bool:
        return self.folder == PACKAGE

    @property
    def remedy(self) -> str:
        """What helps where its file is damaged or gone."""
        if self.is_built_in:
            return "install Tintmill again, or name another model by --run or --model"
        return "install it again by `tintmill models --install=FILE`, or name another model by --run or --model"

    def check(self) -> None:
        """Raises TintmillError where its file is missing, or is not the one that was installed."""
        try:
            with files.open_read(self.path) as f:
                found = hashlib.file_digest(f, "sha256").hexdigest()
        except OSError as error:
            raise TintmillError(
                f"{self.path}: the model {self.name} cannot be read ({error.strerror or error}); {self.remedy}"
            ) from error
        if found != self.sha256:
            raise TintmillError(
                f"{self.path} is damaged: the sha256 of the model {self.name} is {found[:12]}..., wanted "
                f"{self.sha256[:12]}...; {self.remedy}"
            )

    def write_about(self) -> None:
        values = {name: value for name, value in dataclasses.asdict(self).items() if name != "folder"}
        files.write(self.about, json.dumps(values, indent=1) + "\n")


def user_folder() -> str:
    """The user's folder of models: $XDG_DATA_HOME/tintmill/models, by default below ~/.local/share."""
    data = os.environ.get("XDG_DATA_HOME") or os.path.join(os.path.expanduser("~"), ".local", "share")
    return os.path.join(data, "tintmill", "models")


def is_name(word: str) -> bool:
    """Whether a model may be called so, as no path is."""
    return bool(re.fullmatch(_NAME, word))


def list_models() -> list[KnownModel]:
    """All models by name; those of the user's folder take the places of built-in ones.

    Raises:
      TintmillError: what says a model's name, version and sha256 is damaged.
    """
    found = {}
    for folder in (PACKAGE, user_folder()):
        names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
        for name in names:
            if name.endswith(_ABOUT):
                model = _read(folder, name)
                found[model.name] = model
    return [found[name] for name in sorted(found)]


def find(name: str) -> KnownModel:
    """The model of a name.

    Raises:
      TintmillError: there is none, or what says its name, version and sha256 is damaged.
    """
    for folder in (user_folder(), PACKAGE):
        if os.path.exists(os.path.join(folder, f"{name}{_ABOUT}")):
            return _read(folder, f"{name}{_ABOUT}")
    if name == DEFAULT:
        raise TintmillError(
            f"{os.path.join(PACKAGE, name + _ABOUT)}: the built-in model is not there; install Tintmill again, or name "
            "a model by --run or --model"
        )
    known = ", ".join(model.name for model in list_models()) or "none"
    raise TintmillError(f"--model={name}: no such file, and no model of this name; known are {known}")


def _read(folder: str, name: str) -> KnownModel:
    path = os.path.join(folder, name)
    try:
        values = checked_json.read(path, _KIND, _REMEDY, _LARGEST)
    except OSError as error:
        raise checked_json.damaged(path, error, _REMEDY) from error
    if f"{values['name']}{_ABOUT}" != name:
        found = checked_json.show(values["name"])
        raise TintmillError(f"{path} is damaged (name: found {found}, wanted the file's own); {_REMEDY}")
    return KnownModel(**values, folder=folder)
