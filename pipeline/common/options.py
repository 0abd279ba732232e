"""Flags from dataclasses: a field says its default, help, topic and check once.

    @dataclasses.dataclass(frozen=True)
    class PaintSettings:
        size: int = option(224, "Side of the square records in pixels.", "Records", check=between(8, 4096))

        def __post_init__(self):
            options.check(self)

    FLAGS = options.define(PaintSettings)
    TOPICS = options.list_topics(PaintSettings)
    settings = options.read(PaintSettings, FLAGS)  # in `main` alone

A field without `option` is no flag: whoever calls `read` gives its value.
"""

import dataclasses
import math
import typing
from collections.abc import Callable, Iterable, Iterator, Sequence

from absl import flags

from tintmill.pipeline.common.errors import WrongFlagError

_KEY = "option"  # of a field's metadata
_FIELDS_OWN = object()  # the flag's default is the field's


@dataclasses.dataclass(frozen=True)
class Check:
    """What a value must be: a test, and in words what is wanted.

    Attributes:
      least, most: bounds of a number; None: it has no such bound.
      wrong_flag: whether a number beyond its bounds is refused before the command starts, in absl's words, and not when
        the settings are made, in ours. The exit code is 2 in either case.
    """

    holds: Callable[[object], bool]
    wanted: str
    least: float | None = None
    most: float | None = None
    wrong_flag: bool = False


@dataclasses.dataclass(frozen=True)
class Option:
    """What a field knows about its flag.

    Attributes:
      help: one sentence; `choices` are named after it.
      topic: heading in the help of the command.
      choices: the values that are allowed, or a function that lists them; empty: any.
      check: what a value must be; checked by `check`, and so for programs too.
      flag: the flag's name, where the field has another.
      parse: makes the value of the flag's text; None: the text, number or list that absl makes of it.
      flag_default: the flag's own default, where it is another than the field's (text that `parse` reads, or None for a
        flag whose absence the command tells from all values).
      required: the command refuses to start without it.
      is_path: the value is a file or folder that every worker of the command reads or writes.
      repeated: the flag may be given several times, each time with one text of a tuple of texts.
    """

    help: str
    topic: str
    choices: Sequence[str] | Callable[[], Sequence[str]] = ()
    check: Check | None = None
    flag: str = ""
    parse: Callable[[str], object] | None = None
    flag_default: object = _FIELDS_OWN
    required: bool = False
    repeated: bool = False
    is_path: bool = False

    def list_choices(self) -> list[str]:
        return list(self.choices() if callable(self.choices) else self.choices)


def option(default, help: str, topic: str, **more) -> dataclasses.Field:
    """A field of a dataclass that is a flag too; `more` are attributes of `Option`.

    Args:
      default: of the field and of the flag; `dataclasses.MISSING` where a required option has none.
    """
    return dataclasses.field(default=default, metadata={_KEY: Option(help, topic, **more)})


def at_least(least: float, wanted: str = "", wrong_flag: bool = False) -> Check:
    return Check(lambda value: least <= value < math.inf, wanted or f"at least {least}", least, None, wrong_flag)


def between(least: float, most: float, wrong_flag: bool = False) -> Check:
    return Check(lambda value: least <= value <= most, f"{least} to {most}", least, most, wrong_flag)


def list_options(*classes: type) -> dict[str, tuple[dataclasses.Field, Option]]:
    """Flag name: (field, option) of all options of the dataclasses, in order; a name that comes twice counts once."""
    found = {}
    for cls in classes:
        for field in dataclasses.fields(cls):
            if _KEY in field.metadata:
                about = field.metadata[_KEY]
                found.setdefault(about.flag or field.name, (field, about))
    return found


def define(*classes: type, values: flags.FlagValues | None = None) -> flags.FlagValues:
    """The flags of the dataclasses' options, in flag values of their own or added to `values`."""
    values = flags.FlagValues() if values is None else values
    for cls in classes:
        types = typing.get_type_hints(cls)
        for name, (field, about) in list_options(cls).items():
            if name not in values:
                _define(name, types[field.name], field, about, values)
    return values


def _define(name: str, kind: type, field: dataclasses.Field, about: Option, values: flags.FlagValues) -> None:
    default = field.default if about.flag_default is _FIELDS_OWN else about.flag_default
    default = None if default is dataclasses.MISSING else default
    more = {"flag_values": values, "required": about.required}
    if about.choices:
        flags.DEFINE_enum(name, default, about.list_choices(), about.help, **more)
    elif about.repeated:
        flags.DEFINE_multi_string(name, list(default), about.help, **more)
    elif about.parse or _is_text(kind):
        flags.DEFINE_string(name, default, about.help, **more)
    elif _is_list(kind):
        flags.DEFINE_list(name, list(default), about.help, **more)
    elif _plain_type(kind) is bool:
        flags.DEFINE_boolean(name, default, about.help, **more)
    else:
        define_number = {int: flags.DEFINE_integer, float: flags.DEFINE_float}[_plain_type(kind)]
        bounds = (about.check.least, about.check.most) if about.check and about.check.wrong_flag else (None, None)
        define_number(name, default, about.help, *bounds, **more)


def _plain_type(kind: type) -> type:
    """The type itself, or the one beside None in a union."""
    parts = [part for part in typing.get_args(kind) if part is not type(None)]
    return parts[0] if parts and typing.get_origin(kind) is not tuple else kind


def _is_text(kind: type) -> bool:
    return _plain_type(kind) is str


def _is_list(kind: type) -> bool:
    return typing.get_origin(kind) in (tuple, list)


def list_topics(*classes: type, order: Iterable[str] = ()) -> dict[str, tuple[str, ...]]:
    """Heading: names of the flags below it, as `flag_help` wants them.

    Args:
      order: headings that come first, in this order; others follow in the order of the fields.
    """
    topics: dict[str, list[str]] = {topic: [] for topic in order}
    for name, (_, about) in list_options(*classes).items():
        topics.setdefault(about.topic, []).append(name)
    return {topic: tuple(names) for topic, names in topics.items()}


def read(cls: type, values: flags.FlagValues, **given):
    """An instance of the dataclass by its flags; `given` are values of fields that are no flags, or that are decided.

    Raises:
      WrongFlagError: a value is not what its option, or the dataclass, wants.
    """
    for name, (field, about) in list_options(cls).items():
        if field.name not in given:
            given[field.name] = _read_value(values[name].value, field, about)
    return cls(**given)


def read_given(cls: type, values: flags.FlagValues) -> dict[str, object]:
    """Field: value, of the dataclass's options that the command line, or a flag file, has.

    Raises:
      WrongFlagError: a value is not what its option wants.
    """
    found = list_options(cls).items()
    return {
        field.name: _read_value(values[name].value, field, about)
        for name, (field, about) in found
        if is_given(values, name)
    }


def _read_value(value, field: dataclasses.Field, about: Option):
    if about.parse and value is not None:
        return about.parse(value)
    return tuple(value) if isinstance(value, list) else value


def check(settings) -> None:
    """Checks each field of a dataclass by its option; a dataclass calls it in `__post_init__`.

    Raises:
      WrongFlagError: names the flag, the value found and the value wanted.
    """
    for flag, value, wanted in list_defects(settings):
        raise WrongFlagError(f"--{flag}={value}: wanted {wanted}")


def list_defects(settings) -> Iterator[tuple[str, object, str]]:
    """(flag, value found, what is wanted) of each field that its option does not allow."""
    for name, (field, about) in list_options(type(settings)).items():
        value = getattr(settings, field.name)
        if about.choices and value not in about.list_choices():
            yield name, value, f"one of {', '.join(about.list_choices())}"
        elif about.check and not about.check.holds(value):
            yield name, value, about.check.wanted


def is_given(values: flags.FlagValues, name: str) -> bool:
    """Whether the command line, or a flag file, has the flag; its value may be the default's."""
    return bool(values[name].present)
