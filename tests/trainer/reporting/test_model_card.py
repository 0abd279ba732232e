"""The model card of an export: its program runs in every format, and a reader is told what must be told."""

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

from tests.support import exports, helpers
from tintmill.model.export import reader
from tintmill.model.export.formats import registry as formats
from tintmill.model.prediction import saved_model
from tintmill.pipeline.dataset.manifest import InputSource
from tintmill.pipeline.imaging import lab
from tintmill.trainer.evaluation import scoring
from tintmill.trainer.reporting import model_card
from tintmill.trainer.run.folder import RunFolder


def card_of(path: Path) -> str:
    return Path(model_card.path_of(str(path))).read_text()


@pytest.mark.parametrize("name", formats.FORMATS)
def test_the_cards_own_program_colours_a_picture(exported, tmp_path, name):
    """The code block, as it stands, gives what `exported` gives."""
    path = exported(name)
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


def test_the_cards_header_is_yaml_that_hubs_read(exported, scored_run):
    header = yaml.safe_load(card_of(exported("onnx")).split("---\n")[1])
    assert (header["license"], header["library_name"], header["pipeline_tag"]) == ("other", "onnx", "image-to-image")
    (result,) = header["model-index"][0]["results"]
    assert result["dataset"] == {"type": "toy", "name": "toy", "split": "val"}
    scores = json.loads((scored_run / "evaluation" / "val" / "metrics.json").read_text())["rows"][0]
    assert {metric["type"]: metric["value"] for metric in result["metrics"]}["ciede2000"] == scores["ciede2000"]


def test_the_card_shows_the_trivial_rows_below_the_network(exported):
    """Without them nobody can read a score."""
    lines = card_of(exported("onnx")).splitlines()
    rows = [line.split("|")[1].strip().strip("*") for line in lines if line.startswith(("| **", "| *"))]
    trivial = ["grey", "dataset mean", "another picture's ab", "true ab halved"]
    assert rows == ["toy_fused", *trivial, scoring.TRUTH_ROW]
    table = [line for line in lines if line.startswith(("| **", "| *"))]
    assert len({line.count("|") for line in table}) == 1
    assert not any("nan" in line for line in table)


def test_the_card_says_what_it_learnt_from_and_what_it_is_not(exported, scored_run):
    card, path = card_of(exported("onnx")), exported("onnx")
    manifest = json.loads((scored_run / "dataset.json").read_text())
    assert manifest["fingerprint"] in card
    assert f"{manifest['mean_chroma']:.2f}" in card
    assert "The colours are guesses" in card
    assert "evidence of nothing" in card
    assert "mobilenet_v2 has random weights here" in card  # a note of the report
    assert "Free for all: even *commerce*." in card
    assert reader.sha256_of(str(path)) in card
    assert f"keras {reader.open_export(str(path)).description['versions']['keras']}" in card
    assert str(scored_run.parent) not in card, "where something lies on a disk is nobody's business"


def render(run: Path, output: Path, terms=None, **changes) -> str:
    """A card of a run with a changed manifest."""
    read = model_card.read_run(RunFolder(str(run)))
    read = dataclasses.replace(read, manifest=dataclasses.replace(read.manifest, **changes))
    return model_card.render(read, reader.open_export(str(output)).description, str(output), terms)


def test_a_card_without_terms_asks_for_them(exported, scored_run):
    card = render(scored_run, exported("onnx"))
    assert yaml.safe_load(card.split("---\n")[1])["license"] == "unknown"
    assert "To be filled in by whoever publishes this file" in card
    assert "To be filled in" not in card_of(exported("onnx"))


def test_a_card_names_the_terms_of_imagenet_and_of_pretrained_weights(exported, scored_run):
    embedder = dataclasses.replace(
        saved_model.TrainedFolder(str(scored_run)).read_manifest().embedder, weights="imagenet"
    )
    card = render(
        scored_run, exported("onnx"), "Mine.", source=InputSource("imagenet", "/nowhere", ""), embedder=embedder
    )
    assert "ImageNet's pictures are given for non-commercial research and education only" in card
    assert "The embedder mobilenet_v2 holds Keras' weights, which were learnt from ImageNet" in card
    assert "ImageNet" not in card_of(exported("onnx"))


def test_a_run_that_was_not_evaluated_says_so(exported, scored_run, tmp_path):
    copied = shutil.copytree(scored_run, tmp_path / "run", ignore=shutil.ignore_patterns("evaluation"))
    card = render(copied, exported("onnx"))
    assert "\nNot evaluated.\n" in card
    assert "model-index" not in card
    assert "Not evaluated.\n" not in card_of(exported("onnx"))


def test_scores_on_the_training_pictures_are_named_as_such(exported, scored_run, tmp_path):
    copied = shutil.copytree(scored_run, tmp_path / "run")
    path = copied / "evaluation" / "val" / "metrics.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"same_pictures_as_training": True}))
    assert "the very pictures it was trained on" in render(copied, exported("onnx"))
    assert "the very pictures it was trained on" not in card_of(exported("onnx"))


def test_another_temperature_than_the_scored_one_is_said(exported, scored_run):
    description = reader.open_export(str(exported("onnx"))).description | {"bins": True, "temperature": 0.2}
    card = model_card.render(model_card.read_run(RunFolder(str(scored_run))), description, str(exported("onnx")), None)
    assert "this file answers at 0.2" in card
    assert "annealed mean at a temperature of 0.2" in card


def test_of_a_weights_file_the_card_tells_the_name_alone():
    told = model_card.choose_settings({"network": "tint", "encoder_weights": "/home/me/secret/w.h5", "seed": 0})
    assert told == {"network": "tint", "encoder_weights": "file:w.h5", "seed": 0}
