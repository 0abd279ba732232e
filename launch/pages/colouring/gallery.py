"""The pictures that visitors of `tintmill web` have dropped: held in memory, each under a name that nobody can guess.

Nothing is written to disk, so nothing is left there, however the server ends. A picture is forgotten when nobody has
looked at it for an hour, or when it is the oldest one and there is no more room.

Of a picture the file is held, a preview, the network's last answers, and once somebody has looked closely its grey
version at full size. So a new hint costs one pass of the network and one painting of the preview.
"""

import collections
import dataclasses
import secrets
import threading
import time
from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image

from tintmill.launch.pages.colouring import painting, probable
from tintmill.launch.pages.colouring.look import VARIANTS, Look
from tintmill.launch.pages.colouring.painting import Box
from tintmill.model.files.colour_file import Coloured, Options, colour_bytes
from tintmill.model.painting import finish
from tintmill.model.painting.change import Change, Point
from tintmill.model.prediction import spread
from tintmill.model.prediction.hints import Hint
from tintmill.model.prediction.prediction import Prediction
from tintmill.model.prediction.variants import find_variants
from tintmill.pipeline.imaging import lab, photo

PREVIEW = 1280  # pixels of the longer side of the picture on the page
_SECONDS = 3600.0  # until a picture that nobody looks at is forgotten
_ROOM = 1 << 30  # bytes of all pictures together
_CLOSE_ROOM = 1 << 28  # bytes, of these, of pictures at full size
_ANSWERS = 6  # of the network that are kept of one picture: undo and redo find theirs
_DARKEST, _BRIGHTEST = 38.0, 78.0  # L* of colours to choose from: in darker and brighter places all look alike
_LARGE = 25_000_000  # pixels from which on a picture takes much memory while it is decoded
_COLOUR = 4.0  # mean chroma from which on a picture is said to have colours of its own


class Forgotten(Exception):
    """There is no picture of this name, or no longer."""


@dataclasses.dataclass(frozen=True)
class Decoded:
    """A picture file and its preview, uint8 sRGB [H, W, 3]; `size` is (width, height) of the upright picture."""

    data: bytes
    preview: np.ndarray
    size: tuple[int, int]


@dataclasses.dataclass(frozen=True)
class Added:
    """A picture that is held from now on.

    Attributes:
      name: by which it is asked for.
      size: (width, height) of the upright picture.
      has_colours: whether it came with colours of its own.
    """

    name: str
    size: tuple[int, int]
    has_colours: bool


@dataclasses.dataclass(frozen=True)
class _Answer:
    """The network's colours for a preview.

    Attributes:
      ab: float32 [h, w, 2]: a*, b*.
      logits: float16 [h', w', 313] of the bins; None without.
    """

    ab: np.ndarray
    logits: np.ndarray | None

    @property
    def bytes(self) -> int:
        return self.ab.nbytes + (0 if self.logits is None else self.logits.nbytes)


@dataclasses.dataclass
class _Picture:
    """A picture that is held.

    Attributes:
      data: the file's bytes.
      preview: uint8 sRGB [h, w, 3].
      grey: uint8 [h, w], the preview without colours.
      size: (width, height) of the upright picture.
      answers: the network's answers by what they were asked with, the oldest first.
      seen: when somebody looked at it last, by the monotonic clock, seconds.
      full: its grey version at its own size, uint8 [H, W]; None where nobody has looked closely, or not lately.
      change: what was asked with hints last, and the `Change` of the preview that they make; less than a megabyte.
      variants: the temperature of the variants that were asked for last, and a*, b* of each, float32 [h, w, 2].
    """

    data: bytes
    preview: np.ndarray
    grey: np.ndarray
    size: tuple[int, int]
    answers: collections.OrderedDict
    seen: float
    full: np.ndarray | None = None
    change: tuple | None = None
    variants: tuple | None = None

    @property
    def bytes(self) -> int:
        answers = sum(answer.bytes for answer in list(self.answers.values()))
        variants = sum(ab.nbytes for ab in self.variants[1]) if self.variants else 0
        return len(self.data) + self.preview.nbytes + self.grey.nbytes + answers + variants + self.full_bytes

    @property
    def full_bytes(self) -> int:
        return 0 if self.full is None else self.full.nbytes


class Gallery:
    """Colours pictures and holds them.

    `add`, `predict` and `coloured` run the network. It runs for one of them at a time.

    Args:
      colorizer: a `found.Colorizer`.
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
        self.provenance = provenance
        self._colorizer = colorizer
        self._room = room
        self._seconds = seconds
        self._kept: dict[str, _Picture] = {}
        self._lock = threading.Lock()
        self._network = threading.Lock()  # whoever holds it runs the network
        self._decoding = threading.Lock()  # at full size one picture is decoded at a time, for the memory

    @property
    def has_bins(self) -> bool:
        return self._colorizer.has_bins

    @property
    def takes_hints(self) -> bool:
        return self._colorizer.takes_hints

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
        ab = self._colorizer.predict(Image.new("L", (64, 64), 128)).ab
        grey = np.full((64, 64), 128, np.uint8)
        for change in (None, spread.find_change(grey, ab, ab, [Hint(32, 32, (0.0, 0.0))])):
            for pixels in (grey, np.repeat(grey[..., None], 3, axis=-1)):
                finish.paint(pixels, ab, change=change)

    def is_large(self, data: bytes) -> bool:
        """Whether a picture file takes much memory to decode, by its header. One that `decode` refuses does not."""
        try:
            width, height = photo.open_checked(data, self.limits).size
        except photo.Rejected:
            return False
        return width * height > _LARGE

    def decode(self, data: bytes) -> Decoded:
        """Decodes a picture file, whatever it is called; the network does not run.

        Raises:
          photo.Rejected: the file is no picture, or is beyond the limits. Its pixels and passes are counted before any
            is decoded.
        """
        image, size = photo.decode_reduced(data, self.limits, PREVIEW)
        image.thumbnail((PREVIEW, PREVIEW), Image.Resampling.BICUBIC)
        return Decoded(data, np.asarray(image), size)

    def add(self, decoded: Decoded) -> Added:
        """Colours the preview of a picture and holds it."""
        kept = _Picture(
            decoded.data,
            decoded.preview,
            finish.grey(decoded.preview),
            decoded.size,
            collections.OrderedDict(),
            time.monotonic(),
        )
        kept.answers[_key(Look())] = self._ask(kept, Look())
        name = secrets.token_urlsafe(18)
        with self._lock:
            self._kept[name] = kept
            self._forget_old(name)
        return Added(name, decoded.size, _mean_chroma(decoded.preview) > _COLOUR)

    def size(self, name: str) -> tuple[int, int]:
        """(width, height) of the upright picture. Raises Forgotten."""
        return self._find(name).size

    def has(self, name: str, look: Look) -> bool:
        """Whether what the network says to this is held. Raises Forgotten."""
        kept = self._find(name)
        answers = kept.answers
        has_answers = _key(look) in answers and _key(look.without_hints) in answers
        return has_answers and (not look.variant or _find_variant(kept, look) is not None)

    def predict(self, name: str, look: Look) -> None:
        """Runs the network, unless what it says to this is held. Raises Forgotten."""
        kept = self._find(name)
        for each in (look.without_hints, look):  # hints change what the network says without them
            if _key(each) not in kept.answers:
                answer = self._ask(kept, each)
                with self._lock:
                    kept.answers[_key(each)] = answer
            self._answer(kept, each)  # it is the newest now
        if look.variant and _find_variant(kept, look) is None:
            plain = self._answer(kept, look.without_hints)
            own = Prediction(plain.ab, plain.logits.astype(np.float32))
            found = find_variants(own, kept.grey, VARIANTS, look.temperature)
            kept.variants = look.temperature, found
        with self._lock:
            while len(kept.answers) > _ANSWERS:
                kept.answers.popitem(last=False)
            self._forget_old(name)

    def original(self, name: str, side: int | None) -> bytes:
        """The preview in the colours that the picture came with, JPEG. Raises Forgotten."""
        return painting.encode_jpeg(painting.reduce(self._find(name).preview, side))

    def view(self, name: str, look: Look, box: Box | None, side: int | None) -> bytes:
        """A coloured picture or a part of it, JPEG, from an answer that is held: the network does not run.

        Args:
          box: the part, in the picture's own pixels, at full detail; None: all of the preview.
          side: pixels of the answer's longer side at most; None: as many as there are.
        Raises:
          Forgotten: the picture, or the answer, is not held.
        """
        kept = self._find(name)
        ab, change = self._find_colours(kept, look)
        pixels = kept.preview
        if box is not None:
            pixels = self._full(name, kept)
            change = change and Change(change.ab, _list_points(look.hints))
        return painting.paint_part(pixels, ab, change, look.chroma, box, side)

    def probable(self, name: str, look: Look, point: tuple[int, int]) -> list[str]:
        """The colours that the network finds probable at a pixel, as #rrggbb of about its lightness.

        Returns:
          the most probable first; none of a network without bins.
        Raises:
          Forgotten: the picture, or the answer, is not held.
        """
        kept = self._find(name)
        logits = self._answer(kept, look).logits
        if logits is None:
            return []
        x, y = ((point[axis] + 0.5) / kept.size[axis] for axis in (0, 1))
        height, width = kept.preview.shape[:2]
        light = lab.rgb_to_lab(kept.preview[int(y * height), int(x * width)])[0]
        light = min(max(light, _DARKEST), _BRIGHTEST)
        found = [(light, a, b) for a, b in probable.list_probable(logits, x, y)]
        return [f"#{colour.tobytes().hex()}" for colour in lab.lab_to_rgb8(np.float32(found).reshape(-1, 3))]

    def coloured(self, name: str, look: Look) -> Coloured:
        """The coloured picture at its own size and in its own format. Raises Forgotten, photo.Rejected."""
        options = Options(temperature=look.temperature, chroma=look.chroma)
        more = {"warmth": look.warmth, "variant": look.variant, "hints": len(look.hints)}
        settings = dataclasses.asdict(options) | more
        provenance = {**self.provenance, "settings": ", ".join(f"{key}={value}" for key, value in settings.items())}
        kept, variant = self._find(name), None
        if look.variant:  # the one that was seen: at another size regions may be others
            self.predict(name, look)
            variant = self._variant(kept, look)
        return colour_bytes(kept.data, _Looking(self, look, variant), options, self.limits, provenance, look.hints)

    def remove(self, name: str) -> None:
        """Forgets a picture, if it is held."""
        with self._lock:
            self._kept.pop(name, None)

    def ask_network(self, grey: Image.Image, temperature: float | None, hints: Sequence[Hint]) -> Prediction:
        """What the network says of a grey picture."""
        with self._network:
            return self._colorizer.predict(grey, temperature, *([hints] if hints else []))

    def _ask(self, kept: _Picture, look: Look) -> _Answer:
        grey = Image.fromarray(kept.grey)
        found = self.ask_network(grey, look.temperature, _scale(look.hints, kept.size, grey.size))
        return _Answer(found.ab, None if found.logits is None else found.logits.astype(np.float16))

    def _find_colours(self, kept: _Picture, look: Look) -> tuple[np.ndarray, Change | None]:
        """a*, b* of the preview, and what hints change of them."""
        plain, told = (self._answer(kept, each).ab + np.float32(look.shift) for each in (look.without_hints, look))
        if look.variant:
            plain = self._variant(kept, look) + np.float32(look.shift)
        if not look.hints:
            return plain, None
        key = (*_key(look), look.warmth, look.variant)
        found = kept.change
        if found is None or found[0] != key:  # another strength, or another part, changes nothing of it
            hints = _scale(look.hints, kept.size, kept.grey.shape[::-1])
            found = key, spread.find_change(kept.grey, plain, told, hints)
            kept.change = found
        return plain, found[1]

    def _answer(self, kept: _Picture, look: Look) -> _Answer:
        with self._lock:
            answer = kept.answers.get(_key(look))
            if answer is None:
                raise Forgotten
            kept.answers.move_to_end(_key(look))
            return answer

    def _variant(self, kept: _Picture, look: Look) -> np.ndarray:
        found = _find_variant(kept, look)
        if found is None:
            raise Forgotten
        return found

    def _full(self, name: str, kept: _Picture) -> np.ndarray:
        with self._decoding:
            full = kept.full
            if full is None:
                full = finish.grey(np.asarray(photo.decode(kept.data, self.limits)))
                with self._lock:
                    kept.full = full
                    self._forget_full(name)
                    self._forget_old(name)
        return full

    def _find(self, name: str) -> _Picture:
        with self._lock:
            kept = self._kept.get(name)
            if kept is None or time.monotonic() - kept.seen > self._seconds:
                raise Forgotten
            kept.seen = time.monotonic()
            return kept

    def _forget_full(self, newest: str) -> None:
        held = sum(kept.full_bytes for kept in self._kept.values())
        for name in self._oldest_first():
            if name != newest and held > _CLOSE_ROOM:
                held -= self._kept[name].full_bytes
                self._kept[name].full = None

    def _forget_old(self, newest: str) -> None:
        held = sum(kept.bytes for kept in self._kept.values())
        for name in self._oldest_first():
            late = time.monotonic() - self._kept[name].seen > self._seconds
            if name != newest and (late or held > self._room):
                held -= self._kept.pop(name).bytes

    def _oldest_first(self) -> list[str]:
        return sorted(self._kept, key=lambda name: self._kept[name].seen)


class _Looking:
    """The colorizer of one download: a variant in place of the network's own colours, and warmth that is added."""

    def __init__(self, gallery: Gallery, look: Look, variant: np.ndarray | None):
        self._gallery, self._look, self._variant = gallery, look, variant
        self.has_bins, self.takes_hints = gallery.has_bins, gallery.takes_hints

    def predict(self, grey: Image.Image, temperature: float | None = None, hints: Sequence[Hint] = ()) -> Prediction:
        shift = np.float32(self._look.shift)
        if self._variant is not None and not hints:
            return Prediction(self._variant + shift, None)
        found = self._gallery.ask_network(grey, temperature, hints)
        return Prediction(found.ab + shift, found.logits)


def _find_variant(kept: _Picture, look: Look) -> np.ndarray | None:
    """The colours of a variant, float32 [h, w, 2]; None where they are not held."""
    held = kept.variants
    return held[1][look.variant] if held is not None and held[0] == look.temperature else None


def _key(look: Look) -> tuple:
    """What the network's answer depends on."""
    return look.temperature, look.hints


def _scale(hints: tuple[Hint, ...], found: tuple[int, int], wanted: tuple[int, int]) -> list[Hint]:
    """Hints of a picture of the size `found` in the pixels of one of another size."""
    if found == wanted:
        return list(hints)
    across, down = (wanted[axis] / found[axis] for axis in (0, 1))
    return [
        Hint(int((hint.x + 0.5) * across), int((hint.y + 0.5) * down), hint.ab, round(hint.radius * across))
        for hint in hints
    ]


def _list_points(hints: Sequence[Hint]) -> tuple[Point, ...]:
    return tuple({(hint.x, hint.y): Point(hint.x, hint.y, hint.ab) for hint in hints}.values())


def _mean_chroma(pixels: np.ndarray) -> float:
    """Of every 16th row and column."""
    return float(
        np.hypot(*np.moveaxis(lab.rgb_to_lab(np.ascontiguousarray(pixels[::16, ::16]))[..., 1:], -1, 0)).mean()
    )
