"""JSON of others: what is not as a kind says is refused in a line that names the field."""

import dataclasses
import json

import pytest

from tintmill.pipeline.common import checked_json, files
from tintmill.pipeline.common.checked_json import (
    anything,
    boolean,
    choice,
    mapping,
    number,
    of_dataclass,
    optional,
    parse,
    record,
    row,
    sequence,
    text,
    whole,
)
from tintmill.pipeline.common.errors import TintmillError

SHARDS = record({"shards": sequence(record({"file": text("[a-z]+", "small letters"), "bytes": whole(0, 99)}))})


@dataclasses.dataclass(frozen=True)
class Point:
    x: int
    label: str | None
    weights: list[float]
    scale: float = 1.0


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        (whole(), "true", "found True, wanted a whole number"),
        (whole(0, 5), "6", "found 6, wanted a whole number, 0 to 5"),
        (whole(), "1.0", "found 1.0, wanted a whole number"),
        (number(), "1e999", "found inf, wanted a finite number"),
        (number(), "-1e999", "found -inf, wanted a finite number"),
        (anything, "NaN", "found nan, wanted a finite number"),
        (anything, "9" * 5000, "found inf, wanted a finite number"),
        (anything, "[" * 100_000, "nested deeper than 12 levels"),
        (anything, "[" * 13 + "]" * 13, "wanted at most 12 levels"),
        (anything, '{"a": 1, "a": 2}', "the key 'a' stands there twice"),
        (text(), '"\\ud800"', "wanted text without half characters"),
        (text(longest=3), '"abcd"', "wanted at most 3 characters"),
        (text("[a-z]+", "small letters"), '"a\\n"', "wanted small letters"),
        (boolean, "1", "wanted true or false"),
        (choice(["a", "b"]), '"c"', "wanted one of a, b"),
        (sequence(whole(), 2, 2), "[1]", "wanted a list of 2"),
        (row(text(), whole()), '["a", "b"]', r"\[1\]: found 'b'"),
        (mapping(whole()), '{"a": "b"}', "a: found 'b'"),
        (
            SHARDS,
            '{"shards": [{"file": "../x", "bytes": 1}]}',
            r"shards\[0\]\.file: found '\.\./x', wanted small letters",
        ),
        (SHARDS, '{"shards": [{"file": "x"}]}', r"shards\[0\]: found .*, wanted an object with bytes"),
        (SHARDS, '{"shards": {}}', r"shards: found {}, wanted a list"),
        (SHARDS, "[]", r"the whole file: found \[\], wanted an object"),
    ],
)
def test_what_is_not_of_its_kind_is_named(kind, value, said):
    with pytest.raises(ValueError, match=said):
        parse(value, kind)


@pytest.mark.parametrize(
    "value", ['{"shards": []}', '{"shards": [{"file": "a", "bytes": 99, "more": [1]}], "later": {}}']
)
def test_what_is_of_its_kind_is_returned_with_all_it_holds(value):
    assert parse(value, SHARDS) == json.loads(value)


def test_a_dataclass_says_the_kinds_of_its_fields():
    kind = of_dataclass(Point)
    assert parse('{"x": 1, "label": null, "weights": [1, 2.5]}', kind)["x"] == 1
    for wrong in ('{"x": 1.5, "label": null, "weights": []}', '{"x": 1, "label": null, "weights": ["a"]}', '{"x": 1}'):
        with pytest.raises(ValueError, match="wanted"):
            parse(wrong, kind)
    with pytest.raises(ValueError, match="scale: found 'a'"):
        parse('{"x": 1, "label": null, "weights": [], "scale": "a"}', kind)
    assert parse("null", optional(kind)) is None


def test_a_file_is_named_with_the_remedy(tmp_path):
    path = tmp_path / "a.json"
    path.write_text('{"shards": 5}')
    with pytest.raises(
        TintmillError, match=rf"^{path} is damaged \(shards: found 5, wanted a list.*\); make it again$"
    ):
        checked_json.read(str(path), SHARDS, "make it again")


def test_a_text_that_is_too_large_is_not_parsed():
    with pytest.raises(ValueError, match="11 bytes, wanted at most 10"):
        checked_json.parse(b"[" + b" " * 9 + b"]", anything, largest=10)


def test_a_file_that_is_too_large_is_not_read(tmp_path):
    path = tmp_path / "a.json"
    with open(path, "wb") as f:
        f.truncate(1 << 40)
    with pytest.raises(TintmillError, match=r"is damaged \(more than 1000 bytes\)"):
        checked_json.read(str(path), anything, "make it again", largest=1000)
    with pytest.raises(ValueError, match="more than 10 bytes"):
        files.read(str(path), largest=10)


def test_an_object_of_a_bucket_that_is_too_large_is_not_read(bucket):
    bucket.put("a.json", b"[" + b" " * 100_000 + b"]")
    with pytest.raises(TintmillError, match=r"is damaged \(more than 1000 bytes\)"):
        checked_json.read(bucket / "a.json", anything, "make it again", largest=1000)
    assert checked_json.read(bucket / "a.json", anything, "make it again") == []


def test_what_is_shown_of_a_value_is_short_and_harmless():
    for value in ("\x1b[31m" + "x" * 10_000, ["\u202e"] * 1000, {"a\nb": "\ud800"}):
        shown = checked_json.show(value)
        assert shown.isprintable()
        assert len(shown) < 300
