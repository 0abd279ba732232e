"""Hints as JSON: what is read, what is refused in a line, and what is written."""

import json
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tintmill.model.prediction import hints_file
from tintmill.model.prediction.hints import Hint
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.imaging import lab

ONE = {"x": 3, "y": 2, "color": "#3a5f2b", "radius": 1}


def refusal(value, size=None) -> str:
    with pytest.raises(TintmillError) as caught:
        hints_file.parse_hints(value, "there", size)
    line = str(caught.value)
    assert line.isprintable()
    return line


def read(tmp_path, text: str | bytes) -> dict[str, list[Hint]]:
    path = tmp_path / "hints.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return hints_file.read_hints(str(path)).pictures


def test_a_hint_has_the_a_and_b_of_its_colour():
    (hint,) = hints_file.parse_hints([ONE], "there")
    assert (hint.x, hint.y, hint.radius) == (3, 2, 1)
    assert hint.ab == pytest.approx(lab.rgb_to_lab(np.array([0x3A, 0x5F, 0x2B], np.uint8))[1:])


def test_the_radius_may_be_left_out_and_whole_numbers_be_written_with_a_point():
    (hint,) = hints_file.parse_hints([{"x": 3.0, "y": 2, "color": "#3A5F2B"}], "there", (4, 3))
    assert hint == Hint(3, 2, hint.ab, 0)


@pytest.mark.parametrize(
    ("change", "named", "wanted"),
    [
        ({"x": -1}, "hints[0].x: found -1", "a whole number, 0 to"),
        ({"x": True}, "hints[0].x: found True", "a whole number"),
        ({"x": "3"}, "hints[0].x: found '3'", "a whole number"),
        ({"y": 2.5}, "hints[0].y: found 2.5", "a whole number"),
        ({"y": float("nan")}, "hints[0].y: found nan", "a finite number"),
        ({"y": float("inf")}, "hints[0].y: found inf", "a finite number"),
        ({"y": None}, "hints[0].y: found None", "a whole number"),
        ({"color": "green"}, "hints[0].color: found 'green'", "a colour as #3a5f2b"),
        ({"color": "#3a5f2b\n"}, "hints[0].color: found", "a colour as #3a5f2b"),
        ({"color": [58, 95, 43]}, "hints[0].color: found [58, 95, 43]", "a colour as #3a5f2b"),
        ({"radius": -1}, "hints[0].radius: found -1", "a whole number, 0 to"),
        ({"colour": "#3a5f2b"}, "hints[0].colour: found '#3a5f2b'", "no such field; known are x, y, color, radius"),
    ],
)
def test_a_wrong_field_is_a_line_with_what_was_found_and_wanted(change, named, wanted):
    line = refusal([ONE | change])
    assert line.startswith(f"there: {named}")
    assert f"wanted {wanted}" in line
    assert line.endswith("correct it, or leave the hint out")


@pytest.mark.parametrize("value", [None, {}, "x", 5, [[]], [{}], [ONE, 3]])
def test_what_is_no_list_of_hints_is_a_line(value):
    assert "wanted" in refusal(value)


def test_more_hints_than_a_picture_may_have_are_a_line():
    many = [ONE | {"x": x} for x in range(hints_file.MOST + 1)]
    assert "at most 2000" in refusal(many)
    assert len(hints_file.parse_hints(many[:-1], "there")) == hints_file.MOST


def test_a_hint_outside_the_picture_is_named_with_the_picture_s_size():
    line = refusal([ONE, ONE | {"x": 4, "y": 0}], (4, 3))
    assert line.startswith("there: hints[1].x: found 4, wanted 0 to 3: the upright picture has 4 x 3 pixels")
    assert "hints[0].y: found 2, wanted 0 to 1" in refusal([ONE], (4, 2))


def test_two_colours_at_one_point_are_a_line_and_one_colour_twice_is_none():
    line = refusal([ONE, ONE | {"color": "#ff0000"}])
    assert "hints[1].color: found '#ff0000', wanted #3a5f2b, which [0] gives the same point 3, 2" in line
    assert len(hints_file.parse_hints([ONE, ONE | {"color": "#3A5F2B", "radius": 4}], "there")) == 2


def test_a_file_gives_hints_by_the_names_of_pictures(tmp_path):
    found = read(tmp_path, json.dumps({"a.jpg": [ONE], "folder/b.png": [], "Zoë.png": [ONE, ONE | {"x": 9}]}))
    assert {name: len(hints) for name, hints in found.items()} == {"a.jpg": 1, "folder/b.png": 0, "Zoë.png": 2}


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('{"a.jpg": [{"x": 1e999, "y": 2, "color": "#3a5f2b"}]}', "a.jpg[0].x: found inf"),
        ('{"a.jpg": [{"x": NaN, "y": 2, "color": "#3a5f2b"}]}', "a.jpg[0].x: found nan"),
        ('{"a.jpg": [{"x": 1, "y": 2}]}', "wanted an object with color"),
        ('{"a.jpg": [], "a.jpg": []}', "'a.jpg' stands there twice"),
        ('{"": []}', "the name of a picture"),
        ('[{"x": 1}]', "wanted an object"),
        ("[" * 9000, "nested deeper"),
        ('{"a.jpg": [', "--hints="),
        (b"\xff\xd8\xff\xe0", "--hints="),
        ("", "--hints="),
    ],
)
def test_a_file_that_is_none_of_hints_is_a_line_that_names_it(tmp_path, text, named):
    with pytest.raises(TintmillError) as caught:
        read(tmp_path, text)
    line = str(caught.value)
    assert line.startswith(f"--hints={tmp_path / 'hints.json'}: ")
    assert named in line
    assert line.isprintable()


def test_colours_that_contradict_each_other_in_a_file_are_named_with_their_picture(tmp_path):
    with pytest.raises(TintmillError, match=r"b\.jpg\[1\]\.color: found '#ff0000', wanted #3a5f2b"):
        read(tmp_path, json.dumps({"a.jpg": [ONE], "b.jpg": [ONE, ONE | {"color": "#ff0000"}]}))


def test_a_file_that_is_not_there_is_a_line(tmp_path):
    with pytest.raises(TintmillError, match=r"--hints=.*none\.json: cannot be read: No such file"):
        hints_file.read_hints(str(tmp_path / "none.json"))


def test_what_is_written_is_read_as_it_was():
    hints = hints_file.parse_hints([ONE, {"x": 0, "y": 0, "color": "#FFee00"}], "there")
    written = hints_file.to_json(hints)
    assert written == [ONE, {"x": 0, "y": 0, "color": "#ffee00"}]
    assert hints_file.parse_hints(json.loads(json.dumps(written)), "there") == hints


@pytest.mark.parametrize("ab", [(0.0, 0.0), (40.0, -20.0), (-50.0, 45.0), (60.0, 50.0), (20.0, -70.0)])
def test_a_hint_of_a_and_b_alone_is_written_as_a_colour_that_has_them(ab):
    written = hints_file.to_json([Hint(1, 1, ab)])
    (hint,) = hints_file.parse_hints(written, "there")
    assert hint.ab == pytest.approx(ab, abs=0.7)


_WHOLE = st.integers(-2, 5) | st.sampled_from([9_999_999, 10_000_000, 2.0, 2.5, True, "3", None])
_COLOR = st.sampled_from(["#3a5f2b", "#FFFFFF", "#3a5f2", "#3a5f2bb", "#3a5f2b\n", "green", "", 5, None])
_HINT = st.fixed_dictionaries(
    {}, optional={"x": _WHOLE, "y": _WHOLE, "color": _COLOR, "radius": _WHOLE, "colour": _COLOR}
)
_ONE_COLOR = st.fixed_dictionaries({"x": _WHOLE, "y": _WHOLE, "color": st.just("#3a5f2b")})
_FILES = st.dictionaries(
    st.sampled_from(["a.jpg", "b/c.png", ""]),
    st.lists(_HINT | st.just([]), max_size=2) | st.lists(_ONE_COLOR, max_size=4) | st.sampled_from([None, {}, 5]),
    max_size=2,
)


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(_FILES | st.sampled_from([[], None, 5, "x"]))
def test_the_published_schema_and_the_reader_agree(value):
    """But of contradictions and of numbers that are none, of which a schema cannot know."""
    schema = json.loads(Path(hints_file.SCHEMA).read_text())
    agreed = jsonschema.Draft202012Validator(schema).is_valid(value)
    said = ""
    try:
        hints_file.parse_file(json.dumps(value).encode(), "there")
    except TintmillError as error:
        said = str(error)
    if "gives the same point" not in said:
        assert agreed == (not said), value


def test_the_published_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(json.loads(Path(hints_file.SCHEMA).read_text()))
