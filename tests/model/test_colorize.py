"""The colorize command with a network: every file gets an answer, a picture or a reason."""

import collections
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support import helpers
from tintmill.pipeline.imaging import lab, photo


def log_of(output: Path) -> list[dict]:
    return [json.loads(line) for line in (output / "colorize.jsonl").read_text().splitlines()]


def run(trained_run: Path, output: Path, *inputs):
    return helpers.tintmill("colorize", f"--run={trained_run}", f"--output={output}", *inputs)


def upright_size(path: Path) -> tuple[int, int]:
    """(width, height) as a viewer shows it, by the header alone."""
    with Image.open(path) as image:
        sideways = image.getexif().get(0x0112, 1) in (5, 6, 7, 8)
        return image.size[::-1] if sideways else image.size


@pytest.fixture(scope="module")
def coloured(trained_run, tmp_path_factory):
    """A folder with all that may go right or wrong, coloured once: the process, the inputs, the output."""
    folder = tmp_path_factory.mktemp("inputs")
    (folder / "deep" / "er").mkdir(parents=True)
    picture = helpers.photo_pixels(0, 60, 90)
    sideways = Image.Exif()
    sideways[0x0112] = 6
    (folder / "a.jpg").write_bytes(helpers.encode(picture, "JPEG"))
    (folder / "deep" / "er" / "b.JPEG").write_bytes(helpers.encode(picture, "JPEG", exif=sideways))
    (folder / "grey.png").write_bytes(helpers.encode(lab.to_grey(picture)))
    (folder / "grey").write_bytes(helpers.encode(lab.to_grey(picture[:50])))  # would be called grey.png too
    (folder / "c.bmp").write_bytes(helpers.encode(picture, "BMP"))
    (folder / "jpeg named.png").write_bytes(helpers.encode(picture, "JPEG"))
    (folder / "dot.png").write_bytes(helpers.encode(picture[:1, :1]))
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "cut.jpg").write_bytes(helpers.encode(picture, "JPEG")[:900])
    (folder / "text.jpg").write_text("not a picture")
    os.mkfifo(folder / "pipe.jpg")
    (folder / "gone.jpg").symlink_to(folder / "nowhere.jpg")
    output = tmp_path_factory.mktemp("coloured")
    return run(trained_run, output, folder), folder, output


def test_what_cannot_be_coloured_is_named_with_its_reason(coloured):
    done, folder, output = coloured
    helpers.assert_one_line_error(done, "5 of 12 files were not coloured", str(output / "colorize.jsonl"))
    codes = {Path(line["input"]).name: line["code"] for line in log_of(output)}
    wanted = {"empty.jpg": "empty", "cut.jpg": "truncated", "text.jpg": "not_a_picture"}
    wanted |= {"pipe.jpg": "unreadable", "gone.jpg": "unreadable"}
    assert {name: code for name, code in codes.items() if code != "coloured"} == wanted
    for name, code in wanted.items():
        assert f"NOT COLOURED {folder / name}: {code} (" in done.stderr


def test_every_input_is_logged_once_and_every_output_is_logged(coloured):
    _, folder, output = coloured
    log = log_of(output)
    assert sorted(line["input"] for line in log) == sorted(str(p) for p in folder.rglob("*") if not p.is_dir())
    outputs = [line["output"] for line in log if line["output"]]
    assert sorted(outputs) == sorted(str(p) for p in output.rglob("*") if p.is_file() and p.name != "colorize.jsonl")
    assert len(set(outputs)) == len(outputs)


def test_outputs_keep_folders_names_formats_and_sizes(coloured):
    _, folder, output = coloured
    found = {line["input"]: line["output"] for line in log_of(output) if line["output"]}
    formats = {}
    for source, target in found.items():
        relative = str(Path(source).relative_to(folder)), str(Path(target).relative_to(output))
        with Image.open(target) as image:
            formats[relative] = image.format
            assert image.size == upright_size(Path(source))
            assert image.mode == "RGB"
    assert formats == {
        ("a.jpg", "a.jpg"): "JPEG",
        ("deep/er/b.JPEG", "deep/er/b.JPEG"): "JPEG",
        ("grey", "grey.png"): "PNG",
        ("grey.png", "grey-2.png"): "PNG",
        ("c.bmp", "c.bmp.png"): "PNG",
        ("jpeg named.png", "jpeg named.png.jpg"): "JPEG",
        ("dot.png", "dot.png"): "PNG",
    }


def test_a_coloured_file_has_the_lightness_of_its_source(coloured):
    _, folder, output = coloured
    for name, target, tolerance in (("grey.png", "grey-2.png", 0.5), ("a.jpg", "a.jpg", 4.0)):  # JPEG itself rounds
        before = np.asarray(photo.decode((folder / name).read_bytes(), photo.Limits()))
        after = np.asarray(Image.open(output / target))
        difference = lab.rgb_to_lab(after)[..., 0] - lab.rgb_to_lab(before)[..., 0]
        assert np.abs(difference).max() < tolerance


def test_pictures_of_one_name_from_two_folders_are_told_apart(trained_run, tmp_path):
    for number, folder in enumerate(("first", "second")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "1.jpg").write_bytes(helpers.encode(helpers.photo_pixels(number), "JPEG"))
    inputs = [tmp_path / "first" / "1.jpg", tmp_path / "second" / "1.jpg"]
    done = run(trained_run, tmp_path / "out", *inputs)
    assert done.returncode == 0, done.stderr
    outputs = [line["output"] for line in log_of(tmp_path / "out")]
    assert [Path(path).name for path in outputs] == ["1.jpg", "1-2.jpg"]
    lightness = [lab.to_grey(np.asarray(Image.open(path).convert("RGB"))).astype(int) for path in (*inputs, *outputs)]
    assert np.abs(lightness[0] - lightness[2]).mean() < 3
    assert np.abs(lightness[1] - lightness[3]).mean() < 3


def test_an_output_that_would_replace_an_input_is_refused(trained_run, tmp_path):
    """`--output` is the folder of the photographs: nothing in it is touched."""
    data = helpers.encode(helpers.photo_pixels(0), "JPEG")
    (tmp_path / "mine.jpg").write_bytes(data)
    for argument in (tmp_path, tmp_path / "mine.jpg"):
        done = run(trained_run, tmp_path, argument)
        helpers.assert_one_line_error(done, "would write over the input", str(tmp_path / "mine.jpg"))
        assert [path.name for path in tmp_path.iterdir()] == ["mine.jpg"]
        assert (tmp_path / "mine.jpg").read_bytes() == data


def test_an_output_that_cannot_be_written_is_one_line(trained_run, tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "photo.jpg").write_bytes(helpers.encode(helpers.photo_pixels(0), "JPEG"))
    done = run(trained_run, tmp_path / "file" / "out", tmp_path / "photo.jpg")
    helpers.assert_one_line_error(done, f"--output={tmp_path / 'file' / 'out'}: cannot be written")


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    (tmp_path / "a.png").write_bytes(helpers.encode(helpers.photo_pixels(0)))
    done = run(tmp_path / "norun", tmp_path / "out", tmp_path / "a.png")
    helpers.assert_one_line_error(done, f"{tmp_path / 'norun'}: no dataset.json", "tintmill train")


def test_a_damaged_network_is_refused(trained_run, tmp_path):
    shutil.copytree(trained_run, tmp_path / "run", ignore=shutil.ignore_patterns("checkpoints"))
    model = tmp_path / "run" / "model.keras"
    model.write_bytes(model.read_bytes()[:-1000])
    (tmp_path / "a.png").write_bytes(helpers.encode(helpers.photo_pixels(0)))
    done = run(tmp_path / "run", tmp_path / "out", tmp_path / "a.png")
    helpers.assert_one_line_error(done, str(model), "cannot be loaded", "train again")


@pytest.mark.slow
@pytest.mark.real_data
def test_every_odd_file_gets_a_picture_or_a_reason(trained_run, real_data, tmp_path):
    """Several hundred malformed and unusual files in one run: no crash, no hang, none passed over."""
    folder = real_data / "odd_images"
    expected = {entry["file"]: entry for entry in json.loads((folder / "MANIFEST.json").read_text())}
    done = run(trained_run, tmp_path / "out", folder)
    helpers.assert_one_line_error(done, "files were not coloured")
    log = log_of(tmp_path / "out")
    times = collections.Counter(line["input"] for line in log)
    assert times == {str(folder / name): 1 for name in (*expected, "MANIFEST.json")}
    written = {str(path) for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert {line["output"] for line in log if line["output"]} == written - {str(tmp_path / "out" / "colorize.jsonl")}
    for line in log:
        assert line["code"] == "coloured" or line["code"] in photo.REASONS
        assert (line["code"] == "coloured") == (line["output"] is not None)
        if line["output"]:
            entry = expected[str(Path(line["input"]).relative_to(folder))]
            size = entry["size"][::-1] if entry["exif_orientation"] in (5, 6, 7, 8) else entry["size"]
            with Image.open(line["output"]) as image:
                assert list(image.size) == size, line
    assert sum(line["code"] == "coloured" for line in log) > 200
