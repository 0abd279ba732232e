"""JSON that somebody else may have written, checked before anything is made of it.

A kind says what a value must be. Kinds are made of kinds:

    SHARD = record({"file": text(r"[a-z]+", "lower-case letters"), "bytes": whole(0, 10**15)})
    values = read(path, SHARD, "prepare the dataset again")

A file gives values of its kind, or one line that names the file, the field, the value found and the value wanted. No
file gives more: it is bounded in bytes before it is read, and in depth and in the size of its numbers before its
fields are looked at. Keys that a kind does not name are kept, within these bounds.
"""

import dataclasses
import functools
import json
import math
import re
import reprlib
import types
import typing
from collections.abc import Callable, Collection, Mapping

from tintmill.pipeline.common import files
from tintmill.pipeline.common.errors import TintmillError

Kind = Callable[[object, str], None]  # raises Wrong; its arguments are a value and the name of the field that holds it

LARGEST = 64 << 20  # bytes of a file, unless its reader says more
GREATEST = 10**15  # of a whole number, either sign
DEEPEST = 12  # containers in containers; ours are 5 deep
_LONGEST = 4096  # characters of a text: as many as a path may have
_DIGITS = 19  # of a whole number; more are not converted, which takes quadratic time

_shown = reprlib.Repr()
_shown.maxstring = _shown.maxother = _shown.maxlong = 80
_shown.maxlevel = 2
_shown.maxdict = _shown.maxlist = 3


class Wrong(ValueError):
    """A field is not what it must be: says which one, what was found and what was wanted."""

    def __init__(self, field: str, found: object, wanted: str):
        super().__init__(f"{field or 'the whole file'}: found {show(found)}, wanted {wanted}")


def show(value: object) -> str:
    """A value as it is shown in a line: cut, and in signs that are harmless in a terminal."""
    return _shown.repr(value)


def read(path: str, kind: Kind, remedy: str, largest: int = LARGEST):
    """The content of a JSON file of a kind.

    Args:
      remedy: what to do where the file is damaged.
      largest: bytes of the file.
    Raises:
      TintmillError: naming the file, the field, the value found and the value wanted.
      OSError: the file cannot be read.
    """
    try:
        return parse(files.read(path, largest=largest), kind, largest)
    except ValueError as error:
        raise damaged(path, error, remedy) from error


def damaged(path: str, error: Exception, remedy: str) -> TintmillError:
    """The line for a file that is not what it must be."""
    return TintmillError(f"{path} is damaged ({' '.join(str(error).split())}); {remedy}")


def parse(text: bytes | str, kind: Kind, largest: int = LARGEST, deepest: int = DEEPEST):
    """The value of a JSON text of a kind.

    Args:
      largest: bytes of the text.
      deepest: containers in containers.
    Raises:
      ValueError: the text is no JSON, or its value is not of the kind.
    """
    if len(text) > largest:
        raise ValueError(f"{len(text)} bytes, wanted at most {largest}")
    try:
        value = json.loads(text, parse_int=_parse_whole, object_pairs_hook=_make_object)
    except RecursionError as error:
        raise ValueError(f"nested deeper than {deepest} levels") from error
    check(value, kind, deepest)
    return value


def check(value: object, kind: Kind, deepest: int = DEEPEST, field: str = "") -> None:
    """Checks a value that is made of what JSON knows.

    Args:
      field: how errors name the value; empty for a whole file.
    Raises:
      Wrong: it is not of the kind, or beyond the bounds that hold for all.
    """
    _check_bounds(value, deepest, field)
    kind(value, field)


def _parse_whole(text: str) -> int | float:
    """Infinity, which no kind takes, stands for what has too many digits."""
    return int(text) if len(text) <= _DIGITS else math.copysign(math.inf, -1 if text.startswith("-") else 1)


def _make_object(pairs: list[tuple[str, object]]) -> dict:
    values = dict(pairs)
    if len(values) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"the key {next(key for key in keys if keys.count(key) > 1)!r} stands there twice")
    return values


def _check_bounds(value: object, deepest: int, whole: str) -> None:
    """Of every value, whatever its field: depth, and finite numbers."""
    waiting = [(value, whole, 0)]
    while waiting:
        found, field, depth = waiting.pop()
        if isinstance(found, float) and not math.isfinite(found):
            raise Wrong(field, found, "a finite number of at most 19 digits")
        if isinstance(found, dict | list):
            if depth == deepest:
                raise Wrong(field, found, f"at most {deepest} levels")
            waiting += [(inner, name, depth + 1) for name, inner in _list_inner(found, field)]


def _list_inner(found: dict | list, field: str) -> list[tuple[str, object]]:
    if isinstance(found, dict):
        return [(name_field(field, key), inner) for key, inner in found.items()]
    if all(type(inner) in (int, bool) for inner in found):
        return []  # thousands in a histogram, and none of them beyond the bounds
    return [(f"{field}[{number}]", inner) for number, inner in enumerate(found)]


def name_field(field: str, key: str) -> str:
    """How errors name the value of a key inside a field."""
    key = key if re.fullmatch(r"[\w.-]{1,60}", key) else show(key)
    return f"{field}.{key}" if field else key


# Kinds


def text(pattern: str = "", wanted: str = "text", longest: int = _LONGEST, is_path: bool = False) -> Kind:
    """Text that matches a regular expression as a whole; `wanted` says so in words.

    Args:
      is_path: it may hold half characters, by which Python names files whose names are no text. Terminals and files
        take none.
    """
    expression = re.compile(pattern or ".*", re.DOTALL)

    def check_text(found: object, field: str) -> None:
        if not isinstance(found, str) or not expression.fullmatch(found):
            raise Wrong(field, found, wanted)
        if len(found) > longest:
            raise Wrong(field, found, f"at most {longest} characters")
        if not (is_path or found.isascii()) and any("\ud800" <= sign <= "\udfff" for sign in found):
            raise Wrong(field, found, "text without half characters")

    return check_text


def hexadecimal(digits: int) -> Kind:
    return text(f"[0-9a-f]{{{digits}}}", f"{digits} hexadecimal digits")


def whole(least: int = -GREATEST, most: int = GREATEST) -> Kind:
    def check_whole(found: object, field: str) -> None:
        if type(found) is not int or not least <= found <= most:
            raise Wrong(field, found, f"a whole number, {least} to {most}")

    return check_whole


def integral(least: int, most: int) -> Kind:
    """A whole number as JSON schemas have it: 3.0 is one too."""

    def check_integral(found: object, field: str) -> None:
        is_whole = type(found) is int or (type(found) is float and found.is_integer())
        if not is_whole or not least <= found <= most:
            raise Wrong(field, found, f"a whole number, {least} to {most}")

    return check_integral


def number(least: float = -1e300, most: float = 1e300) -> Kind:
    """A finite number, whole or not."""

    def check_number(found: object, field: str) -> None:
        if type(found) not in (int, float) or not least <= found <= most:
            raise Wrong(field, found, f"a number, {least:g} to {most:g}")

    return check_number


def boolean(found: object, field: str) -> None:
    if type(found) is not bool:
        raise Wrong(field, found, "true or false")


def anything(found: object, field: str) -> None:
    """Any value within the bounds that hold for all."""


def scalar(found: object, field: str) -> None:
    """Text, a number, true, false or null."""
    if isinstance(found, str):
        _SOME_TEXT(found, field)
    if isinstance(found, dict | list):
        raise Wrong(field, found, "text, a number, true, false or null")


_SOME_TEXT = text()


def choice(values: Collection[str]) -> Kind:
    def check_choice(found: object, field: str) -> None:
        if not isinstance(found, str) or found not in values:
            raise Wrong(field, found, f"one of {', '.join(values)}")

    return check_choice


def optional(kind: Kind) -> Kind:
    """The kind, or null."""

    def check_optional(found: object, field: str) -> None:
        if found is not None:
            kind(found, field)

    return check_optional


def either(first: Kind, second: Kind) -> Kind:
    """One of two kinds: a dictionary is of the first, all else of the second."""
    return lambda found, field: (first if isinstance(found, dict) else second)(found, field)


def sequence(kind: Kind, least: int = 0, most: int = GREATEST) -> Kind:
    """A list of `least` to `most` values of a kind."""
    size = f"a list of {least}" if least == most else f"a list of {least} or more"
    size += f", at most {most}" if least < most < GREATEST else ""

    def check_sequence(found: object, field: str) -> None:
        if not isinstance(found, list) or not least <= len(found) <= most:
            raise Wrong(field, found, size)
        for place, inner in enumerate(found):
            kind(inner, f"{field}[{place}]")

    return check_sequence


def row(*kinds: Kind) -> Kind:
    """A list of one value of each kind."""

    def check_row(found: object, field: str) -> None:
        if not isinstance(found, list) or len(found) != len(kinds):
            raise Wrong(field, found, f"a list of {len(kinds)}")
        for place, (kind, inner) in enumerate(zip(kinds, found, strict=True)):
            kind(inner, f"{field}[{place}]")

    return check_row


def mapping(kind: Kind, key: Kind | None = None) -> Kind:
    """An object whose values are of a kind, and its keys of another."""
    key = key or text()

    def check_mapping(found: object, field: str) -> None:
        if not isinstance(found, dict):
            raise Wrong(field, found, "an object")
        for name, inner in found.items():
            key(name, f"a name in {field}")
            kind(inner, name_field(field, name))

    return check_mapping


def record(required: Mapping[str, Kind], more: Mapping[str, Kind] | None = None, closed: bool = False) -> Kind:
    """An object with the fields `required`; it may have those of `more`, and others of any kind.

    Args:
      closed: whether others are refused.
    """
    more = more or {}
    known = [*required, *more]

    def check_record(found: object, field: str) -> None:
        if not isinstance(found, dict):
            raise Wrong(field, found, "an object")
        if missing := [name for name in required if name not in found]:
            raise Wrong(field, found, f"an object with {', '.join(missing)}")
        if closed and (strange := [name for name in found if name not in known]):
            raise Wrong(
                name_field(field, strange[0]), found[strange[0]], f"no such field; known are {', '.join(known)}"
            )
        for name, kind in [*required.items(), *((name, kind) for name, kind in more.items() if name in found)]:
            kind(found[name], name_field(field, name))

    return check_record


def of_dataclass(cls: type, **kinds: Kind) -> Kind:
    """An object with a dataclass's fields, each of the kind of its type; those with a default may be missing.

    Args:
      kinds: narrower ones, by field; wanted for a field whose type does not say its kind.
    """
    hints = typing.get_type_hints(cls)
    required, more = {}, {}
    for field in dataclasses.fields(cls):
        has_default = field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING
        (more if has_default else required)[field.name] = kinds.get(field.name) or _kind_of(hints[field.name])
    return record(required, more)


@functools.cache
def _kind_of(hint) -> Kind:
    plain = {int: whole(), float: number(), bool: boolean, str: text()}
    if hint in plain:
        return plain[hint]
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        known = [part for part in inner if part is not types.NoneType]
        kind = number() if set(known) == {int, float} else _kind_of(known[0])
        return optional(kind) if types.NoneType in inner else kind
    if origin in (list, tuple) and inner:
        return sequence(_kind_of(inner[0]))
    if origin in (dict, Mapping) and inner[0] is str:
        return mapping(_kind_of(inner[1]))
    raise TypeError(f"no kind of JSON for {hint}")
