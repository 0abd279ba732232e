"""Hints of a file and the pictures of a command: each name fits one of them, or a line says why not."""

import json
from pathlib import Path

import pytest

from tintmill.model.output import hinted
from tintmill.model.output.inputs import list_inputs
from tintmill.pipeline.common.errors import TintmillError

ONE = {"x": 3, "y": 2, "color": "#3a5f2b"}


@pytest.fixture
def folder(tmp_path) -> Path:
    for name in ("a.jpg", "b.jpg", "sub/a.jpg", "film.mp4"):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return tmp_path / "in"


def found(folder: Path, hints: dict, *inputs) -> dict[str, int]:
    """The number of hints by the paths of the pictures that have some."""
    path = folder.parent / "hints.json"
    path.write_text(json.dumps(hints))
    references = list_inputs([str(one) for one in inputs or [folder]], "/nowhere")
    assigned = hinted.read_hints(str(path), references)
    return {str(Path(reference.path).relative_to(folder)): len(one.hints) for reference, one in assigned.items()}


def refusal(folder: Path, hints: dict, *inputs) -> str:
    with pytest.raises(TintmillError) as caught:
        found(folder, hints, *inputs)
    assert str(caught.value).startswith(f"--hints={folder.parent / 'hints.json'}: ")
    assert str(caught.value).isprintable()
    return str(caught.value)


def test_names_are_those_below_the_output(folder):
    assert found(folder, {"a.jpg": [ONE], "sub/a.jpg": [ONE, ONE]}) == {"a.jpg": 1, "sub/a.jpg": 2}
    assert found(folder, {"a.jpg": [ONE]}, folder / "sub" / "a.jpg") == {"sub/a.jpg": 1}


def test_a_name_of_two_pictures_is_refused_and_their_paths_are_taken(folder, monkeypatch):
    both = folder / "a.jpg", folder / "sub" / "a.jpg"
    line = refusal(folder, {"a.jpg": [ONE]}, *both)
    assert f"'a.jpg' is the name of {both[0]} and {both[1]}; give its path" in line
    assert found(folder, {str(both[1]): [ONE]}, *both) == {"sub/a.jpg": 1}
    monkeypatch.chdir(folder)
    assert found(folder, {"sub/a.jpg": [ONE], "./a.jpg": [ONE, ONE]}, *both) == {"a.jpg": 2, "sub/a.jpg": 1}


def test_a_name_of_no_picture_is_a_line(folder):
    assert "'c.jpg' is none of the pictures given, such as a.jpg" in refusal(folder, {"c.jpg": [ONE], "a.jpg": [ONE]})


def test_one_picture_by_two_names_is_a_line(folder):
    line = refusal(folder, {"a.jpg": [ONE], str(folder / "a.jpg"): [ONE]})
    assert "are one picture; name it once" in line


def test_a_video_takes_no_hints(folder):
    assert "'film.mp4' is a video; hints are for pictures" in refusal(folder, {"film.mp4": [ONE]})


def test_a_name_without_hints_is_no_hint(folder):
    assert found(folder, {"a.jpg": []}) == {}


def test_the_same_hints_are_the_same_settings_whatever_else_is_in_the_file(folder):
    def settings(hints: dict) -> dict:
        path = folder.parent / "hints.json"
        path.write_text(json.dumps(hints))
        (one,) = hinted.read_hints(str(path), list_inputs([str(folder / "a.jpg")], "/nowhere")).values()
        return one.settings

    one = settings({"a.jpg": [ONE]})
    assert one["count"] == 1
    assert settings({"a.jpg": [dict(reversed(ONE.items()))]}) == one
    assert settings({"a.jpg": [ONE | {"x": 4}]}) != one
    assert settings({"a.jpg": [ONE | {"radius": 1}]}) != one
