"""Hints as JSON: the one place that reads them, of a file, of a page or of a program, and writes them.

    {"NAME": [{"x": 120, "y": 80, "color": "#3a5f2b", "radius": 4}]}

A file holds the hints of many pictures by their names. Places are pixels of the upright picture, and the radius may be
left out. `hints.schema.json` beside this module says the same as a JSON schema, for editors and other programs.
"""

import dataclasses
import hashlib
import os
from collections.abc import Sequence

import numpy as np

from tintmill.model.prediction.hints import Hint
from tintmill.pipeline.common import checked_json, files
from tintmill.pipeline.common.checked_json import Wrong, integral, mapping, record, sequence, text
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.imaging import lab

SCHEMA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "hints.schema.json")
MOST = 2000  # hints of a picture
LARGEST = 64 << 20  # bytes of a file
FARTHEST = 9_999_999  # pixels: no picture has a longer side
_REMEDY = "correct it, or leave the hint out"
_WHOLE = "hints"  # how errors name a picture's list
_COLOR = text(r"#[0-9a-fA-F]{6}", "a colour as #3a5f2b")
_HINT = record(
    {"x": integral(0, FARTHEST), "y": integral(0, FARTHEST), "color": _COLOR},
    {"radius": integral(0, FARTHEST)},
    closed=True,
)
_HINTS = sequence(_HINT, most=MOST)
_FILE = mapping(_HINTS, text("(?s).+", "the name of a picture", is_path=True))


def parse_hints(value: object, where: str, size: tuple[int, int] | None = None) -> list[Hint]:
    """The hints of one picture.

    Args:
      value: decoded JSON, a list as in the module's docstring.
      where: what holds the hints, as errors name it.
      size: (width, height) of the upright picture; None: places are not compared with it.
    Raises:
      TintmillError: one line that names the field, the value found, the value wanted and the remedy.
    """
    try:
        checked_json.check(value, _HINTS, field=_WHOLE)
        _check_agreement(value, _WHOLE)
    except Wrong as wrong:
        raise _refuse(where, wrong) from wrong
    hints = [_make(one) for one in value]
    if size is not None:
        check_inside(hints, where, size)
    return hints


@dataclasses.dataclass(frozen=True)
class HintsFile:
    """A file of hints: `pictures`, the hints by the names of their pictures; `sha256` of its bytes, hexadecimal."""

    pictures: dict[str, list[Hint]]
    sha256: str


def read_hints(path: str) -> HintsFile:
    """Reads a file of hints.

    Raises:
      TintmillError: it cannot be read, or is not what it must be; as `parse_hints`.
    """
    where = f"--hints={path}"
    try:
        data = files.read(path, largest=LARGEST)
    except OSError as error:
        raise TintmillError(f"{where}: cannot be read: {error.strerror or error}") from error
    except ValueError as error:  # there is too much of it
        raise _refuse(where, error) from error
    return HintsFile(parse_file(data, where), hashlib.sha256(data).hexdigest())


def parse_file(data: bytes, where: str) -> dict[str, list[Hint]]:
    """The hints in the bytes of a file, by the names of their pictures. Raises TintmillError, as `parse_hints`."""
    try:
        found = checked_json.parse(data, _FILE, LARGEST)
        for name, one in found.items():
            _check_agreement(one, checked_json.name_field("", name))
    except ValueError as error:
        raise _refuse(where, error) from error
    return {name: [_make(hint) for hint in one] for name, one in found.items()}


def check_inside(hints: Sequence[Hint], where: str, size: tuple[int, int]) -> None:
    """Raises TintmillError where a hint lies outside the picture.

    Args:
      size: (width, height) of the upright picture.
    """
    for number, hint in enumerate(hints):
        for axis, place, length in (("x", hint.x, size[0]), ("y", hint.y, size[1])):
            if place >= length:
                raise TintmillError(
                    f"{where}: {_WHOLE}[{number}].{axis}: found {place}, wanted 0 to {length - 1}: the upright "
                    f"picture has {size[0]} x {size[1]} pixels; give the hints of this picture at this size"
                )


def to_json(hints: Sequence[Hint]) -> list[dict]:
    """Hints as `parse_hints` reads them, ready for `json.dumps`.

    The colour is the one that a hint was given with. Of a hint that was given by its a* and b* alone, the colour is the
    nearest one of sRGB, at an L* where sRGB has it.
    """
    return [
        {"x": hint.x, "y": hint.y, "color": hint.color or find_color(hint.ab)}
        | ({"radius": hint.radius} if hint.radius else {})
        for hint in hints
    ]


def find_ab(color: str) -> tuple[float, float]:
    """(a*, b*) of a colour of sRGB that is written as #3a5f2b."""
    rgb = np.frombuffer(bytes.fromhex(color[1:]), np.uint8)  # (3,)
    _, a, b = lab.rgb_to_lab(rgb).tolist()
    return a, b


def find_color(ab: tuple[float, float]) -> str:
    """The colour of sRGB, as #3a5f2b, that is nearest to a* and b* at the best L* for it."""
    tried = np.empty((99, 3), np.float32)  # (L*, a*, b*) for each whole L* from 1 to 99
    tried[:, 0] = np.arange(1, 100)
    tried[:, 1:] = ab
    rgb = lab.lab_to_rgb8(tried)  # (99, 3)
    distance = np.square(lab.rgb_to_lab(rgb)[:, 1:] - np.float32(ab)).sum(axis=-1)  # (99,)
    return f"#{rgb[distance.argmin()].tobytes().hex()}"


def _refuse(where: str, error: ValueError) -> TintmillError:
    return TintmillError(f"{where}: {' '.join(str(error).split())}; {_REMEDY}")


def _make(found: dict) -> Hint:
    color = found["color"].lower()
    return Hint(int(found["x"]), int(found["y"]), find_ab(color), int(found.get("radius", 0)), color)


def _check_agreement(found: list[dict], field: str) -> None:
    """Raises Wrong where two hints give one point different colours."""
    first: dict[tuple[int, int], int] = {}
    for number, hint in enumerate(found):
        place = hint["x"], hint["y"]
        earlier = found[first.setdefault(place, number)]["color"]
        if earlier.lower() != hint["color"].lower():
            raise Wrong(
                f"{field}[{number}].color",
                hint["color"],
                f"{earlier}, which [{first[place]}] gives the same point {place[0]}, {place[1]}",
            )
