"""Models by their names: where they are found, which one wins, what is wrong with one."""

import json
from pathlib import Path

import pytest

from tests.support import known_models
from tintmill.model.builtin import catalogue
from tintmill.pipeline.common.errors import TintmillError


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    """The user's folder, in which there is the model `mine`."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    known_models.install(tmp_path, "mine", version="3")
    return tmp_path / "tintmill" / "models"


def test_a_model_of_the_users_folder_is_found_by_its_name(home):
    found = catalogue.find("mine")
    assert (found.name, found.version, found.network) == ("mine", "3", "toy")
    assert found.path == str(home / "mine.onnx")
    assert not found.is_built_in
    found.check()
    assert "mine" in [model.name for model in catalogue.list_models()]


def test_the_folder_is_below_home_where_no_variable_names_it(tmp_path, monkeypatch):
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert catalogue.user_folder() == str(tmp_path / ".local" / "share" / "tintmill" / "models")


def test_a_users_model_takes_the_place_of_the_built_in_one(home, tmp_path):
    known_models.install(tmp_path, "default")
    assert catalogue.find(catalogue.DEFAULT).folder == str(home)
    assert [model.folder for model in catalogue.list_models() if model.name == "default"] == [str(home)]


def test_an_unknown_name_is_refused_with_the_known_ones(home):
    with pytest.raises(TintmillError, match=r"--model=theirs: no such file, and no model .*; known are .*mine"):
        catalogue.find("theirs")


@pytest.mark.parametrize("change", [lambda data: data[:-1], lambda data: data[:-1] + bytes([data[-1] ^ 1])])
def test_a_damaged_model_is_named_with_the_remedy(home, change):
    file = home / "mine.onnx"
    file.write_bytes(change(file.read_bytes()))
    with pytest.raises(TintmillError, match=r"mine.onnx is damaged: .*; install it again"):
        catalogue.find("mine").check()


def test_a_missing_file_is_named_with_the_remedy(home):
    (home / "mine.onnx").unlink()
    with pytest.raises(TintmillError, match=r"mine.onnx: the model mine cannot be read .*; install it again"):
        catalogue.find("mine").check()


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"name": "mine"}', '{"name": "../mine", "version": "1", "sha256": "0"}']
)
def test_damage_to_what_describes_a_model_is_named(home, text):
    (home / "mine.json").write_text(text)
    with pytest.raises(TintmillError, match=r"mine.json is damaged"):
        catalogue.find("mine")


def test_no_path_is_a_name():
    assert all(map(catalogue.is_name, ("default", "mine-2", "a.onnx")))
    assert not any(map(catalogue.is_name, ("", "a/b", "../a", ".hidden", "gs://a")))


def test_what_is_built_in_is_whole_and_small():
    """Of the checkout itself; a package without its model would colour nothing."""
    built_in = [model for model in catalogue.list_models() if model.is_built_in]
    for model in built_in:
        model.check()
        assert Path(model.path).stat().st_size <= 15_000_000
        assert model.sha256 in Path(model.card).read_text()
        assert json.loads(Path(model.about).read_text())["version"]
