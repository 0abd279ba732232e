"""The command that lists, shows and installs models."""

from pathlib import Path

import pytest

from tests.support import helpers, known_models


@pytest.fixture(scope="module")
def env(tmp_path_factory) -> dict[str, str]:
    return known_models.install(tmp_path_factory.mktemp("data"), "mine", version="3")


def test_the_list_names_version_size_and_place(env):
    listed = helpers.tintmill("models", env=env)
    assert listed.returncode == 0, listed.stderr
    (line,) = [line.split() for line in listed.stdout.splitlines() if line.startswith("mine")]
    assert line[:3] == ["mine", "3", "toy"]
    assert line[-1] == str(Path(env["XDG_DATA_HOME"], "tintmill", "models"))


def test_a_damaged_model_is_listed_as_such(tmp_path):
    env = known_models.install(tmp_path, "mine")
    (tmp_path / "tintmill" / "models" / "mine.onnx").write_bytes(b"cut")
    listed = helpers.tintmill("models", env=env)
    assert listed.returncode == 0, listed.stderr
    assert "damaged: install it again" in listed.stdout


def test_a_models_card_is_shown(env):
    shown = helpers.tintmill("models", "mine", env=env)
    assert shown.stdout.startswith("# toy"), shown.stderr


def test_the_command_installs_by_the_files_name(tmp_path):
    source = known_models.write_export(tmp_path / "cats.onnx")
    env = {"XDG_DATA_HOME": str(tmp_path)}
    done = helpers.tintmill("models", f"--install={source}", "--version=2", env=env)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"cats 2: {tmp_path}")
    assert "cats" in helpers.tintmill("models", env=env).stdout


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["a", "b"], ["at most the name of one model"]),
        (["gone"], ["--model=gone: no such file"]),
        (["--install=/nowhere.onnx"], ["/nowhere.onnx: no such file"]),
    ],
)
def test_mistakes_are_one_line(env, words, parts):
    helpers.assert_one_line_error(helpers.tintmill("models", *words, env=env), *parts)
