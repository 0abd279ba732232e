"""What colorize takes: files, folders, patterns and archives; what it says where there is nothing."""

import pytest

from tests.support.colour_command import DRAWING, PICTURE, SCAN, log_of, outputs, tarred, zipped
from tests.support.source_files import write_files
from tintmill.model import colorize


@pytest.mark.parametrize("kind", ["folder", "zip", "tar", "tar.gz", "tar.xz"])
def test_folders_and_archives_keep_their_structure(colour, tmp_path, kind):
    pictures = {"a.jpg": PICTURE, "deep/er/b.tif": SCAN, "deep/c.png": DRAWING}
    given = tmp_path / f"photos.{kind}"
    if kind == "folder":
        write_files(given, pictures)
    else:
        given.write_bytes(zipped(pictures) if kind == "zip" else tarred(pictures, kind[4:]))
    assert colour(tmp_path / "out", given)[0] == 0
    assert outputs(tmp_path / "out") == set(pictures)
    assert [line["input"] for line in log_of(tmp_path / "out")] == [
        str(given / name) for name in (sorted(pictures) if kind == "folder" else pictures)
    ]


def test_a_pattern_takes_what_it_matches_and_opens_archives(colour, tmp_path):
    photos = write_files(tmp_path / "photos", {"a.jpg": PICTURE, "b.png": DRAWING, "deep/c.jpg": PICTURE})
    (photos / "more.zip").write_bytes(zipped({"in/d.jpg": PICTURE}))
    assert colour(tmp_path / "out", photos / "**/*.jpg", photos / "*.zip")[0] == 0
    assert outputs(tmp_path / "out") == {"a.jpg", "deep/c.jpg", "more.zip/in/d.jpg"}


def test_what_is_given_twice_is_coloured_once(colour, tmp_path):
    photos = write_files(tmp_path / "photos", {"a.jpg": PICTURE, "b.jpg": PICTURE})
    assert colour(tmp_path / "out", photos, photos / "a.jpg", photos / "*.jpg")[0] == 0
    assert outputs(tmp_path / "out") == {"a.jpg", "b.jpg"}


def test_a_linked_folder_is_named_unless_its_pictures_are_coloured_anyway(colour, tmp_path):
    photos = write_files(tmp_path / "photos", {"a.jpg": PICTURE, "deep/b.jpg": PICTURE})
    other = write_files(tmp_path / "other", {"c.jpg": PICTURE})
    (photos / "deep" / "loop").symlink_to(photos)
    (photos / "again").symlink_to(photos / "deep")
    (tmp_path / "out").mkdir()
    (photos / "coloured").symlink_to(tmp_path / "out")
    assert colour(tmp_path / "out", photos)[0] == 0
    (photos / "deep" / "elsewhere").symlink_to(other)
    code, said = colour(tmp_path / "out", photos)
    assert code == 1
    assert f"{photos}/deep/elsewhere: linked_folder (a link to a folder, which is not followed" in said
    assert said.count("NOT COLOURED") == 1
    assert colour(tmp_path / "out", photos, other)[0] == 0
    assert outputs(tmp_path / "out") == {"a.jpg", "deep/b.jpg", "c.jpg"}


def test_an_archive_in_a_folder_is_named_with_how_it_is_opened(colour, tmp_path):
    photos = write_files(tmp_path / "photos", {"a.jpg": PICTURE, "album.zip": zipped({"b.jpg": PICTURE})})
    code, said = colour(tmp_path / "out", photos)
    assert code == 1
    assert "album.zip: not_a_picture" in said
    assert "an archive; give it itself" in said


@pytest.mark.parametrize("inputs", [[], ["nowhere.jpg"], ["empty"], ["*.jpg"]])
def test_nothing_to_colour_is_one_line(colour, tmp_path, monkeypatch, inputs):
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    code, said = colour(tmp_path / "out", *inputs)
    assert code == 1
    assert said.count("\n") == 1
    assert "wanted picture" in said or "no such file or folder" in said


def test_members_that_an_archive_should_not_have_are_named_and_written_nowhere(colour, tmp_path):
    (tmp_path / "a.zip").write_bytes(zipped({"../up.jpg": PICTURE, "/abs.jpg": PICTURE, "good.jpg": PICTURE}))
    code, said = colour(tmp_path / "out", tmp_path / "a.zip")
    assert code == 1
    assert said.count("unsafe_member") == 2
    assert outputs(tmp_path / "out") == {"good.jpg"}
    assert not (tmp_path / "up.jpg").exists()


def test_an_output_inside_the_input_is_not_coloured_again(colour, tmp_path):
    photos = write_files(tmp_path / "photos", {"a.jpg": PICTURE, "coloured-not/b.jpg": PICTURE})
    for given in (photos, photos, photos / "**/*.jpg"):
        assert colour(photos / "coloured", given)[0] == 0
        assert outputs(photos / "coloured") == {"a.jpg", "coloured-not/b.jpg"}


def test_both_run_and_model_is_one_line(tmp_path, capsys):
    colorize.FLAGS.unparse_flags()
    assert colorize.run_command([f"--output={tmp_path}", "--model=m.onnx", "--run=r", "x"]) == 1
    assert "wanted one of the two" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ("dataset.json", "wanted a run directory of `tintmill train`"),
        ("model.keras", "come to the end"),
        ("settings.json", "no settings.json in it; wanted a run directory of `tintmill train`"),
    ],
)
def test_a_run_directory_that_is_none_or_not_ready_is_one_line(colour, tmp_path, missing, said):
    (tmp_path / "run" / missing).unlink()
    code, line = colour(tmp_path / "out", write_files(tmp_path / "in", {"a.jpg": PICTURE}))
    assert (code, line.count("\n")) == (1, 1)
    assert said in line
    assert not (tmp_path / "out").exists()
