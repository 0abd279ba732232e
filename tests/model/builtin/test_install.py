"""Installing an export: what is copied, what is refused, that an earlier one is replaced."""

import json
from pathlib import Path

import pytest

from tests.support import known_models
from tintmill.model.builtin import catalogue
from tintmill.model.builtin.install import Installation, install
from tintmill.pipeline.common.errors import TintmillError


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return tmp_path


def test_file_card_and_version_are_in_the_users_folder(folder):
    source = known_models.write_export(folder / "a.onnx")
    model = install(Installation(str(source), "mine", "2", "Colours cats."))
    assert Path(model.path).read_bytes() == source.read_bytes()
    assert model.sha256 in Path(model.card).read_text()
    assert catalogue.find("mine") == model
    assert {path.name for path in Path(model.folder).iterdir()} == {"mine.onnx", "mine.json", "mine.card.md"}


def test_a_newer_one_replaces_the_older(folder):
    for version, strength in (("1", 0.1), ("2", 0.3)):
        source = known_models.write_export(folder / "a.onnx", strength)
        install(Installation(str(source), "mine", version))
    assert catalogue.find("mine").version == "2"
    catalogue.find("mine").check()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"takes": "grey", "version": 1}, "takes a grey picture .*; wanted a file of `tintmill export"),
        ({"parts": {"model": "0" * 64}}, "damaged since it was exported"),
        ({"version": 99}, "an export of version 99"),
    ],
)
def test_what_would_not_run_is_refused(folder, changes, said):
    source = known_models.write_export(folder / "a.onnx", **changes)
    with pytest.raises(TintmillError, match=said):
        install(Installation(str(source), "mine", "1"))
    assert not Path(catalogue.user_folder()).exists()


def test_an_export_without_its_card_is_refused(folder):
    source = known_models.write_export(folder / "a.onnx", card=None)
    with pytest.raises(TintmillError, match=r"a.onnx.MODEL_CARD.md cannot be read"):
        install(Installation(str(source), "mine", "1"))


def test_a_path_is_no_name(folder):
    source = known_models.write_export(folder / "a.onnx")
    with pytest.raises(TintmillError, match=r"--name=../mine: wanted letters"):
        install(Installation(str(source), "../mine", "1"))


def test_what_is_too_large_is_not_built_in(folder, monkeypatch):
    source = known_models.write_export(folder / "a.onnx")
    monkeypatch.setattr("tintmill.model.builtin.install.MOST_BUILT_IN", 1000)
    with pytest.raises(TintmillError, match="--half_weights"):
        install(Installation(str(source), "mine", "1", built_in=True))


def test_scores_and_notes_are_in_the_card(folder):
    source = known_models.write_export(folder / "a.onnx")
    row = {"row": "toy", "pictures": 3, "psnr": 24.5}
    metrics = {
        "split": "test",
        "dataset": {"name": "toys"},
        "parameters": 1234,
        "protocol": "as they are",
        "rows": [row, {"row": "grey", "pictures": 3, "psnr": 20.25}],
    }
    (folder / "metrics.json").write_text(json.dumps(metrics))
    (folder / "notes.md").write_text("## Known failures\n\nTomatoes.\n")
    notes, scores = str(folder / "notes.md"), (f"mine={folder / 'metrics.json'}", f"theirs={folder / 'metrics.json'}")
    card = Path(install(Installation(str(source), "mine", "1", notes=notes, scores=scores)).card).read_text()
    assert card.count("On the 3 pictures of `test` of `toys`:") == 1
    lines = [line.split(" | ")[:2] for line in card.splitlines() if line.startswith(("| **", "| *grey"))]
    assert lines == [["| **mine**", "24.500"], ["| **theirs**", "24.500"], ["| *grey*", "20.250"]]
    assert "1,234" in card
    assert card.index("Known failures") < card.index("How to use it")


@pytest.mark.parametrize("scores", ["mine", "=a", "mine=/nowhere", "mine=other.json"])
def test_scores_of_no_evaluation_are_refused(folder, monkeypatch, scores):
    monkeypatch.chdir(folder)
    Path("other.json").write_text('{"rows": []}')
    source = known_models.write_export(folder / "a.onnx")
    with pytest.raises(TintmillError, match="--scores"):
        install(Installation(str(source), "mine", "1", scores=(scores,)))
