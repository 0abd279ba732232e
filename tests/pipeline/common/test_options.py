"""Flags from dataclasses: what a field says is what the command, its help and a program get."""

import dataclasses

import pytest
from absl import flags

from tintmill.pipeline.common import flag_help, options
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.common.options import at_least, between, option


def parse_pair(text: str) -> tuple[str, ...]:
    return tuple(text.split(":"))


@dataclasses.dataclass(frozen=True)
class Paint:
    folder: str = option(None, "Where it is.", "Required", required=True)
    size: int = option(224, "Side in pixels.", "Records", check=between(8, 4096))
    share: float = option(0.5, "Share.", "Records", check=at_least(0))
    fit: str = option("crop", "How it fits.", "Records", choices=lambda: ("crop", "pad"))
    names: tuple[str, ...] = option((), "Names.", "Records")
    pair: tuple[str, ...] = option((), "Two.", "Records", parse=parse_pair, flag_default="", flag="two")
    strict: bool = option(True, "Strict.", "How")
    port: int = option(0, "Port.", "How", check=between(0, 65535, wrong_flag=True))
    more: tuple[str, ...] = option((), "One more.", "How", repeated=True)
    seen: int = 0  # no flag

    def __post_init__(self):
        options.check(self)


def read(*arguments: str, **given) -> Paint:
    values = options.define(Paint)
    values(["paint", "--folder=here", *arguments])
    return options.read(Paint, values, **given)


def test_defaults_are_the_fields():
    assert read() == Paint("here", pair=("",))


def test_values_come_typed():
    got = read("--size=32", "--share=0.25", "--fit=pad", "--names=a,b", "--two=x:y", "--nostrict")
    assert got == Paint("here", 32, 0.25, "pad", ("a", "b"), ("x", "y"), False)


def test_a_repeated_flag_is_a_tuple_whose_texts_may_hold_commas():
    assert read("--more=a,b", "--more=c").more == ("a,b", "c")


def test_a_number_beyond_its_bounds_is_a_wrong_flag():
    assert read("--port=65535").port == 65535
    with pytest.raises(flags.IllegalFlagValueError, match="65536"):
        read("--port=65536")


def test_a_given_value_is_not_read_from_the_flag():
    assert read("--size=32", size=64, seen=3) == Paint("here", 64, pair=("",), seen=3)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("size", 4, r"--size=4: wanted 8 to 4096"),
        ("share", float("nan"), r"--share=nan: wanted at least 0"),
        ("share", float("inf"), r"--share=inf: wanted at least 0"),
        ("port", -1, r"--port=-1: wanted 0 to 65535"),
        ("fit", "squash", r"--fit=squash: wanted one of crop, pad"),
    ],
)
def test_a_program_is_refused_as_the_command_is(field, value, said):
    with pytest.raises(TintmillError, match=said):
        dataclasses.replace(Paint("here"), **{field: value})


def test_the_help_has_each_flag_below_its_topic():
    values = options.define(Paint)
    topics = options.list_topics(Paint, order=("How",))
    assert list(topics) == ["How", "Required", "Records"]
    assert topics["Records"] == ("size", "share", "fit", "names", "two")
    assert "One of crop, pad." in flag_help.format_flags(values, topics)


def test_a_flag_knows_whether_it_was_given():
    values = options.define(Paint)
    values(["paint", "--folder=here", "--size=224"])
    assert options.is_given(values, "size")
    assert not options.is_given(values, "fit")
    assert options.read_given(Paint, values) == {"folder": "here", "size": 224}
