"""A trained network on disk: `model.keras`, and `dataset.json`, the manifest of what it was trained on.

The two make a run directory usable for colouring: the manifest says which embedder, size and framing the network knows.
"""

import dataclasses
import math
import os
import zipfile

from tintmill.model.prediction import keras_archive
from tintmill.model.prediction.prediction import TRAIN_WITH_BINS, refuse_temperature
from tintmill.pipeline.common import checked_json, files
from tintmill.pipeline.common.checked_json import Kind, anything, record, text
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.dataset.manifest import LARGEST, Manifest

MODEL = "model.keras"
DATASET = "dataset.json"
SETTINGS = "settings.json"
_TRAIN_AGAIN = "train again into another folder"
_SETTINGS_KIND = record({}, {"network": text(r"[\w.-]{1,100}", "the name of a network")})


@dataclasses.dataclass(frozen=True)
class TrainedFolder:
    """The files of a run directory that colouring needs; `trainer/run/folder.py` knows the others."""

    path: str

    def __str__(self) -> str:
        return self.path

    @property
    def model_file(self) -> str:
        """The trained network, once training has ended."""
        return os.path.join(self.path, MODEL)

    @property
    def settings_file(self) -> str:
        return os.path.join(self.path, SETTINGS)

    @property
    def dataset_file(self) -> str:
        return os.path.join(self.path, DATASET)

    def read_settings(self) -> dict:
        """The settings of training as JSON values; a run of an older version may lack some.

        Raises:
          TintmillError: this is no run directory, or the file is damaged.
        """
        return self._read_settings(_SETTINGS_KIND)

    def read_network(self) -> str:
        """The name of the network.

        Raises:
          TintmillError: this is no run directory, or its settings do not say it.
        """
        settings = self.read_settings()
        if "network" not in settings:
            raise TintmillError(f"{self.settings_file}: says no network; wanted the settings of `tintmill train`")
        return settings["network"]

    def _read_settings(self, kind: Kind) -> dict:
        return _read_json(self.path, SETTINGS, kind)

    def read_manifest(self) -> Manifest:
        """The manifest of the dataset that the network was trained on.

        Raises:
          TintmillError: this is no run directory, or the file is damaged.
        """
        return Manifest.from_json(_read_json(self.path, DATASET, anything), self.dataset_file, _TRAIN_AGAIN)

    def write_manifest(self, manifest: Manifest) -> None:
        files.write(self.dataset_file, manifest.to_text())


def _read_json(run: str, name: str, kind: Kind) -> dict:
    """The content of one of a run directory's JSON files.

    Raises:
      TintmillError: `run` is no run directory, or the file cannot be read. The path says which run is meant: commands
        take it by --run or among their arguments.
    """
    path = os.path.join(run, name)
    if files.is_remote(run):
        raise TintmillError(f"{run}: wanted a run directory on this machine; copy it here first")
    try:
        return checked_json.read(path, kind, _TRAIN_AGAIN, LARGEST)
    except NotADirectoryError as error:
        raise TintmillError(
            f"{run} is a file; wanted a run directory of `tintmill train` (what `tintmill export` wrote is --model of "
            "`tintmill colorize`)"
        ) from error
    except FileNotFoundError as error:
        raise TintmillError(f"{run}: no {name} in it; wanted a run directory of `tintmill train`") from error
    except OSError as error:
        raise TintmillError(f"{path}: cannot be read: {error}") from error


def save_model(folder: str, model, name: str = MODEL) -> None:
    """Writes a network, atomically."""
    temporary = os.path.join(folder, f".tmp-{name}")
    model.save(temporary)
    os.replace(temporary, os.path.join(folder, name))


def load_model(run: str, temperature: float | None = None, rise: float = 0.0):
    """The trained network, a keras.Model.

    Args:
      temperature: of the annealed mean of a network with bins; None leaves it as it was trained.
      rise: of the temperature, for each nat of a place's entropy; see `heads.AnnealedMean`. Wants a temperature.
    Raises:
      TintmillError: training has not ended yet, the file is damaged, or there are no bins for the temperature.
    """
    network = _load(run)
    if rise and temperature is None:
        raise TintmillError(f"--temperature_rise={rise}: wanted beside --temperature, from which it rises")
    if temperature is not None:
        _set_temperature(run, network, temperature, rise)
    return network


def _load(run: str):
    import keras

    from tintmill.model.blocks import heads, hints, layers  # noqa: F401  they register what the file names

    path = TrainedFolder(run).model_file
    if not os.path.exists(path):
        raise TintmillError(f"--run={run}: no {MODEL} in it; let its `tintmill train` come to the end")
    try:
        keras_archive.check_classes(path)
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except (OSError, ValueError, KeyError, TypeError, EOFError, RuntimeError, zipfile.BadZipFile) as error:
        raise TintmillError(f"{path} cannot be loaded ({str(error).splitlines()[0]}); train again") from error


def _set_temperature(run: str, network, temperature: float, rise: float) -> None:
    from tintmill.model.blocks import heads

    if not 0 < temperature < math.inf:
        raise TintmillError(f"--temperature={temperature}: wanted a positive number; 1 is the mean, near 0 the mode")
    if not 0 <= rise < math.inf:
        raise TintmillError(f"--temperature_rise={rise}: wanted 0 or more, for each nat of a place's entropy")
    if not heads.set_temperature(network, temperature, rise):
        raise refuse_temperature(temperature, f"the network of --run={run}", TRAIN_WITH_BINS)
