"""`tintmill colorize PHOTO.jpg`: the default model, the file beside the photograph, and that nothing is replaced."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support import helpers, known_models
from tests.support.colour_command import zipped
from tintmill.model.files import xmp

PICTURE = helpers.encode(helpers.photo_pixels(0, 60, 90), "JPEG")


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "photo.jpg").write_bytes(PICTURE)
    return tmp_path


def colorize(folder: Path, env: dict[str, str], *arguments):
    return helpers.tintmill("colorize", *arguments, env=env, cwd=folder)


def state(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_photograph_is_coloured_beside_itself_and_the_place_is_said(folder, env):
    done = colorize(folder, env, "photo.jpg")
    assert (done.returncode, done.stdout) == (0, "photo_coloured.jpg\n"), done.stderr
    assert sorted(state(folder)) == ["photo.jpg", "photo_coloured.jpg"]
    with Image.open(folder / "photo_coloured.jpg") as image:
        assert image.size == (90, 60)
        assert np.asarray(image.convert("HSV"))[..., 1].mean() > 10
    assert (folder / "photo.jpg").read_bytes() == PICTURE


def test_the_coloured_file_names_model_version_and_sha256(folder, env):
    colorize(folder, env, "photo.jpg")
    model = Path(env["XDG_DATA_HOME"], "tintmill", "models", "default.onnx")
    data = (folder / "photo_coloured.jpg").read_bytes()
    assert xmp.STATEMENT.encode() in data
    sha256 = hashlib.sha256(model.read_bytes()).hexdigest()
    for said in ("model>default<", "model_version>7<", f"model_sha256>{sha256}<"):
        assert said.encode() in data


def test_the_same_command_again_leaves_one_copy(folder, env):
    colorize(folder, env, "photo.jpg")
    before = state(folder)
    done = colorize(folder, env, "photo.jpg")
    assert (done.returncode, done.stdout) == (0, "photo_coloured.jpg\n"), done.stderr
    assert state(folder) == before


def test_somebody_elses_file_stays_and_the_next_name_is_taken(folder, env):
    (folder / "photo_coloured.jpg").write_bytes(b"somebody's")
    done = colorize(folder, env, "photo.jpg")
    assert done.stdout == "photo_coloured-2.jpg\n"
    assert (folder / "photo_coloured.jpg").read_bytes() == b"somebody's"


def test_what_was_coloured_before_is_not_coloured_again(folder, env):
    """The second `tintmill colorize *.jpg`."""
    colorize(folder, env, "photo.jpg")
    before = state(folder)
    done = colorize(folder, env, "photo.jpg", "photo_coloured.jpg")
    assert done.returncode == 0, done.stderr
    assert "skipped" in done.stderr
    assert state(folder) == before


def test_a_format_that_cannot_be_written_becomes_png(folder, env):
    (folder / "scan.bmp").write_bytes(helpers.encode(helpers.photo_pixels(1), "BMP"))
    assert colorize(folder, env, "scan.bmp").stdout == "scan_coloured.png\n"


def test_a_bad_file_among_good_ones_is_named_and_leaves_nothing(folder, env):
    (folder / "text.jpg").write_text("not a picture")
    done = colorize(folder, env, "text.jpg", "photo.jpg")
    helpers.assert_one_line_error(done, "1 of 2 files were not coloured")
    assert sorted(state(folder)) == ["photo.jpg", "photo_coloured.jpg", "text.jpg"]


@pytest.mark.parametrize(
    ("argument", "what"), [(".", "a folder"), ("*.png", "a pattern"), ("gs://bucket/a.jpg", "in a bucket")]
)
def test_what_is_no_single_file_wants_an_output(folder, env, argument, what):
    done = colorize(folder, env, argument)
    helpers.assert_one_line_error(done, f"{argument}: {what}; give --output=FOLDER")


def test_an_archive_wants_an_output(folder, env):
    (folder / "album.zip").write_bytes(zipped({"a.jpg": PICTURE}))
    helpers.assert_one_line_error(colorize(folder, env, "album.zip"), "album.zip: an archive; give --output=FOLDER")


def test_a_model_is_chosen_by_its_name(folder, env, tmp_path_factory):
    data = Path(env["XDG_DATA_HOME"])
    known_models.install(data, "strong", strength=0.9)
    assert colorize(folder, env, "--model=strong", "photo.jpg").returncode == 0
    assert b"model>strong<" in (folder / "photo_coloured.jpg").read_bytes()


def test_a_damaged_model_is_one_line(folder, tmp_path_factory):
    data = tmp_path_factory.mktemp("damaged")
    env = known_models.install(data)
    model = data / "tintmill" / "models" / "default.onnx"
    model.write_bytes(model.read_bytes()[:-1])
    helpers.assert_one_line_error(colorize(folder, env, "photo.jpg"), str(model), "is damaged", "install it again")
    model.unlink()
    helpers.assert_one_line_error(colorize(folder, env, "photo.jpg"), str(model), "cannot be read", "install it again")
    assert sorted(state(folder)) == ["photo.jpg"]


def test_the_default_model_colours_without_tensorflow(folder, env):
    """Importing TensorFlow or Keras would take longer than all the rest."""
    program = (
        "import sys; from tintmill.launch import cli; code = cli.main(['colorize', 'photo.jpg']);"
        "print(*({'tensorflow', 'keras', 'apache_beam', 'skimage', 'matplotlib'} & set(sys.modules))); sys.exit(code)"
    )
    assert helpers.run_python(program, env=env, cwd=folder) == "photo_coloured.jpg\n\n"


def test_a_killed_command_leaves_no_half_file_of_the_final_name(folder, env):
    """What is published is whole: the file is written under another name first."""
    code = "import os; os.link = lambda *_: os._exit(9)"
    program = f"{code}; from tintmill.launch import cli; cli.main(['colorize', 'photo.jpg'])"
    done = subprocess.run([sys.executable, "-c", program], cwd=folder, env=os.environ | env, check=False)
    assert done.returncode == 9
    assert sorted(path.name for path in folder.iterdir() if not path.name.startswith(".")) == ["photo.jpg"]


def test_where_there_are_no_hard_links_nothing_is_replaced_either(folder, env):
    (folder / "photo_coloured.jpg").write_bytes(b"somebody's")
    code = "import os; os.link = lambda *_: (_ for _ in ()).throw(PermissionError(1, 'no links'))"
    program = f"{code}; from tintmill.launch import cli; cli.main(['colorize', 'photo.jpg'])"
    assert helpers.run_python(program, env=env, cwd=folder) == "photo_coloured-2.jpg\n"
    assert (folder / "photo_coloured.jpg").read_bytes() == b"somebody's"
