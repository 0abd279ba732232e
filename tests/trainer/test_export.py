"""`tintmill export`: what it refuses, and that every format colours as the run does."""

import re
from pathlib import Path

import numpy as np
import pytest

from tests.support import exports, helpers, training
from tintmill.model.export import reader
from tintmill.model.export.formats import registry as formats
from tintmill.pipeline.common.errors import TintmillError
from tintmill.trainer.export import ExportArguments
from tintmill.trainer.reporting import model_card


def test_only_onnx_holds_half_weights():
    with pytest.raises(TintmillError, match="--half_weights: wanted --format=onnx, got keras; leave one of them out"):
        ExportArguments("run", "keras", "network.keras", half_weights=True)


def test_only_onnx_takes_lightness():
    with pytest.raises(TintmillError, match="--takes=lightness: wanted --format=onnx, got keras"):
        ExportArguments("run", "keras", "network.keras", takes="lightness")


def test_a_foreign_file_at_the_cards_place_is_kept(scored_run, tmp_path):
    card = Path(model_card.path_of(str(tmp_path / "toy.onnx")))
    card.write_text("# my own words\n")
    helpers.assert_one_line_error(
        training.export(scored_run, "onnx", tmp_path / "toy.onnx"), str(card), "no model card of Tintmill's; move it"
    )
    assert card.read_text() == "# my own words\n"
    with pytest.raises(TintmillError, match="no model card"):
        model_card.check_output(str(tmp_path / "toy.onnx"))


def test_wrong_flags_are_one_line(scored_run, tmp_path):
    helpers.assert_one_line_error(
        training.export(tmp_path, "onnx", tmp_path / "a.onnx"), str(tmp_path), "settings.json"
    )
    helpers.assert_one_line_error(training.export(scored_run, "onnx", tmp_path / "a.pb"), "--output=", "ends in .onnx")
    helpers.assert_one_line_error(training.export(scored_run, "coreml", tmp_path / "a"), "--format", "onnx", code=2)
    assert list(tmp_path.iterdir()) == []


def test_an_export_colours_as_its_run_does(exported, scored_run):
    """Through the command line both ways: embedder, framing and size are the run's."""
    from tintmill.model.prediction import colorizer

    grey = exports.grey_picture(3, 120, 80)
    wanted = colorizer.load(str(scored_run)).predict_ab(grey)
    for name in formats.FORMATS:
        found = reader.load(str(exported(name))).predict_ab(grey)
        assert found.shape == wanted.shape
        assert np.abs(found - wanted).max() < 0.1 * wanted.std()


def test_the_readmes_program_runs(exported, tmp_path):
    blocks = re.findall(r"```python\n(.*?)```", (helpers.ROOT / "model/export/README.md").read_text(), re.DOTALL)
    (code,) = [block for block in blocks if "onnxruntime" in block]
    (tmp_path / "first.onnx").symlink_to(exported("onnx"))
    exports.grey_picture(0, 60, 45).save(tmp_path / "grey.png")
    done = helpers.run_python(f"{code}\nprint(ab.shape)", cwd=tmp_path)
    assert done.split("\n")[0] == "(32, 43, 2)"
