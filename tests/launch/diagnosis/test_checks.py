"""What `tintmill doctor` finds on machines that lack something."""

import shutil
import sys

import pytest

from tintmill.launch.diagnosis import checks
from tintmill.model.builtin import catalogue
from tintmill.pipeline.common import extras, nvidia


@pytest.fixture(autouse=True)
def empty_home(tmp_path, monkeypatch):
    """No models and no weights but those of the package."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))


def test_the_built_in_model_works_and_a_damaged_one_fails(tmp_path):
    [found] = checks.check_models()
    assert (found.what, found.works) == ("colorize, web", True)
    folder = tmp_path / "tintmill" / "models"
    folder.mkdir(parents=True)
    built_in = catalogue.find("default")
    shutil.copy(built_in.about, folder)
    (folder / "default.onnx").write_bytes(b"cut")
    [found] = checks.check_models()
    assert found.works is False
    assert "default.onnx is damaged" in found.found
    assert found.remedy


def test_an_extra_that_is_not_installed_is_named_with_the_line_to_type(monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    found = {finding.what: finding for finding in checks.check_extras()}
    assert set(found) == set(extras.EXTRA_OF.values())
    assert (found["video"].works, found["video"].remedy) == (None, extras.install_line("video"))
    assert found["train"].works is True


@pytest.mark.parametrize(
    ("devices", "driver", "works", "remedy"),
    [
        ([], None, None, ""),
        (["/dev/nvidia0"], None, False, "driver"),
        (["/dev/nvidia0"], "/usr/bin/nvidia-smi", False, "[gpu]"),
    ],
)
def test_a_gpu_that_cannot_be_used_fails_with_what_helps(monkeypatch, devices, driver, works, remedy):
    monkeypatch.setattr(nvidia, "list_devices", lambda: devices)
    monkeypatch.setattr(checks.shutil, "which", lambda program: driver)
    [found] = checks.check_gpu()
    assert found.works is works
    assert remedy in found.remedy


def test_weights_are_found_where_keras_keeps_them(tmp_path):
    assert [finding.works for finding in checks.check_weights()] == [None, None]
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "mobilenet_v2_weights.h5").touch()
    assert [finding.works for finding in checks.check_weights()] == [None, True]
