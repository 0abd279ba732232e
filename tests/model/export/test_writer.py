"""A run exported to every format: the same colours in the format's own runtime, put in place whole."""

import dataclasses
import fcntl
import os
import shutil

import keras
import numpy as np
import pytest
from PIL import Image

from tests.support import exports
from tintmill.model.export import reader, writer
from tintmill.model.export.formats import registry as formats
from tintmill.model.prediction import colorizer, saved_model
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.imaging import photo

AGREEMENT = 1e-4 * 128  # of a* and b*: 1e-4 of what the network itself answers; and of logits
NETWORKS = {
    "koalarization": {"head": "bins"},
    "kth": {},
    "tint": {},
    "jain": {"height": exports.SIZE, "width": exports.SIZE},
    "iizuka": {"global_size": 32, "head": "bins"},
    "vgg": {},
    "glaze": {"head": "bins", "hints": True},
}
EMBEDS = ("koalarization", "kth", "tint")
# The converters are two; keras and saved_model take whatever TensorFlow runs.
CASES = [
    (name, format_name)
    for name in NETWORKS
    for format_name in (formats.FORMATS if name in EMBEDS else ("onnx", "litert"))
]


@pytest.fixture(scope="module")
def made(tmp_path_factory, embedder_weights):
    """By network: (run directory, network that holds all, its description), made when first asked for."""
    known = {}

    def make(name: str):
        if name not in known:
            weights = embedder_weights if name in EMBEDS else None
            run = exports.make_run(tmp_path_factory.mktemp(name), name, weights, **NETWORKS[name])
            known[name] = (run, *writer.of_run(run))
        return known[name]

    return make


@pytest.mark.parametrize(("name", "format_name"), CASES)
def test_a_runtime_of_its_own_gives_the_same_colours(made, tmp_path, name, format_name):
    """At three picture sizes, from one loaded file."""
    _, network, description = made(name)
    path = str(tmp_path / f"export{formats.FORMATS[format_name].suffix}")
    writer.write(network, description, format_name, path)
    loaded = reader.load(path)
    assert (loaded.name, loaded.has_bins) == (name, NETWORKS[name].get("head") == "bins")
    for seed, (width, height) in enumerate([(75, 50), (40, 131), (33, 33)]):
        grey = exports.grey_picture(seed, width, height)
        wanted = network(np.asarray(grey, np.float32)[None, ..., None], training=False)
        found = loaded.predict(grey)
        assert np.asarray(wanted["ab"]).std() > 1
        np.testing.assert_allclose(found.ab, np.asarray(wanted["ab"])[0], atol=AGREEMENT)
        if loaded.has_bins:
            np.testing.assert_allclose(found.logits, np.asarray(wanted["bins"])[0], atol=AGREEMENT)


def test_it_computes_in_float32_whatever_the_precision_of_training(tmp_path):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        run = exports.make_run(tmp_path, "vgg")
    finally:
        keras.config.set_dtype_policy("float32")
    network, description = writer.of_run(run)
    path = str(tmp_path / "export.onnx")
    assert writer.write(network, description, "onnx", path)["ab_difference"] < AGREEMENT
    grey = exports.grey_picture(0, 60, 40)
    rounded = colorizer.load(run).predict_ab(grey)
    assert np.abs(reader.load(path).predict_ab(grey) - rounded).max() < 0.1 * rounded.std()


def test_the_network_alone_colours_as_the_run_does(tmp_path):
    """Tintmill prepares its input as it does for a run, so that nothing but the runtime is different."""
    run = exports.make_small_run(tmp_path)
    network, description = writer.of_run(run, takes="lightness")
    path = str(tmp_path / "bare.onnx")
    description = writer.write(network, description, "onnx", path)
    assert (description["inputs"], description["takes"]) == (["l"], "lightness")
    grey, loaded = exports.grey_picture(0, 60, 40), reader.load(path)
    assert loaded.has_bins
    found, wanted = loaded.predict(grey), colorizer.load(run).predict(grey)
    np.testing.assert_allclose(found.ab, wanted.ab, atol=0.01)
    np.testing.assert_allclose(found.logits, wanted.logits, atol=0.01)


def test_the_network_alone_is_refused_where_it_takes_an_embedding(tmp_path, embedder_weights):
    run = exports.make_run(tmp_path, "kth", embedder_weights)
    with pytest.raises(TintmillError, match="takes an embedding too; leave the flag out"):
        writer.of_run(run, takes="lightness")


def test_half_weights_make_half_a_file_of_the_same_colours(tmp_path):
    network, description = writer.of_run(exports.make_small_run(tmp_path))
    whole, half = str(tmp_path / "whole.onnx"), str(tmp_path / "half.onnx")
    writer.write(network, description, "onnx", whole)
    writer.write(network, description, "onnx", half, half=True)
    assert os.path.getsize(half) < os.path.getsize(whole)
    grey = exports.grey_picture(0, 60, 40)
    colours = [reader.load(path).predict_ab(grey) for path in (whole, half)]
    assert 0 < np.abs(colours[1] - colours[0]).max() < 0.1


def test_the_embedder_sees_the_record_where_it_did_in_training(tmp_path, embedder_weights):
    """--reuse_lab: the record is smaller than the view, so that the whole picture would show."""
    run = exports.make_run(tmp_path, "kth", embedder_weights)
    grey = exports.grey_picture(0, 300, 200)
    record = Image.fromarray(photo.fit(grey, exports.SIZE, "crop"))
    for source, seen, other in (("record", record, grey), ("original", grey, record)):
        folder = saved_model.TrainedFolder(run)
        folder.write_manifest(dataclasses.replace(folder.read_manifest(), embedding_from=source))
        network, _ = writer.of_run(run)
        view = keras.Model(network.input, network.get_layer("view").output)
        found = np.asarray(view(np.asarray(grey, np.float32)[None, ..., None]))[0, ..., 0]
        assert np.abs(found - photo.fit(seen, 224, "crop")).max() < 2.5  # levels; Pillow rounds up to four times
        assert np.abs(found - photo.fit(other, 224, "crop")).mean() > 3


@pytest.fixture
def quick(made):
    """`kth` and its description: what is written matters little here."""
    return made("kth")[1:]


def names(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("format_name", ["keras", "saved_model"])
def test_an_earlier_export_is_replaced(quick, tmp_path, format_name):
    path = str(tmp_path / f"export{formats.FORMATS[format_name].suffix}")
    for run in ("first", "second"):
        writer.check_output(format_name, path)
        writer.write(quick[0], quick[1] | {"run": run}, format_name, path)
        assert reader.load(path).description["run"] == run
    assert len(names(tmp_path)) == 1


def test_a_file_takes_the_place_of_an_exported_folder(quick, tmp_path):
    path = str(tmp_path / "export.keras")
    for format_name in ("saved_model", "keras", "saved_model"):
        writer.check_output(format_name, path)
        writer.write(*quick, format_name, path)
        assert reader.open_export(path).format_name == format_name
    assert names(tmp_path) == ["export.keras"]


@pytest.mark.parametrize("format_name", ["keras", "saved_model"])
def test_an_interrupted_export_leaves_the_old_one_and_nothing_else(quick, tmp_path, monkeypatch, format_name):
    path = str(tmp_path / f"export{formats.FORMATS[format_name].suffix}")
    writer.write(*quick, format_name, path)
    before = reader.sha256_of(path)

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(formats.FORMATS[format_name], "write_metadata", stop)
    with pytest.raises(KeyboardInterrupt):
        writer.write(*quick, format_name, path)
    assert reader.sha256_of(path) == before
    assert len(names(tmp_path)) == 1


def test_what_a_killed_export_left_is_removed_by_the_next_a_living_ones_is_not(quick, tmp_path):
    for name in (".export-killed", ".export-living", ".export-replacing"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "made.keras").write_bytes(b"half")
    (tmp_path / ".export-replacing" / "old").mkdir()  # the user's only copy
    handle = os.open(tmp_path / ".export-living", os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    writer.write(*quick, "keras", str(tmp_path / "export.keras"))
    os.close(handle)
    assert names(tmp_path) == [".export-living", ".export-replacing", "export.keras"]


def test_a_failed_rename_brings_the_old_folder_back(quick, tmp_path, monkeypatch):
    path = str(tmp_path / "export")
    writer.write(*quick, "saved_model", path)
    before = reader.sha256_of(path)

    right = os.replace

    def fail(source, target):
        if target == path:
            raise OSError("no room")
        right(source, target)

    monkeypatch.setattr(writer.os, "replace", fail)
    with pytest.raises(TintmillError, match=r"--output=.*export: cannot be written: no room"):
        writer.write(*quick, "saved_model", path)
    assert reader.sha256_of(path) == before


@pytest.mark.parametrize(
    ("format_name", "name", "wanted"),
    [
        ("keras", "model.onnx", r"a local path whose name ends in \.keras for --format=keras"),
        ("litert", "gs://bucket/model.tflite", r"a local path whose name ends in \.tflite"),
        ("onnx", "absent/model.onnx", "no folder to put it in"),
        ("onnx", "notes.onnx", r"is there and no export of Tintmill's"),
        ("saved_model", "photos", r"is there and no export of Tintmill's"),
        ("keras", "foreign.keras", r"is there and no export of Tintmill's"),
    ],
)
def test_what_is_not_ours_is_never_written_over(made, tmp_path, monkeypatch, format_name, name, wanted):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    (tmp_path / "notes.onnx").write_text("mine")
    shutil.copy(os.path.join(made("kth")[0], saved_model.MODEL), tmp_path / "foreign.keras")
    with pytest.raises(TintmillError, match=wanted):
        writer.check_output(format_name, name)


def test_an_export_that_answers_otherwise_is_not_published(quick, tmp_path, monkeypatch):
    right = formats.FORMATS["onnx"].load

    def wrong(path):
        run = right(path)
        return lambda grey: {"ab": run(grey)["ab"] + 1}

    monkeypatch.setattr(formats.FORMATS["onnx"], "load", wrong)
    with pytest.raises(TintmillError, match=r"colours are off by 1, wanted at most 0.1, beside Keras' own"):
        writer.write(*quick, "onnx", str(tmp_path / "export.onnx"))
    assert names(tmp_path) == []


def test_a_network_that_cannot_be_converted_is_one_line(quick, tmp_path, monkeypatch):
    def write(network, path):
        raise NotImplementedError("no such operation\nmore of it")

    monkeypatch.setattr(formats.FORMATS["litert"], "write", write)
    with pytest.raises(TintmillError, match=r"^--format=litert: the network cannot be converted \(no such operation\)"):
        writer.write(*quick, "litert", str(tmp_path / "export.tflite"))
    assert names(tmp_path) == []
