"""Pictures of another program: a path, a PIL image or an array goes in, and the same kind comes back in colours."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image

from tintmill.model.colorizers.found import FoundModel, find_model
from tintmill.model.files import colour_file
from tintmill.model.files.not_coloured import REASONS, NotColoured
from tintmill.model.output import beside
from tintmill.model.output.inputs import list_inputs
from tintmill.model.output.task import make_tasks
from tintmill.model.painting import finish
from tintmill.model.prediction import hints_file
from tintmill.model.prediction.colouring import predict_colourings
from tintmill.model.prediction.hints import Hint
from tintmill.model.prediction.saved_model import TrainedFolder
from tintmill.pipeline.common import files
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.imaging import photo

Picture = TypeVar("Picture", str, Path, Image.Image, np.ndarray)
Hints = Sequence[Mapping | Hint]  # each as in a file of hints: {"x": 120, "y": 80, "color": "#3a5f2b", "radius": 4}

_MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "HSV")  # of 8 bits
_LIMITS = photo.Limits(min_side=1)


class Colorizer:
    """Colours pictures with one model, which is loaded once.

    Attributes:
      name: the model's.
      takes_hints: whether it can be told colours.

    Args:
      model: the name of a model, a file of `tintmill export`, or a run directory; None is the built-in model.
      temperature: of a model with bins: 1 is the mean, near 0 the mode; None is the model's own.
      chroma: a* and b* are multiplied by it: 0 is grey, 1 as predicted.
    Raises:
      TintmillError: there is no such model, it cannot be loaded, or a number is out of its range.
    """

    def __init__(self, model: str | os.PathLike | None = None, temperature: float | None = None, chroma: float = 1.0):
        self._options = colour_file.Options(temperature=temperature, chroma=chroma)
        found = _find(model)
        self._identity, self._network = found.identity, found.load()
        self.name, self.takes_hints = found.identity.name, self._network.takes_hints

    def __call__(self, picture: Picture, hints: Hints | None = None, variants: int = 1) -> Picture | list[Picture]:
        """Colours a picture.

        Args:
          picture: the path of a picture file, a PIL image, or uint8 sRGB [H, W, 3] or [H, W]; colours in it are
            ignored.
          hints: colours that are known, in pixels of the picture; of a file, in those of the upright picture.
          variants: how many colourings are made.
        Returns:
          The same kind: the path of a coloured file that is written beside the picture, which replaces none; an RGB
          image, with the picture's transparency; or uint8 [H, W, 3]. Of several variants a list of them.
        Raises:
          TintmillError: the picture or a hint is none, or the model takes none.
        """
        if hints and not self.takes_hints:
            raise TintmillError(f"hints: the model {self.name} takes none; leave them out, or use another model")
        if isinstance(picture, str | os.PathLike):
            coloured = [type(picture)(path) for path in self._colour_file(os.fspath(picture), hints or (), variants)]
        elif isinstance(picture, Image.Image):
            coloured = self._colour_image(picture, hints or (), variants)
        else:
            coloured = self._colour_pixels(_check_pixels(picture), hints or (), variants)
        return coloured if variants > 1 else coloured[0]

    def _colour_pixels(self, pixels: np.ndarray, hints: Hints, variants: int) -> list[np.ndarray]:
        size = pixels.shape[1], pixels.shape[0]
        options = self._options
        colourings = predict_colourings(
            self._network, finish.grey(pixels), options.temperature, _read(hints, size), variants
        )
        return [
            finish.paint(pixels, one.ab, options.chroma, options.upsample, one.change) for one in colourings.variants
        ]

    def _colour_image(self, image: Image.Image, hints: Hints, variants: int) -> list[Image.Image]:
        if image.mode not in _MODES:
            raise TintmillError(f"picture: an image of mode {image.mode}; wanted 8 bits, as image.convert('L') makes")
        is_grey = image.mode in ("1", "L")
        pixels = np.asarray(image.convert("L" if is_grey else "RGB"))
        alpha = image.convert("RGBA").getchannel("A") if image.has_transparency_data else None
        coloured = [Image.fromarray(one) for one in self._colour_pixels(pixels, hints, variants)]
        if alpha:
            for one in coloured:
                one.putalpha(alpha)
        return coloured

    def _colour_file(self, path: str, hints: Hints, variants: int) -> list[str]:
        beside.check_inputs((path,))
        (task,) = make_tasks(list_inputs([path], os.devnull), self._identity, {})
        said = {"hints": str(len(hints))} if hints else {}
        try:
            coloured = colour_file.colour_bytes(
                files.read(path),
                self._network,
                self._options,
                _LIMITS,
                self._identity.provenance | said,
                _read(hints, None),
                variants,
            )
        except photo.Rejected as rejected:
            raise TintmillError(f"{path}: not coloured: {rejected.code} ({REASONS[rejected.code]})") from rejected
        except NotColoured as failure:
            raise TintmillError(f"{path}: not coloured: {failure.code} ({failure.reason})") from failure
        except OSError as error:
            raise TintmillError(f"{path}: cannot be read: {error}") from error
        folder = beside.Beside()
        name = folder.name(task.order, coloured.extension)
        names = [name] if variants == 1 else colour_file.name_variants(name, variants)
        written = [folder.write(task.order, name, data) for name, data in zip(names, coloured.variants, strict=True)]
        return [os.path.join(os.path.dirname(path), file.name) for file in written]


def colorize(
    picture: Picture, model: str | os.PathLike | None = None, hints: Hints | None = None, variants: int = 1
) -> Picture | list[Picture]:
    """Colours one picture, see `Colorizer`; for many, a Colorizer loads the model once."""
    return Colorizer(model)(picture, hints, variants)


def _find(model: str | os.PathLike | None) -> FoundModel:
    if model is None:
        return find_model()
    path = os.fspath(model)
    is_run = os.path.exists(TrainedFolder(path).settings_file)
    return find_model(run=path) if is_run else find_model(model=path)


def _check_pixels(pixels) -> np.ndarray:
    if not isinstance(pixels, np.ndarray):
        raise TintmillError(f"picture: {type(pixels).__name__}; wanted a path, a PIL image or an array of uint8")
    is_picture = pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] == 3)
    if pixels.dtype != np.uint8 or not is_picture or not pixels.size:
        raise TintmillError(
            f"picture: {pixels.dtype} {list(pixels.shape)}; wanted uint8 [H, W, 3] or [H, W], sRGB 0..255"
        )
    return pixels


def _read(hints: Hints, size: tuple[int, int] | None) -> list[Hint]:
    """Hints as the model takes them; of a size of None, places are compared with the picture once that is read."""
    values = [hints_file.to_json([hint])[0] if isinstance(hint, Hint) else hint for hint in hints]
    return hints_file.parse_hints(values, "hints", size)
