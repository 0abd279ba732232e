"""`tintmill colorize --hints=FILE`: nothing is coloured in silence without its hints, and files say which they had."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support import helpers, known_models
from tintmill.pipeline.imaging import lab

PIXELS = np.clip(helpers.photo_pixels(0, 120, 180), 80, 170)
HINT = {"x": 100, "y": 60, "color": "#a06040"}


@pytest.fixture
def folder(tmp_path) -> Path:
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(helpers.encode(PIXELS))
    return tmp_path


def colorize(folder: Path, env: dict[str, str], hints: dict | str, *arguments):
    text = hints if isinstance(hints, str) else json.dumps(hints)
    (folder / "hints.json").write_text(text)
    return helpers.tintmill("colorize", "--hints=hints.json", *arguments, env=env, cwd=folder)


def log_of(folder: Path) -> dict[str, dict]:
    lines = [json.loads(line) for line in (folder / "out" / "colorize.jsonl").read_text().splitlines()]
    return {line["name"]: line for line in lines}


def test_a_hint_is_met_and_the_file_and_the_log_name_it(folder, env):
    done = colorize(folder, env, {"a.png": [HINT]}, "--output=out", "a.png", "b.png")
    assert done.returncode == 0, done.stderr
    a, b = (np.asarray(Image.open(folder / "out" / name)) for name in ("a.png", "b.png"))
    wanted = lab.rgb_to_lab(np.array([0xA0, 0x60, 0x40], np.uint8))[1:]
    np.testing.assert_allclose(lab.rgb_to_lab(a)[60, 100, 1:], wanted, atol=1.5)
    assert np.abs(lab.rgb_to_lab(b)[60, 100, 1:] - wanted).max() > 5
    sha256 = hashlib.sha256((folder / "hints.json").read_bytes()).hexdigest()
    said = (folder / "out" / "a.png").read_bytes()
    assert b"hints>1<" in said
    assert f"hints_sha256>{sha256}<".encode() in said
    log = log_of(folder)
    assert log["a.png"]["facts"]["hints_sha256"] == sha256
    assert log["a.png"]["settings"]["hints"]["count"] == 1
    assert "hints" not in log["b.png"]["settings"]
    assert b"hints" not in (folder / "out" / "b.png").read_bytes()


def test_with_other_hints_a_picture_is_coloured_anew_and_the_others_are_not(folder, env):
    colorize(folder, env, {"a.png": [HINT]}, "--output=out", "a.png", "b.png")
    done = colorize(folder, env, {"a.png": [HINT | {"x": 90}]}, "--output=out", "a.png", "b.png")
    assert "2 of 2 files coloured, 1 of them before" in done.stdout, done.stderr
    done = colorize(folder, env, {"a.png": [HINT | {"x": 90}], "b.png": []}, "--output=out", "a.png", "b.png")
    assert "2 of 2 files coloured, 2 of them before" in done.stdout, done.stderr


def test_hints_work_beside_the_picture_too(folder, env):
    done = colorize(folder, env, {"a.png": [HINT]}, "a.png")
    assert (done.returncode, done.stdout) == (0, "a_coloured.png\n"), done.stderr


def test_a_hint_outside_its_picture_is_a_line_and_the_picture_is_not_coloured(folder, env):
    hints = {"a.png": [HINT | {"x": 180}], "b.png": [HINT]}
    done = colorize(folder, env, hints, "--output=out", "a.png", "b.png")
    helpers.assert_one_line_error(done, "1 of 2 files were not coloured")
    assert "bad_hints (a hint that does not fit it: --hints: hints[0].x: found 180, wanted 0 to 179" in done.stderr
    assert not (folder / "out" / "a.png").exists()
    assert (folder / "out" / "b.png").exists()


@pytest.mark.parametrize(
    ("hints", "said"),
    [
        ({"c.png": [HINT]}, "'c.png' is none of the pictures given"),
        ({"a.png": [HINT, HINT | {"color": "#000000"}]}, "which [0] gives the same point 100, 60"),
        ({"a.png": [HINT | {"color": "red"}]}, "a.png[0].color: found 'red', wanted a colour as #3a5f2b"),
        ("{", "--hints=hints.json"),
    ],
)
def test_what_cannot_be_meant_is_a_line_before_anything_is_coloured(folder, env, hints, said):
    done = colorize(folder, env, hints, "a.png")
    helpers.assert_one_line_error(done, said)
    assert not (folder / "a_coloured.png").exists()


def test_a_model_that_takes_no_hints_says_so(folder, tmp_path_factory):
    """The toy model without its second input."""
    env = {"XDG_DATA_HOME": str(tmp_path_factory.mktemp("data"))}
    path = known_models.write_export(folder / "deaf.onnx", inputs=["l"])
    done = colorize(folder, env, {"a.png": [HINT]}, f"--model={path}", "a.png")
    helpers.assert_one_line_error(done, "--hints=hints.json: the model toy takes none")
    assert not (folder / "a_coloured.png").exists()
