"""A .keras file of others: no code of it runs, and it inflates to no more than a network takes."""

import json
import os
import warnings
import zipfile

import h5py
import keras
import pytest

from tintmill.model.export.formats.registry import FORMATS
from tintmill.model.prediction import keras_archive, saved_model
from tintmill.pipeline.common.errors import TintmillError


@keras.saving.register_keras_serializable(package="strangers")
class Imported(keras.layers.Layer):
    """Of a package that this process has imported."""

    def call(self, inputs):
        return inputs


def save(layer, folder) -> str:
    """A run directory's model.keras with one layer; returns the folder."""
    inputs = keras.Input((4,))
    keras.Model(inputs, layer(inputs)).save(folder / "model.keras")
    return str(folder)


def rewrite(path, **contents: bytes | None) -> None:
    """Puts other members into a .keras file; `config_json` is config.json."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    for key, content in contents.items():
        members[key.replace("_json", ".json").replace("_h5", ".h5").replace("weights", "model.weights")] = content
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def change_class(folder, old: str, **changes) -> None:
    """Other values for the description of the class `old` in config.json."""
    path = os.path.join(folder, "model.keras")
    with zipfile.ZipFile(path) as archive:
        config = json.loads(archive.read("config.json"))
    for layer in config["config"]["layers"]:
        if layer["class_name"] == old:
            layer.update(changes)
    rewrite(path, config_json=json.dumps(config).encode())


def test_layers_of_keras_and_imported_classes_are_loaded(tmp_path):
    assert saved_model.load_model(save(keras.layers.Dense(2, activation="relu"), tmp_path)).count_params() == 10
    assert saved_model.load_model(save(Imported(), tmp_path))


@pytest.mark.parametrize("is_checked", [True, False], ids=["by us", "by Keras' safe_mode alone"])
def test_a_lambda_is_not_run(tmp_path, monkeypatch, is_checked):
    """Both stand on their own: either may be turned off by mistake."""
    marker = tmp_path / "ran"
    attack = eval(f"lambda x: (open({str(marker)!r}, 'w').close(), x)[1]")  # Keras loads no default values or closures
    folder = save(keras.layers.Lambda(attack), tmp_path)
    marker.unlink()  # written when the model was made
    if not is_checked:
        monkeypatch.setattr(keras_archive, "check_classes", lambda path: None)
    with pytest.raises(TintmillError, match=r"model\.keras cannot be loaded"):
        saved_model.load_model(folder)
    with pytest.raises(Exception, match=r"Lambda|lambda"):
        FORMATS["keras"].load(os.path.join(folder, "model.keras"))
    assert not marker.exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"module": "os", "class_name": "system", "registered_name": None},
        {"module": "tests.model.prediction.victim", "class_name": "Layer", "registered_name": "strangers>Layer"},
        {"module": "tintmill.model.blocks.layers", "class_name": "Unknown", "registered_name": "tintmill>Unknown"},
        {"module": "keras.utils", "class_name": "function", "config": "get_file", "registered_name": "get_file"},
        {"module": "keras.utils", "class_name": "get_file", "registered_name": None},
        {"module": "keras.layers", "class_name": "TFSMLayer", "registered_name": None},
        {"module": "keras.layers", "class_name": "TorchModuleWrapper", "registered_name": None},
        {"module": "keras.config", "class_name": "enable_unsafe_deserialization", "registered_name": None},
        {"module": "keras.layers", "class_name": 5, "registered_name": None},
        {"module": ["keras"], "class_name": "Dense", "registered_name": None},
    ],
    ids=lambda changes: f"{changes['module']}.{changes['class_name']}",
)
def test_a_class_that_is_no_known_layer_is_refused(tmp_path, changes):
    folder = save(keras.layers.Dense(2), tmp_path)
    change_class(folder, "Dense", **changes)
    with pytest.raises(TintmillError, match="neither a layer of Keras nor of Tintmill"):
        saved_model.load_model(folder)


def test_a_member_that_inflates_without_end_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("model.weights.h5", "w") as member:
        for _ in range(200):
            member.write(bytes(1 << 20))
    assert path.stat().st_size < 1 << 20
    for check in (keras_archive.check_members, FORMATS["keras"].digests):
        with pytest.raises(ValueError, match="bytes and inflates to 209715200"):
            check(str(path))


@pytest.mark.parametrize("name", ["../outside", "/tmp/outside", "assets/../../x", "config.json"])
def test_members_with_other_names_or_twice_are_refused(tmp_path, name):
    folder = save(keras.layers.Dense(2), tmp_path)
    with warnings.catch_warnings(), zipfile.ZipFile(tmp_path / "model.keras", "a") as archive:
        warnings.simplefilter("ignore")  # of a name that is there twice
        archive.writestr(name, b"{}")
    with pytest.raises(TintmillError, match=r"members of a \.keras file are"):
        saved_model.load_model(folder)


@pytest.mark.parametrize("kind", ["external link", "external storage", "enormous"])
def test_weights_that_lie_elsewhere_or_are_enormous_are_refused(tmp_path, kind):
    folder = save(keras.layers.Dense(2, name="dense"), tmp_path)
    secret = tmp_path / "secret.h5"
    with h5py.File(secret, "w") as f:
        f["0"] = [[1.0, 2.0]] * 4
    weights = tmp_path / "weights.h5"
    with zipfile.ZipFile(tmp_path / "model.keras") as archive:
        weights.write_bytes(archive.read("model.weights.h5"))
    with h5py.File(weights, "a") as f:
        variables = f["layers/dense/vars"]
        del variables["0"]
        if kind == "external link":
            variables["0"] = h5py.ExternalLink(str(secret), "/0")
        elif kind == "external storage":
            variables.create_dataset("0", (4, 2), "f4", external=[(str(secret), 0, 32)])
        else:
            variables.create_dataset("0", (1 << 20, 1 << 20), "f4", chunks=(1024, 1024))
    rewrite(tmp_path / "model.keras", weights_h5=weights.read_bytes())
    with pytest.raises(TintmillError, match=r"model\.keras cannot be loaded"):
        saved_model.load_model(folder)
