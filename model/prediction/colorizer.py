"""Grey picture in, its colours out.

The picture goes the way of a training picture: the same grey version, the same framing for the embedder, the same L*.
The network sees it with its shorter side at the training size, whatever its own size, so that the same picture has the
same colours at every size; `finish` puts them on the picture's own, full-size L*. A network of one fixed size sees the
picture squashed to that.
"""

import copy
import functools
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from PIL import Image

from tintmill.model.painting import finish
from tintmill.model.prediction import hints as hint_maps
from tintmill.model.prediction import saved_model
from tintmill.model.prediction.hints import Hint
from tintmill.model.prediction.prediction import TRAIN_WITH_BINS, Prediction, anneal, refuse_hints, refuse_temperature
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.dataset import embed
from tintmill.pipeline.dataset.identity import EmbedderIdentity, check_same
from tintmill.pipeline.dataset.settings import EmbedderSettings
from tintmill.pipeline.imaging import lab, photo

_LONGEST = 4  # a strip is squashed to this aspect ratio: memory follows the network's input, not the picture's shape


class Colorizer:
    """A network with the embedder it was trained with.

    Args:
      network: keras.Model, {"l", "embedding", "hints"} -> {"ab"}, or a function of these; a function gets no hints.
      embedder: `embed.Embedder`, or None for networks without.
      size: the side of training pictures; `fit`: their framing.
      embed_record: whether the embedder saw the records (--reuse_lab) instead of the original pictures.
      network_size: (width, height) of the one input that the network takes; None where it takes any.
      forward: how the network is called, as `forward.Forward`; by default as it is.
    """

    def __init__(
        self,
        network,
        embedder: embed.Embedder | None,
        size: int,
        fit: str,
        embed_record: bool = False,
        network_size: tuple[int, int] | None = None,
        forward: Callable[[dict], dict] | None = None,
    ):
        self.network, self._embedder, self._size, self._fit = network, embedder, size, fit
        self._embed_record, self._network_size = embed_record, network_size
        self._forward = forward or functools.partial(network, training=False)
        self._working_side = size
        self.takes_hints = "hints" in (getattr(network, "input", None) or ())

    @property
    def has_bins(self) -> bool:
        """Whether the network predicts distributions over the bins: temperature and uncertainty want them."""
        return "bins" in (getattr(self.network, "output", None) or ())

    def __call__(self, image: Image.Image, hints: Sequence[Hint] = ()) -> np.ndarray:
        """Colours a picture.

        Args:
          image: PIL image of mode RGB, upright, any size; colours in it are ignored.
          hints: colours that are known, see `predict`.
        Returns:
          uint8 [H, W, 3] sRGB with the picture's own L*.
        """
        pixels = np.asarray(image)
        return finish.paint(pixels, self.predict(Image.fromarray(finish.grey(pixels)), hints=hints).ab)

    def predict(self, grey: Image.Image, temperature: float | None = None, hints: Sequence[Hint] = ()) -> Prediction:
        """Colours at the network's resolution, and the bins they come from.

        Args:
          grey: PIL image of mode L, any size.
          temperature: of the annealed mean, for this picture alone, positive; None is the network's own.
          hints: colours that are known at places of the picture.
        Raises:
          TintmillError: a temperature, and the network has no bins; or hints, and it takes none.
        """
        if temperature is not None and not self.has_bins:
            raise refuse_temperature(temperature, "the network", TRAIN_WITH_BINS)
        if hints and not self.takes_hints:
            raise refuse_hints(len(hints), "the network")
        inputs = self._inputs(grey)
        if hints:
            height, width = inputs["l"].shape[1:3]
            inputs["hints"] = hint_maps.draw(hints, grey.size, (width, height))[None]
        answer = self._forward(inputs)
        logits = np.asarray(answer["bins"], np.float32)[0] if self.has_bins else None
        if temperature is None:
            return Prediction(np.asarray(answer["ab"], np.float32)[0] * 128.0, logits)
        return Prediction(anneal(logits, temperature, inputs["l"].shape[1:3]), logits)

    def predict_ab(self, grey: Image.Image, temperature: float | None = None) -> np.ndarray:
        """The `ab` of `predict` alone: float32 [h, w, 2]."""
        return self.predict(grey, temperature).ab

    def at_side(self, side: int) -> "Colorizer":
        """The same, but the network sees pictures with their shorter side at `side` instead of the training size."""
        other = copy.copy(self)
        other._working_side = side
        return other

    def _inputs(self, grey: Image.Image) -> dict[str, np.ndarray]:
        with ThreadPoolExecutor(1, "view") as pool:  # of a large picture the two resizings take a tenth of it all
            view = pool.submit(self._view, grey) if self._embedder else None
            inputs = {"l": self._lightness(grey)[None]}
            if self.takes_hints:
                inputs["hints"] = np.repeat(np.zeros_like(inputs["l"]), 3, axis=-1)
            if view:
                inputs["embedding"] = self._embedder(view.result()[None]).astype(np.float32)
        return inputs

    def _lightness(self, grey: Image.Image) -> np.ndarray:
        small = np.asarray(grey.resize(self._working_size(grey.size), Image.Resampling.BICUBIC))
        return network_lightness(lab.rgb_to_lab(np.repeat(small[..., None], 3, axis=-1))[..., :1])

    def _view(self, grey: Image.Image) -> np.ndarray:
        if self._embed_record:
            grey = Image.fromarray(photo.fit(grey, self._size, self._fit))
        return embed.frame_view(grey, self._fit, self._embedder.settings)

    def _working_size(self, size: tuple[int, int]) -> tuple[int, int]:
        if self._network_size:
            return self._network_size
        scale = self._working_side / min(size)
        return tuple(min(round(length * scale), _LONGEST * self._working_side) for length in size)


def network_lightness(lightness):
    """L* 0..100 as networks take it: -1..1. Works on arrays and tensors; the trainer uses it too."""
    return lightness / 50.0 - 1.0


def load(
    run: str, embedder_weights: str | None = None, temperature: float | None = None, rise: float = 0.0
) -> Colorizer:
    """The colorizer of a run directory, its embedder proved to be the one of the dataset.

    Args:
      embedder_weights: where the embedder's weights file is now; by default where it was when the data was prepared.
      temperature, rise: see `saved_model.load_model`.
    Raises:
      TintmillError: no run, no model yet, a temperature without bins, or the embedder is another network.
    """
    from tintmill.model.prediction.forward import Forward  # which imports Keras

    manifest = saved_model.TrainedFolder(run).read_manifest()
    network = saved_model.load_model(run, temperature, rise)
    embeds = "embedding" in network.input  # not every network wants what the dataset holds
    embedder = load_embedder(manifest.embedder, embedder_weights) if embeds else None
    settings, embed_record = manifest.settings, manifest.embedding_from == "record"
    size = fixed_size(network)
    return Colorizer(network, embedder, settings.size, settings.fit, embed_record, size, Forward(network))


def fixed_size(network) -> tuple[int, int] | None:
    """(width, height) of the one input that a network takes; None where it takes any."""
    _, height, width, _ = network.input["l"].shape
    return (width, height) if width and height else None


def load_embedder(identity: EmbedderIdentity, weights: str | None = None) -> embed.Embedder:
    """The embedder with this identity, for one picture at a time.

    Raises:
      TintmillError: its weights are not to be found, or are others.
    """
    settings = EmbedderSettings(identity.name, identity.layer, weights or identity.weights_path)
    try:
        embedder = embed.Embedder(settings, batch=1)
    except TintmillError as error:
        raise TintmillError(f"the dataset's embedder ({identity.weights}) cannot be loaded: {error}") from error
    check_same(embedder.identity, identity, settings.weights)
    return embedder
