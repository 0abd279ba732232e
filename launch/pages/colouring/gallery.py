"""The pictures that visitors of `tintmill web` have dropped: held in memory, each known by an unguessable name alone.

Nothing is written to disk, so nothing is left there, however the server ends. What is not looked at for an hour, and
what is oldest where there is no more room, is forgotten.
"""

import collections
import dataclasses
import io
import secrets
import threading
import time

import numpy as np
from PIL import Image

from tintmill.model.files.colour_file import Coloured, Options, colour_bytes
from tintmill.model.painting.finish import paint
from tintmill.pipeline.imaging import lab, photo

PREVIEW = 1024  # pixels of the longer side of what the page shows
_SECONDS = 3600.0  # without a look at it, until a picture is forgotten
_ROOM = 1 << 30  # bytes held of all pictures
_TEMPERATURES = 4  # of a picture: as many answers of the network are kept


class Forgotten(Exception):
    """There is no picture of this name, or no longer."""


@dataclasses.dataclass
class _Kept:
    """A picture: the file's bytes, its preview in uint8 sRGB [h, w, 3], the network's ab by temperature."""

    data: bytes
    preview: np.ndarray
    ab: collections.OrderedDict
    seen: float

    @property
    def bytes(self) -> int:
        return len(self.data) + self.preview.nbytes + sum(ab.nbytes for ab in self.ab.values())


class Gallery:
    """Colours pictures and holds them. `add`, `predict` and `coloured` run the network: one of them at a time, please.

    Args:
      colorizer: has `predict_ab(grey, temperature)` and `has_bins`.
      provenance: what a coloured file says about what made it: `model` and `model_sha256`.
    """

    def __init__(self, colorizer, limits: photo.Limits, provenance: dict[str, str], room: int = _ROOM):
        self._colorizer, self.limits, self._provenance, self._room = colorizer, limits, provenance, room
        self._kept: dict[str, _Kept] = {}
        self._lock = threading.Lock()

    @property
    def has_bins(self) -> bool:
        return self._colorizer.has_bins

    def warm_up(self) -> None:
        """Colours a grey square: the first visitor does not wait for what is loaded and compiled once."""
        paint(np.full((64, 64, 3), 128, np.uint8), self._colorizer.predict_ab(Image.new("L", (64, 64), 128), None), 1.0)

    def add(self, data: bytes) -> tuple[str, tuple[int, int]]:
        """Decodes a picture file, whatever it is called, and colours its preview.

        Returns:
          its name, and (width, height) of the upright picture.
        Raises:
          photo.Rejected: with the reason code; pixels are counted before any is decoded.
        """
        image, size = photo.decode_reduced(data, self.limits, PREVIEW)
        image.thumbnail((PREVIEW, PREVIEW), Image.Resampling.BICUBIC)
        kept = _Kept(data, np.asarray(image), collections.OrderedDict(), time.monotonic())
        kept.ab[None] = self._predict(kept, None)
        name = secrets.token_urlsafe(18)
        with self._lock:
            self._kept[name] = kept
            self._forget_old(name)
        return name, size

    def predict(self, name: str, temperature: float | None) -> None:
        """Sees to it that `preview` has the network's answer at a temperature. Raises Forgotten."""
        kept = self._find(name)
        if temperature not in kept.ab:
            ab = self._predict(kept, temperature)
            with self._lock:
                kept.ab[temperature] = ab
                while len(kept.ab) > _TEMPERATURES:
                    kept.ab.popitem(last=False)

    def has(self, name: str, temperature: float | None) -> bool:
        """Whether the network has answered at this temperature. Raises Forgotten."""
        return temperature in self._find(name).ab

    def grey(self, name: str) -> bytes:
        """The preview without colours, JPEG. Raises Forgotten."""
        return _jpeg(lab.to_grey(self._find(name).preview))

    def preview(self, name: str, temperature: float | None, chroma: float) -> bytes:
        """The coloured preview, JPEG, from what the network answered before; the network does not run.

        Raises:
          Forgotten: the picture, or the answer at this temperature, is not there.
        """
        kept = self._find(name)
        with self._lock:
            ab = kept.ab.get(temperature)
        if ab is None:
            raise Forgotten
        return _jpeg(paint(kept.preview, ab, chroma))

    def coloured(self, name: str, temperature: float | None, chroma: float) -> Coloured:
        """The whole picture, at its own size and in its own format. Raises Forgotten, photo.Rejected."""
        options = Options(temperature=temperature, chroma=chroma)
        settings = ", ".join(f"{key}={value}" for key, value in dataclasses.asdict(options).items())
        provenance = {**self._provenance, "settings": settings}
        return colour_bytes(self._find(name).data, self._colorizer, options, self.limits, provenance)

    def remove(self, name: str) -> None:
        """Forgets a picture, where it is still there."""
        with self._lock:
            self._kept.pop(name, None)

    def _predict(self, kept: _Kept, temperature: float | None) -> np.ndarray:
        return self._colorizer.predict_ab(Image.fromarray(lab.to_grey(kept.preview)), temperature)

    def _find(self, name: str) -> _Kept:
        with self._lock:
            kept = self._kept.get(name)
            if kept is None or time.monotonic() - kept.seen > _SECONDS:
                raise Forgotten
            kept.seen = time.monotonic()
            return kept

    def _forget_old(self, newest: str) -> None:
        oldest_first = sorted(self._kept, key=lambda name: self._kept[name].seen)
        held = sum(kept.bytes for kept in self._kept.values())
        for name in oldest_first:
            late = time.monotonic() - self._kept[name].seen > _SECONDS
            if name != newest and (late or held > self._room):
                held -= self._kept.pop(name).bytes


def _jpeg(pixels: np.ndarray) -> bytes:
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "JPEG", quality=92, subsampling=0)
    return data.getvalue()
