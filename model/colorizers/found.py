"""What colours, found and checked once: the built-in model, one of the user's, a run, or a file of `tintmill export`.

    model = find_model(arguments.run, arguments.model)
    model.identity  # its network is not loaded for it
    colorizer = model.load()

A model of a name is checked against the sha256 that was written when it was installed, a file against the sha256 of its
parts that it holds. A run is checked by what loads it.
"""

import abc
import functools
import hashlib
import os
import threading
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from PIL import Image

from tintmill.model.builtin import catalogue
from tintmill.model.builtin.catalogue import KnownModel
from tintmill.model.colorizers.identity import Identity
from tintmill.model.export import reader
from tintmill.model.painting import finish
from tintmill.model.prediction.hints import Hint
from tintmill.model.prediction.prediction import Prediction
from tintmill.model.prediction.saved_model import MODEL, TrainedFolder
from tintmill.pipeline.common import files
from tintmill.pipeline.common.errors import TintmillError


class Colorizer(Protocol):
    """What colours grey pictures, wherever it was loaded from."""

    @property
    def has_bins(self) -> bool:
        """Whether it predicts distributions over the ab bins: temperature and uncertainty want them."""

    @property
    def takes_hints(self) -> bool:
        """Whether colours may be told at places of a picture."""

    def predict(self, grey: Image.Image, temperature: float | None = None, hints: Sequence[Hint] = ()) -> Prediction:
        """Colours of a picture of mode L and any size, and the bins they come from.

        Args:
          temperature: of the annealed mean, for this picture alone; None is the model's own.
          hints: colours that are known at pixels of the picture.
        Raises:
          TintmillError: a temperature, and the model has no bins; or hints, and it takes none.
        """

    def predict_ab(self, grey: Image.Image, temperature: float | None = None) -> np.ndarray:
        """The `ab` of `predict` alone: float32 [h, w, 2]."""


class FoundModel(abc.ABC):
    """A model that is there, and is not loaded yet. Attributes: `identity`, who it is."""

    identity: Identity

    @abc.abstractmethod
    def load(self, embedder_weights: str | None = None) -> Colorizer:
        """Loads it.

        Args:
          embedder_weights: where the weights file of a run's embedder is now; None: where it was when the data was
            prepared.
        Raises:
          TintmillError: it is damaged, or cannot be loaded.
        """


class TrainedRun(FoundModel):
    """A run directory whose training has ended."""

    def __init__(self, run: str):
        folder = TrainedFolder(run)
        folder.read_manifest()
        try:
            with files.open_read(folder.model_file) as f:
                sha256 = hashlib.file_digest(f, "sha256").hexdigest()
        except FileNotFoundError as error:
            raise TintmillError(f"--run={run}: no {MODEL} in it; let its `tintmill train` come to the end") from error
        self.path, self.identity = run, Identity(folder.read_network(), sha256)

    def load(
        self, embedder_weights: str | None = None, temperature: float | None = None, rise: float = 0.0
    ) -> Colorizer:
        """As `FoundModel.load`.

        Args:
          temperature: of a network with bins, for all pictures; None: as it was trained.
          rise: of that temperature, for each nat of a place's entropy.
        """
        from tintmill.pipeline.common.tensorflow import import_tensorflow

        import_tensorflow()
        from tintmill.model.prediction import colorizer

        return colorizer.load(self.path, embedder_weights, temperature, rise)


class Export(FoundModel):
    """A file or folder of `tintmill export`. Attributes: `path`.

    Args:
      known: the model of a name whose file it is, which is checked as a whole.
    """

    def __init__(self, path: str, known: KnownModel | None = None):
        self.path = path
        if known:
            known.check()
            self.identity = Identity(known.name, known.sha256, known.version)
        else:
            self._file.check_whole()
            self.identity = Identity(self._file.description["network"], self._file.sha256)

    @functools.cached_property
    def _file(self) -> reader.ExportFile:
        return reader.open_export(self.path)

    def load(self, embedder_weights: str | None = None) -> Colorizer:
        # Both take a second of one core, and wait for each other nowhere.
        threading.Thread(target=finish.load_loops, name="load_loops", daemon=True).start()
        return self._file.load(is_checked=True)


def find_model(run: str | None = None, model: str | None = None) -> FoundModel:
    """What colours.

    Args:
      run: a run directory.
      model: a file or folder of `tintmill export`, or the name of a model. Where neither is given, the default model.
    Raises:
      TintmillError: both are given, there is no such run or model, it is damaged, or training has not ended yet.
    """
    check_choice(run, model)
    return find_export(model) if run is None else TrainedRun(run)


def find_export(model: str | None) -> Export:
    """The model of a name or in a file, or the default one of None. Raises as `find_model`."""
    name = catalogue.DEFAULT if model is None else model
    if is_name(name):
        known = catalogue.find(name)
        return Export(known.path, known)
    return Export(name)


def is_name(model: str) -> bool:
    """Whether a text means a model by its name.

    A file or folder that is called like a name is meant by it, unless a model has that name.
    """
    if not catalogue.is_name(model):
        return False
    return not os.path.exists(model) or model in {known.name for known in catalogue.list_models()}


def check_choice(run: str | None, model: str | None) -> None:
    """Raises TintmillError where both --run and --model are given."""
    if run is not None and model is not None:
        raise TintmillError(f"--run={run} --model={model}: wanted one of the two, or neither for the built-in model")
