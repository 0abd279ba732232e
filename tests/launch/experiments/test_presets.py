"""Preset flag files: every flag in them exists and has a value its command accepts."""

from pathlib import Path

import pytest

from tintmill.launch import study
from tintmill.launch.experiments import catalogue
from tintmill.pipeline import prepare
from tintmill.trainer import train

PRESETS = sorted((Path(catalogue.__file__).parent / "presets").glob("*.flags"))


def values_of(path):
    text = path.read_text()
    if "--mode=" in text:
        return study.FLAGS
    return train.FLAGS if "--network=" in text else prepare.FLAGS


@pytest.mark.parametrize("path", PRESETS, ids=lambda path: path.stem)
def test_preset_parses(path):
    values = values_of(path).__class__()
    values.append_flag_values(values_of(path))
    required = [f"--{name}=x" for name in ("data", "run", "input", "output", "name") if name in values]
    rest = values(["preset", *required, f"--flagfile={path}"])
    assert rest == ["preset"]


def test_presets_are_there():
    known = {"demo_prepare", "demo_train", "koalarization"}
    subsets = {"celeba_1000", "linnaeus_flower", "imagenet_2000", "imagenet_60k", "faces_animals_landscapes"}
    assert known | subsets <= {path.stem for path in PRESETS}
