"""What `tintmill export` wrote, read back: a grey picture in, its colours out, in whichever of the formats it is.

Each file or folder holds `tintmill.json`: the version of this contract, what the network is and how pictures come to
it, and the sha256 of every part, so that a cut or changed file is refused before a runtime sees it.

An export takes one of two things, which `takes` of its tintmill.json says:

- `grey`: float32 [1, H, W, 1], sRGB 0..255, of any size. It holds all that is done with a picture, `one_picture`.
- `lightness`: `l`, float32 [B, H, W, 1], L*/50 - 1 at the working size, and where the network takes them `hints`,
  float32 [B, H, W, 3]. It holds the network alone, and Tintmill does the rest as it does for a run.
"""

import functools
import hashlib
import importlib.util
import os
from collections.abc import Sequence

import numpy as np
from PIL import Image

from tintmill.model.export.formats import reading
from tintmill.model.export.formats.format import Run
from tintmill.model.export.formats.registry import FORMATS, recognise
from tintmill.model.painting import finish
from tintmill.model.prediction.colorizer import Colorizer
from tintmill.model.prediction.hints import Hint
from tintmill.model.prediction.prediction import Prediction, anneal, refuse_hints, refuse_temperature
from tintmill.model.prediction.saved_model import TrainedFolder
from tintmill.pipeline.common import checked_json, extras, files
from tintmill.pipeline.common.checked_json import (
    anything,
    boolean,
    choice,
    hexadecimal,
    mapping,
    optional,
    record,
    row,
    sequence,
    text,
    whole,
)
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.imaging import photo

TAKES = {"grey": 1, "lightness": 2}  # version of tintmill.json, by what the network takes
_SIDE = whole(1, 4096)
# What is asked of tintmill.json.
_DESCRIPTION = record(
    {
        "network": text(r"[\w.-]{1,100}", "the name of a network"),
        "bins": boolean,
        "embedder": optional(record({"side": _SIDE})),
        "framing": record({"size": _SIDE, "network_size": optional(row(_SIDE, _SIDE))}, {"fit": choice(photo.FITS)}),
        "parts": mapping(hexadecimal(64)),
        "versions": mapping(text(longest=200)),
    },
    {"takes": choice(TAKES), "inputs": sequence(text(r"\w{1,64}", "the name of an input"), least=1)},
)
_PLENTY = 4  # times what network and embedder need: a larger picture is reduced to it before
_LONGEST = 16_384  # pixels: of what is longer after that the length is squashed


class Exported:
    """An exported network. Attributes: `description`, the content of its tintmill.json; `sha256` of its bytes.

    Args:
      run: the network, of `Format.load`.
    """

    def __init__(self, run: Run, description: dict, sha256: str):
        self._run, self.description, self.sha256 = run, description, sha256

    takes_hints = False

    @property
    def name(self) -> str:
        return self.description["network"]

    @property
    def has_bins(self) -> bool:
        return self.description["bins"]

    def __call__(self, image: Image.Image, hints: Sequence[Hint] = ()) -> np.ndarray:
        """Colours a picture of mode RGB by its grey version: uint8 [H, W, 3] sRGB with the picture's own L*.

        Raises:
          TintmillError: there are hints, which such an export does not take.
        """
        pixels = np.asarray(image)
        return finish.paint(pixels, self.predict(Image.fromarray(finish.grey(pixels)), hints=hints).ab)

    def predict(self, grey: Image.Image, temperature: float | None = None, hints: Sequence[Hint] = ()) -> Prediction:
        """Colours of a picture, with the logits where there are bins.

        Args:
          grey: PIL image of mode L, any size.
          temperature: of the annealed mean; None takes the one it was exported with.
        Raises:
          TintmillError: a temperature for a network without bins, or hints, which such an export does not take.
        """
        if hints:
            raise refuse_hints(len(hints), f"the exported {self.name}")
        if temperature is not None and not self.has_bins:
            raise refuse_temperature(temperature, f"the exported {self.name}")
        pixels = np.asarray(bound_size(grey, self._needed()), np.float32)
        answer = self._run({"grey": pixels[None, ..., None]})
        ab, logits = answer["ab"][0], answer["bins"][0] if self.has_bins else None
        if temperature is not None:
            ab = anneal(logits, temperature, ab.shape[:2])
        return Prediction(ab, logits)

    def predict_ab(self, grey: Image.Image, temperature: float | None = None) -> np.ndarray:
        """float32 [h, w, 2]: a*, b* at the network's resolution; see `predict`."""
        return self.predict(grey, temperature).ab

    def _needed(self) -> int:
        embedder, framing = self.description["embedder"], self.description["framing"]
        return max(framing["size"], embedder["side"] if embedder else 0, *(framing["network_size"] or [0]))


class BareNetwork:
    """An exported network that takes L*, called as the keras.Model that it was.

    Attributes:
      input, output: the names of its inputs and outputs.
      description: the content of its tintmill.json.

    Args:
      run: the network, of `Format.load`.
    """

    def __init__(self, run: Run, description: dict):
        self._run, self.description = run, description
        self.input = tuple(description["inputs"])
        self.output = ("ab", "bins") if description["bins"] else ("ab",)

    def __call__(self, inputs: dict, training: bool = False) -> dict[str, np.ndarray]:
        """{"l", "hints"} -> {"ab", "bins"}, see the module. Hints may be left out."""
        found = {name: np.asarray(inputs[name], np.float32) for name in self.input if name in inputs}
        if "hints" in self.input and "hints" not in found:
            found["hints"] = np.zeros((*found["l"].shape[:3], 3), np.float32)
        return self._run(found)


class ExportFile:
    """What `tintmill export` wrote, as far as can be told without loading it.

    Attributes:
      path: the file or folder.
      format_name: a key of `FORMATS`.
      description: the content of its tintmill.json.
    """

    def __init__(self, path: str, format_name: str, description: dict):
        self.path, self.format_name, self.description = path, format_name, description

    @functools.cached_property
    def sha256(self) -> str:
        return sha256_of(self.path)

    def check_whole(self) -> None:
        """Raises TintmillError where it is not as it was written."""
        try:
            whole = FORMATS[self.format_name].digests(self.path) == self.description["parts"]
        except reading.DAMAGES:
            whole = False
        if not whole:
            raise TintmillError(
                f"--model={self.path}: damaged since it was exported (sha256 differ); export or copy it again"
            )

    def load(self, is_checked: bool = False) -> Exported | Colorizer:
        """Loads it.

        Args:
          is_checked: whether it is known to be as it was written.
        Raises:
          TintmillError: it is not as it was written, its runtime is not installed, or cannot load it.
        """
        if not is_checked:
            self.check_whole()
        check_runtime(self.format_name, f"--model={self.path}")
        found = FORMATS[self.format_name]
        try:
            run = found.load(self.path)
        except Exception as error:  # what the runtimes raise has no common type
            said = (str(error).strip() or type(error).__name__).splitlines()[0]
            made = ", ".join(f"{library} {version}" for library, version in self.description["versions"].items())
            raise TintmillError(
                f"--model={self.path}: {found.runtime} cannot load it ({said}); it was exported with {made}: use "
                "these, or export it again"
            ) from error
        if self.description["takes"] == "lightness":
            framing = self.description["framing"]
            return Colorizer(BareNetwork(run, self.description), None, framing["size"], framing["fit"])
        return Exported(run, self.description, self.sha256)


def load(path: str) -> Exported | Colorizer:
    """Reads what `tintmill export` wrote, in any of the formats, told by its content.

    Raises:
      TintmillError: there is nothing, or something else; it is cut, damaged or of another version; its runtime is not
        installed, or cannot load it.
    """
    return open_export(path).load()


def open_export(path: str) -> ExportFile:
    """Reads what an export says of itself; loads no network.

    Raises:
      TintmillError: as `load`, as far as can be told without.
    """
    wanted = "wanted a file or folder of `tintmill export`"
    if files.is_remote(path):
        raise TintmillError(f"--model={path}: {wanted} on this machine; copy it here first")
    if not os.path.exists(path):
        raise TintmillError(f"--model={path}: no such file or folder; {wanted}")
    name = recognise(path)
    if not name:
        run = "; a run directory is --run" if os.path.exists(TrainedFolder(path).settings_file) else ""
        known = ", ".join(each.title for each in FORMATS.values())
        raise TintmillError(f"--model={path}: by its content none of {known}; {wanted}{run}")
    title = FORMATS[name].title
    try:
        description = checked_json.parse(FORMATS[name].read_metadata(path), anything)
    except reading.DAMAGES as error:
        raise TintmillError(
            f"--model={path}: {title}, but no readable {reading.METADATA} in it: it is cut off or not of `tintmill "
            "export`; export it again"
        ) from error
    version = description.get("version") if isinstance(description, dict) else None
    if version not in TAKES.values():
        wanted = " or ".join(map(str, TAKES.values()))
        raise TintmillError(
            f"--model={path}: an export of version {checked_json.show(version)}, wanted {wanted}; export it again "
            "with this Tintmill"
        )
    try:
        checked_json.check(description, _DESCRIPTION)
    except ValueError as error:
        raise checked_json.damaged(f"--model={path}: {reading.METADATA} in it", error, "export it again") from error
    return ExportFile(path, name, {"takes": "grey"} | description)  # older exports do not say what they take


def check_runtime(name: str, asked: str) -> None:
    """Raises TintmillError where the package that runs a format is not installed; `asked` is the flag that wants it."""
    found = FORMATS[name]
    if not importlib.util.find_spec(found.runtime):
        raise TintmillError(
            f"{asked}: {found.title} is run by the package {found.runtime}, which is not installed; "
            + extras.install_line(extras.find_extra(found.runtime))
        )


def sha256_of(path: str) -> str:
    """Of a file; of a folder that of the lines that `sha256sum` prints of its files, sorted by name."""
    if not os.path.isdir(path):
        return reading.file_sha256(path)
    lines = [f"{reading.file_sha256(entry.path)}  {entry.name}\n" for entry in files.list_files(path)]
    return hashlib.sha256("".join(sorted(lines, key=lambda line: line[66:])).encode()).hexdigest()


def bound_size(grey: Image.Image, needed: int) -> Image.Image:
    """A picture small enough for the network's own resizing, whose tables grow with the picture.

    Its shorter side stays at least `_PLENTY` times `needed`, where it was: each pixel is then the mean of a square.
    """
    factor = min(grey.size) // (_PLENTY * needed)
    if factor > 1:
        grey = grey.reduce(factor)
    if max(grey.size) > _LONGEST:
        width, height = (min(length, _LONGEST) for length in grey.size)
        grey = grey.resize((width, height), Image.Resampling.BICUBIC)
    return grey
