"""`tintmill export` and its model card: every format, snippets that run, what a reader must be told."""

import dataclasses
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from tests.support import exports, helpers, training
from tintmill.model.export import reader
from tintmill.model.export.formats import registry as formats
from tintmill.model.prediction import saved_model
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.dataset.manifest import InputSource
from tintmill.pipeline.imaging import lab
from tintmill.trainer.evaluation import scoring
from tintmill.trainer.reporting import model_card
from tintmill.trainer.run.folder import RunFolder


@pytest.fixture(scope="module")
def run(dataset, tmp_path_factory) -> Path:
    """A run of a network that joins L* and embedding, scored on val."""
    run = training.trained(dataset, tmp_path_factory.mktemp("run") / "toy", "toy_fused", "--steps=5", "--seed=2")
    done = helpers.tintmill("evaluate", f"--run={run}", f"--data={dataset}", "--split=val", "--examples=0")
    assert done.returncode == 0, done.stderr
    return run


def export_run(run: Path, name: str, output: Path, *flags):
    return helpers.tintmill("export", f"--run={run}", f"--format={name}", f"--output={output}", *flags)


@pytest.fixture(scope="module")
def made(run, tmp_path_factory):
    """By format: the path of an export, made when first asked for; all in one folder."""
    folder = tmp_path_factory.mktemp("exports")

    def make(name: str) -> Path:
        path = folder / f"toy{formats.FORMATS[name].suffix or '_folder'}"
        if not path.exists():
            done = export_run(run, name, path, "--terms=Free for all: even *commerce*.")
            assert done.returncode == 0, done.stderr
            assert done.stdout.strip().splitlines()[-1] == model_card.path_of(str(path))
        return path

    return make


def card_of(path: Path) -> str:
    return Path(model_card.path_of(str(path))).read_text()


@pytest.mark.parametrize("name", formats.FORMATS)
def test_the_cards_own_program_colours_a_picture(made, tmp_path, name):
    """The code block, as it stands, gives what `exported` gives."""
    path = made(name)
    (code,) = re.findall(r"```python\n(.*?)```", card_of(path), re.DOTALL)
    (tmp_path / path.name).symlink_to(path)
    grey = exports.grey_picture(0, 60, 45)
    grey.save(tmp_path / "grey.png")
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=exports.with_tintmill(),
        capture_output=True,
        text=True,
        timeout=helpers.TIMEOUT,
    )
    assert done.returncode == 0, done.stderr
    found = lab.rgb_to_lab(np.asarray(Image.open(tmp_path / "coloured.png")))
    ab = reader.load(str(path)).predict_ab(grey)
    large = [
        np.asarray(Image.fromarray(ab[..., i].copy()).resize(grey.size, Image.Resampling.BILINEAR)) for i in (0, 1)
    ]
    assert found.shape == (45, 60, 3)
    assert np.median(np.abs(found[..., 1:] - np.stack(large, axis=-1))) < 1
    assert np.abs(found[..., 1:]).max() > 1


def test_the_cards_header_is_yaml_that_hubs_read(made, run):
    header = yaml.safe_load(card_of(made("onnx")).split("---\n")[1])
    assert (header["license"], header["library_name"], header["pipeline_tag"]) == ("other", "onnx", "image-to-image")
    (result,) = header["model-index"][0]["results"]
    assert result["dataset"] == {"type": "toy", "name": "toy", "split": "val"}
    scores = json.loads((run / "evaluation" / "val" / "metrics.json").read_text())["rows"][0]
    assert {metric["type"]: metric["value"] for metric in result["metrics"]}["ciede2000"] == scores["ciede2000"]


def test_the_card_shows_the_trivial_rows_below_the_network(made):
    """Without them nobody can read a score."""
    lines = card_of(made("onnx")).splitlines()
    rows = [line.split("|")[1].strip().strip("*") for line in lines if line.startswith(("| **", "| *"))]
    trivial = ["grey", "dataset mean", "another picture's ab", "true ab halved"]
    assert rows == ["toy_fused", *trivial, scoring.TRUTH_ROW]
    table = [line for line in lines if line.startswith(("| **", "| *"))]
    assert len({line.count("|") for line in table}) == 1
    assert not any("nan" in line for line in table)


def test_the_card_says_what_it_learnt_from_and_what_it_is_not(made, run):
    card, path = card_of(made("onnx")), made("onnx")
    manifest = json.loads((run / "dataset.json").read_text())
    assert manifest["fingerprint"] in card
    assert f"{manifest['mean_chroma']:.2f}" in card
    assert "The colours are guesses" in card
    assert "evidence of nothing" in card
    assert "mobilenet_v2 has random weights here" in card  # a note of the report
    assert "Free for all: even *commerce*." in card
    assert reader.sha256_of(str(path)) in card
    assert f"keras {reader.describe(str(path))[1]['versions']['keras']}" in card
    assert str(run.parent) not in card, "where something lies on a disk is nobody's business"


def render(run: Path, output: Path, terms=None, **changes) -> str:
    """A card of a run with a changed manifest."""
    read = model_card.read_run(RunFolder(str(run)))
    read = dataclasses.replace(read, manifest=dataclasses.replace(read.manifest, **changes))
    return model_card.render(read, reader.describe(str(output))[1], str(output), terms)


def test_a_card_without_terms_asks_for_them(made, run):
    card = render(run, made("onnx"))
    assert yaml.safe_load(card.split("---\n")[1])["license"] == "unknown"
    assert "To be filled in by whoever publishes this file" in card
    assert "To be filled in" not in card_of(made("onnx"))


def test_a_card_names_the_terms_of_imagenet_and_of_pretrained_weights(made, run):
    embedder = dataclasses.replace(saved_model.TrainedFolder(str(run)).read_manifest().embedder, weights="imagenet")
    card = render(run, made("onnx"), "Mine.", source=InputSource("imagenet", "/nowhere", ""), embedder=embedder)
    assert "ImageNet's pictures are given for non-commercial research and education only" in card
    assert "The embedder mobilenet_v2 holds Keras' weights, which were learnt from ImageNet" in card
    assert "ImageNet" not in card_of(made("onnx"))


def test_a_run_that_was_not_evaluated_says_so(made, run, tmp_path):
    copied = shutil.copytree(run, tmp_path / "run", ignore=shutil.ignore_patterns("evaluation"))
    card = render(copied, made("onnx"))
    assert "\nNot evaluated.\n" in card
    assert "model-index" not in card
    assert "Not evaluated.\n" not in card_of(made("onnx"))


def test_scores_on_the_training_pictures_are_named_as_such(made, run, tmp_path):
    copied = shutil.copytree(run, tmp_path / "run")
    path = copied / "evaluation" / "val" / "metrics.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"same_pictures_as_training": True}))
    assert "the very pictures it was trained on" in render(copied, made("onnx"))
    assert "the very pictures it was trained on" not in card_of(made("onnx"))


def test_another_temperature_than_the_scored_one_is_said(made, run):
    description = reader.describe(str(made("onnx")))[1] | {"bins": True, "temperature": 0.2}
    card = model_card.render(model_card.read_run(RunFolder(str(run))), description, str(made("onnx")), None)
    assert "this file answers at 0.2" in card
    assert "annealed mean at a temperature of 0.2" in card


def test_of_a_weights_file_the_card_tells_the_name_alone():
    told = model_card.choose_settings({"network": "tint", "encoder_weights": "/home/me/secret/w.h5", "seed": 0})
    assert told == {"network": "tint", "encoder_weights": "file:w.h5", "seed": 0}


def test_a_foreign_file_at_the_cards_place_is_kept(run, tmp_path):
    card = Path(model_card.path_of(str(tmp_path / "toy.onnx")))
    card.write_text("# my own words\n")
    helpers.assert_one_line_error(
        export_run(run, "onnx", tmp_path / "toy.onnx"), str(card), "no model card of Tintmill's; move it"
    )
    assert card.read_text() == "# my own words\n"
    with pytest.raises(TintmillError, match="no model card"):
        model_card.check_output(str(tmp_path / "toy.onnx"))


def test_wrong_flags_are_one_line(run, tmp_path):
    helpers.assert_one_line_error(export_run(tmp_path, "onnx", tmp_path / "a.onnx"), str(tmp_path), "settings.json")
    helpers.assert_one_line_error(export_run(run, "onnx", tmp_path / "a.pb"), "--output=", "ends in .onnx")
    helpers.assert_one_line_error(export_run(run, "coreml", tmp_path / "a"), "--format", "onnx", code=2)
    assert list(tmp_path.iterdir()) == []


def test_an_export_colours_as_its_run_does(made, run):
    """Through the command line both ways: embedder, framing and size are the run's."""
    from tintmill.model.prediction import colorizer

    grey = exports.grey_picture(3, 120, 80)
    wanted = colorizer.load(str(run)).predict_ab(grey)
    for name in formats.FORMATS:
        found = reader.load(str(made(name))).predict_ab(grey)
        assert found.shape == wanted.shape
        assert np.abs(found - wanted).max() < 0.1 * wanted.std()


def test_the_readmes_program_runs(made, tmp_path):
    blocks = re.findall(r"```python\n(.*?)```", (helpers.ROOT / "model/export/README.md").read_text(), re.DOTALL)
    (code,) = [block for block in blocks if "onnxruntime" in block]
    (tmp_path / "first.onnx").symlink_to(made("onnx"))
    exports.grey_picture(0, 60, 45).save(tmp_path / "grey.png")
    done = helpers.run_python(f"{code}\nprint(ab.shape)", cwd=tmp_path)
    assert done.split("\n")[0] == "(32, 43, 2)"
