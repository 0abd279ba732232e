"""The pictures that visitors of `tintmill web` have dropped: held in memory, each under a name that nobody can guess.

Nothing is written to disk, so nothing is left there, however the server ends. A picture is forgotten when nobody has
looked at it for an hour, or when it is the oldest one and there is no more room.
"""

import collections
import dataclasses
import io
import secrets
import threading
import time
from collections.abc import Mapping

import numpy as np
from PIL import Image

from tintmill.model.files.colour_file import Coloured, Options, colour_bytes
from tintmill.model.painting.finish import paint
from tintmill.pipeline.imaging import lab, photo

PREVIEW = 1024  # pixels of the longer side of the picture on the page
_SECONDS = 3600.0  # until a picture that nobody looks at is forgotten
_ROOM = 1 << 30  # bytes of all pictures together
_TEMPERATURES = 4  # answers of the network that are kept of one picture


class Forgotten(Exception):
    """There is no picture of this name, or no longer."""


@dataclasses.dataclass(frozen=True)
class Decoded:
    """A picture file and its preview, uint8 sRGB [H, W, 3]; `size` is (width, height) of the upright picture."""

    data: bytes
    preview: np.ndarray
    size: tuple[int, int]


@dataclasses.dataclass
class _Picture:
    """A picture that is held.

    Attributes:
      data: the file's bytes.
      preview: uint8 sRGB [H, W, 3].
      ab: the network's answers for the preview by temperature, in units of a*, b*, float32 [h, w, 2].
      seen: when somebody looked at it last, by the monotonic clock, seconds.
    """

    data: bytes
    preview: np.ndarray
    ab: collections.OrderedDict
    seen: float

    @property
    def bytes(self) -> int:
        return len(self.data) + self.preview.nbytes + sum(ab.nbytes for ab in self.ab.values())


class Gallery:
    """Colours pictures and holds them.

    `add`, `predict` and `coloured` run the network. The caller sees to it that one of them runs at a time.

    Args:
      colorizer: has `predict_ab(grey, temperature)` and `has_bins`.
      limits: pictures beyond them are refused.
      provenance: what a coloured file says about its origin: `model` and `model_sha256`.
      room: bytes that all pictures together may take.
      seconds: until a picture that nobody looks at is forgotten.
    """

    def __init__(
        self,
        colorizer,
        limits: photo.Limits,
        provenance: Mapping[str, str],
        room: int = _ROOM,
        seconds: float = _SECONDS,
    ):
        self.limits = limits
        self._colorizer = colorizer
        self._provenance = provenance
        self._room = room
        self._seconds = seconds
        self._kept: dict[str, _Picture] = {}
        self._lock = threading.Lock()

    @property
    def has_bins(self) -> bool:
        return self._colorizer.has_bins

    def __len__(self) -> int:
        """How many pictures are held."""
        return len(self._kept)

    @property
    def held_bytes(self) -> int:
        """The bytes that all pictures together take."""
        with self._lock:
            return sum(kept.bytes for kept in self._kept.values())

    def warm_up(self) -> None:
        """Colours a grey square, so that the first visitor does not wait while code is loaded and compiled."""
        paint(np.full((64, 64, 3), 128, np.uint8), self._colorizer.predict_ab(Image.new("L", (64, 64), 128), None), 1.0)

    def decode(self, data: bytes) -> Decoded:
        """Decodes a picture file, whatever it is called; the network does not run.

        Raises:
          photo.Rejected: the file is no picture, or is beyond the limits. Its pixels and passes are counted before any
            is decoded.
        """
        image, size = photo.decode_reduced(data, self.limits, PREVIEW)
        image.thumbnail((PREVIEW, PREVIEW), Image.Resampling.BICUBIC)
        return Decoded(data, np.asarray(image), size)

    def add(self, decoded: Decoded) -> tuple[str, tuple[int, int]]:
        """Colours the preview of a picture and holds it.

        Returns:
          the picture's name, and (width, height) of the upright picture.
        """
        kept = _Picture(decoded.data, decoded.preview, collections.OrderedDict(), time.monotonic())
        kept.ab[None] = self._predict(kept, None)
        name = secrets.token_urlsafe(18)
        with self._lock:
            self._kept[name] = kept
            self._forget_old(name)
        return name, decoded.size

    def predict(self, name: str, temperature: float | None) -> None:
        """Runs the network at a temperature, unless its answer is held. Raises Forgotten."""
        kept = self._find(name)
        if temperature not in kept.ab:
            ab = self._predict(kept, temperature)
            with self._lock:
                kept.ab[temperature] = ab
                while len(kept.ab) > _TEMPERATURES:
                    kept.ab.popitem(last=False)

    def has(self, name: str, temperature: float | None) -> bool:
        """Whether the network's answer at this temperature is held. Raises Forgotten."""
        return temperature in self._find(name).ab

    def grey(self, name: str) -> bytes:
        """The preview without colours, JPEG. Raises Forgotten."""
        return _jpeg(lab.to_grey(self._find(name).preview))

    def preview(self, name: str, temperature: float | None, chroma: float) -> bytes:
        """The coloured preview, JPEG, from an answer that is held: the network does not run.

        Raises:
          Forgotten: the picture, or the answer at this temperature, is not held.
        """
        kept = self._find(name)
        with self._lock:
            ab = kept.ab.get(temperature)
        if ab is None:
            raise Forgotten
        return _jpeg(paint(kept.preview, ab, chroma))

    def coloured(self, name: str, temperature: float | None, chroma: float) -> Coloured:
        """The coloured picture at its own size and in its own format. Raises Forgotten, photo.Rejected."""
        options = Options(temperature=temperature, chroma=chroma)
        settings = ", ".join(f"{key}={value}" for key, value in dataclasses.asdict(options).items())
        provenance = {**self._provenance, "settings": settings}
        return colour_bytes(self._find(name).data, self._colorizer, options, self.limits, provenance)

    def remove(self, name: str) -> None:
        """Forgets a picture, if it is held."""
        with self._lock:
            self._kept.pop(name, None)

    def _predict(self, kept: _Picture, temperature: float | None) -> np.ndarray:
        return self._colorizer.predict_ab(Image.fromarray(lab.to_grey(kept.preview)), temperature)

    def _find(self, name: str) -> _Picture:
        with self._lock:
            kept = self._kept.get(name)
            if kept is None or time.monotonic() - kept.seen > self._seconds:
                raise Forgotten
            kept.seen = time.monotonic()
            return kept

    def _forget_old(self, newest: str) -> None:
        oldest_first = sorted(self._kept, key=lambda name: self._kept[name].seen)
        held = sum(kept.bytes for kept in self._kept.values())
        for name in oldest_first:
            late = time.monotonic() - self._kept[name].seen > self._seconds
            if name != newest and (late or held > self._room):
                held -= self._kept.pop(name).bytes


def _jpeg(pixels: np.ndarray) -> bytes:
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "JPEG", quality=92, subsampling=0)
    return data.getvalue()
