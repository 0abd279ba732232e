"""The one way to load what colours: a run directory, a model of `tintmill export`, or a model by its name."""

import threading
from typing import Protocol

import numpy as np
from PIL import Image

from tintmill.model.colorizers.identity import find_known
from tintmill.model.painting import finish
from tintmill.model.prediction.prediction import Prediction
from tintmill.pipeline.common.errors import TintmillError


class Colorizer(Protocol):
    """What colours grey pictures, wherever it was loaded from."""

    @property
    def has_bins(self) -> bool:
        """Whether it predicts distributions over the ab bins: temperature and uncertainty want them."""

    @property
    def takes_hints(self) -> bool:
        """Whether colours may be told at places of a picture."""

    def predict(self, grey: Image.Image, temperature: float | None = None) -> Prediction:
        """Colours of a picture of mode L and any size, and the bins they come from.

        Args:
          temperature: of the annealed mean, for this picture alone; None is the model's own.
        Raises:
          TintmillError: a temperature, and the model has no bins.
        """

    def predict_ab(self, grey: Image.Image, temperature: float | None = None) -> np.ndarray:
        """The `ab` of `predict` alone: float32 [h, w, 2]."""


def check_choice(run: str | None, model: str | None) -> None:
    """Raises TintmillError where both --run and --model are given."""
    if run is not None and model is not None:
        raise TintmillError(f"--run={run} --model={model}: wanted one of the two, or neither for the built-in model")


def load(
    run: str | None = None,
    model: str | None = None,
    embedder_weights: str | None = None,
    temperature: float | None = None,
    rise: float = 0.0,
) -> Colorizer:
    """Loads what colours.

    Args:
      run: a run directory.
      model: a file or folder of `tintmill export`, or the name of a model. Where neither is given, the default model.
      embedder_weights: where the weights file of a run's embedder is now; None: where it was when the data was
        prepared.
      temperature: of a run's network with bins, for all pictures; None: as it was trained.
      rise: of that temperature, for each nat of a place's entropy.
    Raises:
      TintmillError: both are given, it is not there, it is damaged, or it cannot be loaded.
    """
    check_choice(run, model)
    if run is None:
        from tintmill.model.export import reader

        # Both take a second of one core, and wait for each other nowhere.
        threading.Thread(target=finish.load_loops, name="load_loops", daemon=True).start()
        known = find_known(model)
        if known:
            known.check()
        return reader.load(known.path if known else model)
    from tintmill.pipeline.common.tensorflow import import_tensorflow

    import_tensorflow()
    from tintmill.model.prediction import colorizer

    return colorizer.load(run, embedder_weights, temperature, rise)
