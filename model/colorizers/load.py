"""The one way to load what colours: a run directory, or a model of `tintmill export`."""

from typing import Protocol

import numpy as np
from PIL import Image

from tintmill.model.prediction.prediction import Prediction
from tintmill.pipeline.common.errors import TintmillError


class Colorizer(Protocol):
    """What colours grey pictures, wherever it was loaded from."""

    @property
    def has_bins(self) -> bool:
        """Whether it predicts distributions over the ab bins: temperature and uncertainty want them."""

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
    """Raises TintmillError where not just one of --run and --model is given."""
    if (run is None) == (model is None):
        raise TintmillError(f"--run={run} --model={model}: wanted one of the two")


def load(
    run: str | None = None,
    model: str | None = None,
    embedder_weights: str | None = None,
    temperature: float | None = None,
    rise: float = 0.0,
) -> Colorizer:
    """Loads what colours.

    Args:
      run, model: a run directory or an exported model, of which one is given.
      embedder_weights: where the weights file of a run's embedder is now; None: where it was when the data was
        prepared.
      temperature: of a run's network with bins, for all pictures; None: as it was trained.
      rise: of that temperature, for each nat of a place's entropy.
    Raises:
      TintmillError: both or none is given, it is not there, or it cannot be loaded.
    """
    check_choice(run, model)
    if run is None:
        from tintmill.model.export import reader

        return reader.load(model)
    from tintmill.pipeline.common.tensorflow import import_tensorflow

    import_tensorflow()
    from tintmill.model.prediction import colorizer

    return colorizer.load(run, embedder_weights, temperature, rise)
