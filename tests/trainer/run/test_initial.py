"""Weights to begin with: from a run, a file or a known model, whole or refused with a reason."""

from pathlib import Path

import keras
import numpy as np
import pytest

from tests.support import exports, known_models
from tintmill.model.export import writer
from tintmill.model.prediction import saved_model
from tintmill.pipeline.common.errors import TintmillError
from tintmill.trainer.run import initial
from tintmill.trainer.run.settings import TrainSettings

NETWORK = "two_convolutions"


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    exports.make_small_run(folder)
    (folder / "settings.json").write_text(f'{{"network": "{NETWORK}"}}')
    return folder


@pytest.fixture(scope="module")
def sources(run, tmp_path_factory) -> dict[str, str]:
    """The same weights in each of the forms that --init_from takes."""
    folder = tmp_path_factory.mktemp("sources")
    saved_model.load_model(str(run)).save_weights(folder / "a.weights.h5")
    paths = {"run": str(run), "model.keras": str(run / "model.keras"), "weights": str(folder / "a.weights.h5")}
    for name, format_name, takes, half in (
        ("export.keras", "keras", "grey", False),
        ("whole.onnx", "onnx", "lightness", False),
        ("half.onnx", "onnx", "lightness", True),
    ):
        network, description = writer.of_run(str(run), takes=takes)
        paths[name] = str(folder / name)
        writer.write(network, description, format_name, paths[name], half)
    return paths


def fresh(run: Path) -> keras.Model:
    """The same network with other weights."""
    model = saved_model.load_model(str(run))
    model.set_weights([weight + 1.0 for weight in model.get_weights()])
    return model


def settings(source: str, network: str = NETWORK) -> TrainSettings:
    return TrainSettings(network=network, init_from=source)


@pytest.mark.parametrize("name", ["run", "model.keras", "weights", "export.keras", "whole.onnx", "half.onnx"])
def test_every_weight_is_that_of_the_source(run, sources, name):
    model = fresh(run)
    initial.load_into(model, settings(sources[name]))
    accuracy = 1e-3 if name == "half.onnx" else 0.0
    for found, wanted in zip(model.get_weights(), saved_model.load_model(str(run)).get_weights(), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=accuracy, atol=accuracy)


def test_weights_of_another_network_are_refused_with_its_name(run, sources):
    with pytest.raises(TintmillError, match=f"weights of the network {NETWORK}, .* give --network={NETWORK}"):
        initial.load_into(fresh(run), settings(sources["run"], "tint"))


def test_weights_of_another_shape_are_refused_by_the_first_that_does_not_fit(sources):
    lightness = keras.Input((None, None, 1), name="l")
    features = keras.layers.Conv2D(4, 3)(lightness)  # 8 in the source
    model = keras.Model({"l": lightness}, {"ab": keras.layers.Conv2D(313, 1)(features)})
    with pytest.raises(TintmillError, match=r"/kernel is \(3, 3, 1, 8\), the run's network wants \(3, 3, 1, 4\)"):
        initial.load_into(model, settings(sources["whole.onnx"]))


def test_too_few_weights_are_refused(sources):
    lightness = keras.Input((None, None, 1), name="l")
    model = keras.Model({"l": lightness}, {"ab": keras.layers.Conv2D(2, 1)(lightness)})
    with pytest.raises(TintmillError, match="4 weights, the run's network has 2"):
        initial.load_into(model, settings(sources["run"]))


def test_what_is_not_there_is_refused_with_what_is_wanted(run, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    for source in ("/nowhere.onnx", "/nowhere.keras", "/nowhere.weights.h5"):
        with pytest.raises(TintmillError, match=f"--init_from={source}: .*; wanted default or another name"):
            initial.load_into(fresh(run), settings(source))
    with pytest.raises(TintmillError, match="no model of this name"):
        initial.load_into(fresh(run), settings("gone"))


def test_a_damaged_model_is_refused(run, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    known_models.install(tmp_path, "mine")
    file = tmp_path / "tintmill" / "models" / "mine.onnx"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(TintmillError, match=r"mine.onnx is damaged"):
        initial.load_into(fresh(run), settings("mine"))
