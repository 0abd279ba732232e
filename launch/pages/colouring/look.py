"""How a visitor wants a picture to be coloured, and what of it to see: read from a request's JSON as a stranger's."""

import dataclasses

from tintmill.model.prediction.hints import Hint
from tintmill.model.prediction.hints_file import parse_hints
from tintmill.pipeline.common import checked_json
from tintmill.pipeline.common.checked_json import anything, number, optional, record, sequence, text, whole

GREATEST_CHROMA = 2.0
LEAST_TEMPERATURE, GREATEST_TEMPERATURE = 0.05, 1.0
MOST_BYTES = 256_000  # of a request; a thousand hints are 60 kB
VARIANTS = 4
GREATEST_SIDE = 4096  # pixels of the longer side of what is painted at once
_WARM = (4.0, 16.0)  # what a warmth of 1 adds to a* and b*
_PLACE = whole(0, 10**6)
_REQUEST = record(
    {},
    {
        "hints": anything,
        "chroma": number(0.0, GREATEST_CHROMA),
        "warmth": number(-1.0, 1.0),
        "variant": whole(0, VARIANTS - 1),
        "temperature": optional(number(LEAST_TEMPERATURE, GREATEST_TEMPERATURE)),
        "box": optional(sequence(_PLACE, 4, 4)),
        "side": optional(whole(1, GREATEST_SIDE)),
        "x": _PLACE,
        "y": _PLACE,
        "name": text(),
    },
)


@dataclasses.dataclass(frozen=True)
class Look:
    """How a picture is coloured.

    Attributes:
      hints: colours that are known, in pixels of the upright picture.
      chroma: all colours are multiplied by it, 0..2.
      warmth: -1 bluish .. 1 yellowish, of what the network says; hints keep their colours.
      temperature: of a network with bins; None is the network's own.
      variant: of a network with bins, 0..3; 0 is the network's own colours.
    """

    hints: tuple[Hint, ...] = ()
    chroma: float = 1.0
    warmth: float = 0.0
    temperature: float | None = None
    variant: int = 0

    @property
    def without_hints(self) -> "Look":
        return dataclasses.replace(self, hints=())

    @property
    def shift(self) -> tuple[float, float]:
        """What warmth adds to a* and b*."""
        return self.warmth * _WARM[0], self.warmth * _WARM[1]


@dataclasses.dataclass(frozen=True)
class Request:
    """What a visitor asks of a picture.

    Attributes:
      look: how it is coloured.
      box: (left, top, right, bottom) of what is to be seen, in pixels of the picture; None: all of it.
      side: pixels of the longer side of what is to be seen; None: as many as are held.
      point: a pixel that is asked about.
      name: of the file.
    """

    look: Look
    box: tuple[int, int, int, int] | None = None
    side: int | None = None
    point: tuple[int, int] = (0, 0)
    name: str = ""


def parse_request(body: bytes, size: tuple[int, int]) -> Request:
    """The request of a JSON body.

    Args:
      size: (width, height) of the upright picture.
    Raises:
      ValueError, TintmillError: one line about what is wrong.
    """
    values = checked_json.parse(body, _REQUEST, MOST_BYTES)
    look = Look(
        tuple(parse_hints(values.get("hints", []), "this picture", size)),
        float(values.get("chroma", 1.0)),
        float(values.get("warmth", 0.0)),
        values.get("temperature"),
        values.get("variant", 0),
    )
    x, y = values.get("x", 0), values.get("y", 0)
    box = _check_box(values.get("box"), size)
    if not (x < size[0] and y < size[1]):
        raise ValueError(f"the point ({x}, {y}) is outside the picture of {size[0]} x {size[1]} pixels")
    return Request(look, box, values.get("side"), (x, y), values.get("name", ""))


def _check_box(box: list[int] | None, size: tuple[int, int]) -> tuple[int, int, int, int] | None:
    if box is None:
        return None
    left, top, right, bottom = box
    if not (left < right <= size[0] and top < bottom <= size[1]):
        raise ValueError(f"box: found {box}, wanted left, top, right and bottom in a picture of {size[0]} x {size[1]}")
    return left, top, right, bottom
