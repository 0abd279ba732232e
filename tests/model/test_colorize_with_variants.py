"""`tintmill colorize --variants=N`: files beside each other, named and logged, and done once."""

import json
from pathlib import Path

import pytest

from tests.support import helpers

PICTURE = helpers.encode(helpers.photo_pixels(0, 60, 90))


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "a.png").write_bytes(PICTURE)
    return tmp_path


def colorize(folder: Path, env: dict[str, str], *arguments):
    return helpers.tintmill("colorize", *arguments, env=env, cwd=folder)


def test_variants_are_files_beside_each_other_that_the_log_names_and_a_rerun_keeps(folder, env):
    done = colorize(folder, env, "--variants=3", "--output=out", "a.png")
    assert done.returncode == 0, done.stderr
    names = [f"a.variant-{number}.png" for number in (1, 2, 3)]
    assert sorted(path.name for path in (folder / "out").glob("*.png")) == names
    (line,) = [json.loads(line) for line in (folder / "out" / "colorize.jsonl").read_text().splitlines()]
    assert [written["name"] for written in line["written"]] == names
    assert line["settings"]["variants"] == 3
    again = colorize(folder, env, "--variants=3", "--output=out", "a.png")
    assert "1 of 1 files coloured, 1 of them before" in again.stdout, again.stderr


def test_without_an_output_each_variant_is_said(folder, env):
    done = colorize(folder, env, "--variants=2", "a.png")
    assert done.stdout.splitlines() == ["a_coloured.variant-1.png", "a_coloured.variant-2.png"], done.stderr


def test_what_has_no_variants_is_a_line(folder, env):
    (folder / "film.mp4").write_bytes(b"x")
    refused = colorize(folder, env, "--variants=2", "film.mp4")
    helpers.assert_one_line_error(refused, "--variants=2: film.mp4 is a video; variants are made of pictures alone")
    helpers.assert_one_line_error(
        colorize(folder, env, "--variants=17", "a.png"), "--variants=17: wanted 1 to 16", code=2
    )
    assert sorted(path.name for path in folder.iterdir()) == ["a.png", "film.mp4"]
