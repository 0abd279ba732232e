"""Reading what `tintmill export` wrote: told by its content, whole or refused, temperature, large pictures."""

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support import exports, helpers, videos
from tintmill.model.export import reader, writer
from tintmill.model.export.formats import registry as formats
from tintmill.model.prediction import colorizer, saved_model
from tintmill.pipeline.common import extras
from tintmill.pipeline.common.errors import TintmillError

FORMATS = list(formats.FORMATS)
FILES = [name for name in FORMATS if formats.FORMATS[name].suffix]  # the others are folders


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> str:
    return exports.make_small_run(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def made(run, tmp_path_factory) -> dict[str, Path]:
    """An export in each format."""
    folder = tmp_path_factory.mktemp("exports")
    network, description = writer.of_run(run)
    paths = {name: folder / f"{name}{formats.FORMATS[name].suffix}" for name in FORMATS}
    for name, path in paths.items():
        writer.write(network, description, name, str(path))
    return paths


def copy(path: Path, target: Path) -> Path:
    return shutil.copytree(path, target) if path.is_dir() else Path(shutil.copy(path, target))


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_is_told_by_its_content_not_by_its_name(made, tmp_path, name):
    copied = copy(made[name], tmp_path / "model.jpg")
    assert reader.open_export(str(copied)).format_name == name
    loaded = reader.load(str(copied))
    assert (loaded.name, loaded.has_bins) == ("two_convolutions", True)
    assert loaded.predict_ab(exports.grey_picture(0, 48, 32)).shape == (32, 48, 2)


@pytest.mark.parametrize("name", FORMATS)
def test_its_sha256_is_that_of_the_bytes(made, name):
    loaded, path = reader.load(str(made[name])), made[name]
    if path.is_dir():
        inside = sorted(part.relative_to(path).as_posix() for part in path.rglob("*") if part.is_file())
        digests = [hashlib.sha256((path / part).read_bytes()).hexdigest() for part in inside]
        data = "".join(f"{digest}  {part}\n" for digest, part in zip(digests, inside, strict=True)).encode()
    else:
        data = path.read_bytes()
    assert loaded.sha256 == hashlib.sha256(data).hexdigest()


def refusal(path) -> str:
    """What loading it says, which must be one line that names the file."""
    with pytest.raises(TintmillError) as raised:
        reader.load(str(path))
    message = str(raised.value)
    assert "\n" not in message
    assert message.startswith(f"--model={path}: ")
    return message


@pytest.mark.parametrize("kept", [0, 3, 10, 1000, 0.5, 0.97, -40, -1])
@pytest.mark.parametrize("name", FILES)
def test_a_cut_file_is_refused(made, tmp_path, name, kept):
    data = made[name].read_bytes()
    path = tmp_path / "cut"
    path.write_bytes(data[: int(kept * len(data)) if isinstance(kept, float) else kept])
    assert any(words in refusal(path) for words in ("cut off", "by its content none of", "damaged"))


@pytest.mark.parametrize("place", [0.3, 0.6, 0.9])
@pytest.mark.parametrize("name", FILES)
def test_a_changed_byte_is_refused(made, tmp_path, name, place):
    """Also one that only changes a weight, which no runtime would notice."""
    data = bytearray(made[name].read_bytes())
    data[int(place * len(data))] ^= 0x55
    path = tmp_path / "changed"
    path.write_bytes(data)
    assert any(words in refusal(path) for words in ("cut off", "damaged"))


def test_a_saved_model_with_a_cut_or_missing_part_is_refused(made, tmp_path):
    parts = [part.relative_to(made["saved_model"]) for part in made["saved_model"].rglob("*") if part.is_file()]
    assert len(parts) >= 4
    for number, part in enumerate(parts):
        for keep in (True, False):
            damaged = copy(made["saved_model"], tmp_path / f"{number}{keep}")
            data = (damaged / part).read_bytes()
            (damaged / part).unlink()
            if keep:
                (damaged / part).write_bytes(data[:-1])
            assert any(words in refusal(damaged) for words in ("cut off", "by its content none of", "damaged"))


@pytest.mark.parametrize("name", FORMATS)
def test_an_export_of_another_version_is_refused(run, tmp_path, monkeypatch, name):
    network, description = writer.of_run(run)
    path = tmp_path / f"later{formats.FORMATS[name].suffix}"
    writer.write(network, description | {"version": 9}, name, str(path))
    message = refusal(path)
    assert "version 9, wanted 1 or 2; export it again with this Tintmill" in message


def test_what_is_no_export_is_refused(run, tmp_path):
    (tmp_path / "note.txt").write_text("no model")
    known = ", ".join(found.title for found in formats.FORMATS.values())
    assert f"by its content none of {known}; wanted" in refusal(tmp_path / "note.txt")
    assert "by its content none of" in refusal(tmp_path)
    assert "no such file or folder" in refusal(tmp_path / "absent")
    (tmp_path / "settings.json").write_text("{}")
    assert "a run directory is --run" in refusal(tmp_path)
    assert "Keras, but no readable tintmill.json" in refusal(Path(run, saved_model.MODEL))


@pytest.mark.parametrize("name", FORMATS)
def test_a_missing_runtime_is_named(made, monkeypatch, name):
    monkeypatch.setattr(reader.importlib.util, "find_spec", lambda package: None)
    runtime = formats.FORMATS[name].runtime
    line = extras.install_line(extras.find_extra(runtime))
    assert f"the package {runtime}, which is not installed; {line}" in refusal(made[name])


def test_a_runtime_that_cannot_load_it_is_quoted(made, monkeypatch):
    def load(path):
        raise RuntimeError("no kernel for Cbrt\nat line 3")

    monkeypatch.setattr(formats.FORMATS["onnx"], "load", load)
    message = refusal(made["onnx"])
    assert "onnxruntime cannot load it (no kernel for Cbrt); it was exported with tintmill" in message


@pytest.mark.parametrize("temperature", [0.1, 1.0])
def test_a_temperature_given_later_is_as_one_given_to_the_network(run, made, temperature):
    grey = exports.grey_picture(4, 45, 34)
    asked = reader.load(str(made["onnx"])).predict_ab(grey, temperature)
    network, _ = writer.of_run(run, temperature=temperature)
    wanted = np.asarray(network(np.asarray(grey, np.float32)[None, ..., None])["ab"])[0]
    np.testing.assert_allclose(asked, wanted, atol=1e-3)
    usual = reader.load(str(made["onnx"])).predict_ab(grey)
    assert np.abs(asked - usual).max() > 1


def test_an_export_keeps_the_temperature_it_was_given(run, made, tmp_path):
    path = tmp_path / "warm.onnx"
    network, description = writer.of_run(run, temperature=1.0)
    writer.write(network, description, "onnx", str(path))
    grey = exports.grey_picture(4, 45, 34)
    wanted = reader.load(str(made["onnx"])).predict_ab(grey, 1.0)
    np.testing.assert_allclose(reader.load(str(path)).predict_ab(grey), wanted, atol=1e-3)
    assert reader.load(str(path)).description["temperature"] == 1.0


def test_a_temperature_without_bins_is_refused():
    loaded = reader.Exported(lambda grey: {"ab": grey}, {"network": "kth", "bins": False}, "")
    with pytest.raises(
        TintmillError, match=r"--temperature=0\.5: the exported kth .* without bins.*leave the flag out"
    ):
        loaded.predict(Image.new("L", (9, 9)), 0.5)


@pytest.mark.parametrize("size", [(400, 300), (5000, 3000), (3, 100_000), (100_000, 2000), (129, 128)])
def test_no_picture_makes_large_tables(size):
    """What goes into the network is bounded, keeps four times the detail that it needs, and its shape up to a strip."""
    grey = reader.bound_size(Image.new("L", size, 80), 32)
    assert min(grey.size) >= min(*size, 4 * 32)
    assert min(grey.size) < 2 * 4 * 32
    assert max(grey.size) <= reader._LONGEST
    assert set(np.unique(grey)) == {80}
    if max(grey.size) < reader._LONGEST:
        assert grey.width / grey.height == pytest.approx(size[0] / size[1], rel=0.02)


def test_a_large_picture_gets_the_colours_that_the_colorizer_gives_it(run, made):
    """Noise in every pixel: the reduction before must not show."""
    grey = exports.grey_picture(6, 1400, 1100)
    assert reader.bound_size(grey, exports.SIZE).size != grey.size
    wanted = colorizer.load(run).predict_ab(grey)
    found = reader.load(str(made["litert"])).predict_ab(grey)
    assert found.shape == wanted.shape
    assert wanted.std() > 5
    assert np.abs(found - wanted).mean() < 0.05 * wanted.std()


def test_what_an_export_says_of_itself(made):
    for name, path in made.items():
        export = reader.open_export(str(path))
        description = export.description
        assert export.format_name == description["format"] == name
        assert description["framing"] == {"size": 32, "fit": "crop", "embed_record": False, "network_size": None}
        assert description["ab_difference"] < 1e-3
        assert json.loads(json.dumps(description)) == description


def test_a_model_in_a_bucket_is_refused_with_the_remedy():
    with pytest.raises(TintmillError, match=r"--model=gs://bucket/a\.onnx: .* on this machine; copy it here first"):
        reader.load("gs://bucket/a.onnx")


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMATS)
def test_an_export_colours_a_video_from_the_command_line(made, tmp_path, name):
    """Frames, times and sound are the source's, colours are there, and nothing but the bar is on the terminal."""
    film = videos.make(videos.pan(4))
    (tmp_path / "film.mp4").write_bytes(film)
    done = helpers.tintmill("colorize", f"--model={made[name]}", f"--output={tmp_path / 'out'}", tmp_path / "film.mp4")
    assert done.returncode == 0, done.stderr
    assert "INFO" not in done.stderr
    found, source = videos.content((tmp_path / "out" / "film.mp4").read_bytes()), videos.content(film)
    assert found.times == source.times
    assert found.sound == source.sound
    assert max(np.ptp(frame.astype(int), axis=-1).max() for frame in found.frames) > 20
    (line,) = (json.loads(text) for text in (tmp_path / "out" / "colorize.jsonl").read_text().splitlines())
    assert (line["code"], line["model_sha256"]) == ("coloured", reader.sha256_of(str(made[name])))
