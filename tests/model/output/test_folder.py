"""What colorize does with files: which it takes, what they are called, what a rerun leaves alone, what is never lost.

Without a network (`fake_colouring`); with one in test_colorize.
"""

import contextlib
import errno
import io
import json
import os
import pty
import re
import signal
import subprocess
import sys
import tarfile
import termios
import zipfile
from pathlib import Path

import pytest

from tests.support import fake_colouring, gcs, helpers
from tests.support.source_files import write_files
from tintmill.model import colorize
from tintmill.model.colorizers import load
from tintmill.model.files import colour_file
from tintmill.model.output import log as colour_log
from tintmill.model.output import read_ahead
from tintmill.pipeline.common import files
from tintmill.pipeline.listing import reading

PICTURE = helpers.encode(helpers.photo_pixels(0), "JPEG")
SCAN = helpers.encode(helpers.photo_pixels(1), "TIFF")
DRAWING = helpers.encode(helpers.photo_pixels(2))


@pytest.fixture
def colour(tmp_path, monkeypatch, capsys):
    """Runs the command on what is given; returns its exit code and what it said."""
    fake_colouring.install(monkeypatch.setattr)
    trained = fake_colouring.make_run(tmp_path / "run")

    def run(output, *arguments) -> tuple[int, str]:
        colorize.FLAGS.unparse_flags()
        code = colorize.run_command([f"--run={trained}", f"--output={output}", *map(str, arguments)])
        return code, capsys.readouterr().err

    return run


def zipped(pictures: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in pictures.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def tarred(pictures: dict[str, bytes], compression: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=f"w:{compression}") as archive:
        for name, data in pictures.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def outputs(folder: Path) -> set[str]:
    names = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    return names - {colour_log.NAME}


def log_of(output: Path) -> list[dict]:
    return [json.loads(line) for line in (output / colour_log.NAME).read_text().splitlines()]


def state(folder: Path) -> dict[str, tuple[int, bytes]]:
    """When each file was written, and what is in it."""
    return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.rglob("*") if path.is_file()}


# What is taken


@pytest.mark.parametrize("packed", [False, True])
def test_a_large_picture_is_read_in_its_turn_and_held_by_nobody_but_who_colours_it(
    colour, tmp_path, monkeypatch, packed
):
    pictures = {"a.jpg": PICTURE, "b.jpg": PICTURE, "bad.jpg": b"text"}
    photos = write_files(tmp_path / "in", {"all.zip": zipped(pictures)} if packed else pictures)
    events, read = [], reading.read

    def read_one(reference, largest):
        events.append(f"read {reference.id}")
        return read(reference, largest)

    def colouring(data, *rest):
        events.append(sys.getrefcount(data))  # the caller's argument, ours, and that of the question
        return fake_colouring.colour_bytes(data, *rest)

    monkeypatch.setattr(read_ahead, "LARGE", -1)
    monkeypatch.setattr(reading, "read", read_one)
    monkeypatch.setattr(colour_file, "colour_bytes", colouring)
    code, said = colour(tmp_path / "out", photos / "all.zip" if packed else photos)
    assert code == 1
    assert "bad.jpg: not_a_picture" in said
    alone = sys.getrefcount(bytes(3))
    assert events == ["read a.jpg", alone + 1, "read b.jpg", alone + 1, "read bad.jpg", alone + 1]


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


@pytest.mark.parametrize("flags", [[], ["--model=m.onnx"]])
def test_neither_or_both_of_run_and_model_is_one_line(tmp_path, capsys, flags):
    colorize.FLAGS.unparse_flags()
    assert colorize.run_command([f"--output={tmp_path}", *flags, *(["--run=r"] if flags else []), "x"]) == 1
    assert "wanted one of the two" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ("dataset.json", "wanted a run directory of `tintmill train`"),
        ("model.keras", "come to the end"),
        ("settings.json", "wanted the settings of `tintmill train`"),
    ],
)
def test_a_run_directory_that_is_none_or_not_ready_is_one_line(colour, tmp_path, missing, said):
    (tmp_path / "run" / missing).unlink()
    code, line = colour(tmp_path / "out", write_files(tmp_path / "in", {"a.jpg": PICTURE}))
    assert (code, line.count("\n")) == (1, 1)
    assert said in line
    assert not (tmp_path / "out").exists()


# Names


def test_inputs_of_one_name_get_two_and_keep_them(colour, tmp_path):
    photos = write_files(tmp_path, {"first/1.jpg": PICTURE, "second/1.jpg": PICTURE, "third/1": PICTURE})
    inputs = [photos / "first/1.jpg", photos / "second/1.jpg", photos / "third/1"]
    assert colour(tmp_path / "out", *inputs)[0] == 0
    first = {line["input"]: line["output"] for line in log_of(tmp_path / "out")}
    assert set(first.values()) == {str(tmp_path / "out" / name) for name in ("1.jpg", "1-2.jpg", "1-3.jpg")}
    assert colour(tmp_path / "out", "--chroma=0.5", *reversed(inputs))[0] == 0
    assert {line["input"]: line["output"] for line in log_of(tmp_path / "out")[3:]} == first
    assert len(outputs(tmp_path / "out")) == 3


def test_an_input_of_a_later_run_does_not_take_the_name_of_an_earlier_one(colour, tmp_path):
    write_files(tmp_path, {"first/1.jpg": PICTURE, "second/1.jpg": helpers.encode(helpers.photo_pixels(5), "JPEG")})
    assert colour(tmp_path / "out", tmp_path / "first")[0] == 0
    before = (tmp_path / "out/1.jpg").read_bytes()
    assert colour(tmp_path / "out", tmp_path / "second", "--overwrite")[0] == 0
    assert outputs(tmp_path / "out") == {"1.jpg", "1-2.jpg"}
    assert (tmp_path / "out/1.jpg").read_bytes() == before


def test_the_extension_is_that_of_the_content(colour, tmp_path):
    given = {"a.JPEG": PICTURE, "b.png": PICTURE, "c": DRAWING, "d.TIFF": SCAN, "e.bmp": DRAWING, "f.jfif": PICTURE}
    assert colour(tmp_path / "out", write_files(tmp_path / "in", given))[0] == 0
    assert outputs(tmp_path / "out") == {"a.JPEG", "b.png.jpg", "c.png", "d.TIFF", "e.bmp.png", "f.jfif"}


def test_names_that_are_no_text_long_or_of_several_lines_are_kept_and_shown_on_one(colour, tmp_path):
    (tmp_path / "in").mkdir()
    names = [b"two\nlines.jpg", b"caf\xe9.jpg", b"\x1b[31mred.jpg", b"x" * 251 + b".jpg", b"y" * 251 + b".bmp"]
    for name in names:
        Path(os.fsdecode(bytes(tmp_path / "in") + b"/" + name)).write_bytes(PICTURE)
    Path(os.fsdecode(bytes(tmp_path / "in") + b"/bad\n\xff.jpg")).write_bytes(b"no picture")
    code, said = colour(tmp_path / "out", tmp_path / "in", "--uncertainty")
    assert code == 1
    assert len(said.splitlines()) == 2
    assert r"bad\n\udcff.jpg: not_a_picture" in said
    written = {os.fsencode(name) for name in outputs(tmp_path / "out")}
    assert set(names[:4]) <= written
    assert len(written) == 2 * len(names)
    assert max(map(len, written)) <= 255
    assert colour(tmp_path / "out", tmp_path / "in", "--uncertainty")[0] == 1
    assert len(log_of(tmp_path / "out")) == 7  # the one that failed is tried again, all others are done


def test_a_nul_in_a_name_is_written_out(colour, tmp_path):
    info = tarfile.TarInfo("plain.jpg")
    info.size, info.pax_headers = len(PICTURE), {"path": "a\0b.jpg"}
    with tarfile.open(tmp_path / "a.tar", "w", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(info, io.BytesIO(PICTURE))
    assert colour(tmp_path / "out", tmp_path / "a.tar")[0] == 0
    assert outputs(tmp_path / "out") == {r"a\0b.jpg"}


def test_a_name_that_no_file_can_have_fails_alone(colour, tmp_path):
    deep = "/".join(["d" * 200] * 30) + "/a.jpg"
    (tmp_path / "a.zip").write_bytes(zipped({deep: PICTURE, "b.jpg": PICTURE, "b.jpg/c.jpg": PICTURE}))
    code, said = colour(tmp_path / "out", tmp_path / "a.zip")
    assert code == 1
    assert said.count("bad_name") == 2
    assert outputs(tmp_path / "out") == {"b.jpg"}


# What is never lost


def test_an_output_that_would_replace_an_input_is_refused(colour, tmp_path):
    """`--output` is the folder of the photographs: nothing in it is touched."""
    photos = write_files(tmp_path / "photos", {"mine.jpg": PICTURE})
    for given in (photos, photos / "mine.jpg"):
        code, said = colour(photos, given, "--overwrite")
        assert code == 1
        assert f"would write over the input {photos / 'mine.jpg'}" in said
        assert state(photos).keys() == {str(photos / "mine.jpg")}


def test_an_output_that_would_replace_an_input_in_a_bucket_is_refused(colour, bucket):
    bucket.put("in/mine.jpg", PICTURE)
    for given in (bucket / "in", bucket / "in/mine.jpg", bucket / "in/*"):
        code, said = colour(bucket / "in", given, "--overwrite")
        assert code == 1
        assert f"would write over the input {bucket / 'in/mine.jpg'}" in said
    assert bucket.names() == ["in/mine.jpg"]


def test_a_chosen_name_is_never_that_of_an_input(colour, tmp_path):
    """x would be called x.jpg, and this is an input that lies in the output."""
    out = write_files(tmp_path / "out", {"x.jpg": PICTURE})
    (out / "sub").mkdir()
    other = write_files(tmp_path / "in", {"x": PICTURE})
    (tmp_path / "in" / "link").symlink_to(out / "x.jpg")
    before = state(out)
    assert colour(out, other, "--overwrite")[0] == 0
    assert state(out)[str(out / "x.jpg")] == before[str(out / "x.jpg")]
    assert outputs(out) == {"x.jpg", "x-2.jpg", "link.jpg"}


def test_a_file_that_no_run_has_made_is_replaced_only_when_asked(colour, tmp_path):
    out = write_files(tmp_path / "out", {"a.jpg": b"somebody's", "b.jpg/c": b"a folder"})
    photos = write_files(tmp_path / "in", {"a.jpg": PICTURE, "b.jpg": PICTURE})
    assert colour(out, photos)[0] == 0
    assert outputs(out) == {"a.jpg", "a-2.jpg", "b.jpg/c", "b-2.jpg"}
    assert (out / "a.jpg").read_bytes() == b"somebody's"
    (out / colour_log.NAME).unlink()
    assert colour(out, photos, "--overwrite")[0] == 0
    assert (out / "a.jpg").read_bytes() != b"somebody's"
    assert outputs(out) == {"a.jpg", "a-2.jpg", "b.jpg/c", "b-2.jpg"}


# What a rerun does


@pytest.fixture
def done(colour, tmp_path):
    """Two pictures and an archive, coloured: what was given, and the output."""
    photos = write_files(tmp_path / "photos", {"a.tif": SCAN, "b.tif": SCAN})
    (tmp_path / "more.tar.gz").write_bytes(tarred({"c.tif": SCAN, "d.tif": SCAN}, "gz"))
    given = (photos, tmp_path / "more.tar.gz")
    assert colour(tmp_path / "out", *given)[0] == 0
    return given, tmp_path / "out"


def test_a_rerun_does_nothing_where_all_is_done(colour, done, monkeypatch, tmp_path):
    given, out = done
    before = state(out)
    monkeypatch.setattr(load, "load", None)
    assert colour(out, *given)[0] == 0
    monkeypatch.chdir(tmp_path)
    assert colour("out", "photos", "more.tar.gz")[0] == 0
    assert state(out) == before


def coloured_since(out: Path, lines: int) -> set[str]:
    return {Path(line["input"]).name for line in log_of(out)[lines:]}


def test_what_is_missing_cut_or_changed_is_done_anew_and_nothing_else(colour, done):
    given, out = done
    (out / "a.tif").unlink()
    (out / "c.tif").write_bytes(b"cut")
    assert colour(out, *given)[0] == 0
    assert coloured_since(out, 4) == {"a.tif", "c.tif"}
    (given[0] / "b.tif").write_bytes(SCAN)
    assert colour(out, *given)[0] == 0
    assert coloured_since(out, 6) == {"b.tif"}
    assert outputs(out) == {"a.tif", "b.tif", "c.tif", "d.tif"}


def test_other_settings_or_another_model_colour_all_anew(colour, done, tmp_path):
    """The files have the same sizes before and after: only the log can tell."""
    given, out = done
    before = state(out)
    assert colour(out, *given, "--chroma=0.5")[0] == 0
    assert coloured_since(out, 4) == {"a.tif", "b.tif", "c.tif", "d.tif"}
    assert (out / "a.tif").read_bytes() != before[str(out / "a.tif")][1]
    fake_colouring.make_run(tmp_path / "run", b"others")
    assert colour(out, *given, "--chroma=0.5")[0] == 0
    assert len(log_of(out)) == 12
    assert len({line["model_sha256"] for line in log_of(out)}) == 2
    assert colour(out, *given, "--chroma=0.5", "--overwrite")[0] == 0
    assert len(log_of(out)) == 16


def test_a_cut_last_line_of_the_log_is_passed_over_and_its_picture_known_again(colour, done):
    given, out = done
    log = out / colour_log.NAME
    whole = log.read_bytes()
    log.write_bytes(whole[:-40])
    before = state(out)
    assert colour(out, *given)[0] == 0
    assert {name: what for name, what in state(out).items() if name != str(log)} == {
        name: what for name, what in before.items() if name != str(log)
    }
    *lines, cut, last = log.read_bytes().splitlines()
    assert lines == whole.splitlines()[:3]
    assert cut == whole.splitlines()[3][:-39]
    assert Path(json.loads(last)["input"]).name == "d.tif"
    assert colour(out, *given)[0] == 0
    assert log.read_bytes().splitlines()[-1] == last


def test_uncertainty_is_written_beside_and_part_of_what_is_done(colour, tmp_path):
    photos = write_files(tmp_path / "photos", {"a.jpg": PICTURE, "b.png": DRAWING})
    assert colour(tmp_path / "out", photos, "--uncertainty")[0] == 0
    names = {"a.jpg", "a.jpg.uncertainty.png", "b.png", "b.png.uncertainty.png"}
    assert outputs(tmp_path / "out") == names
    (tmp_path / "out/a.jpg.uncertainty.png").unlink()
    assert colour(tmp_path / "out", photos, "--uncertainty")[0] == 0
    assert coloured_since(tmp_path / "out", 2) == {"a.jpg"}
    assert outputs(tmp_path / "out") == names


def test_what_an_earlier_run_made_under_other_names_is_not_left_beside_other_colours(colour, tmp_path):
    photos = write_files(tmp_path / "in", {"a.jpg": PICTURE, "b.jpg": PICTURE, "c.jpg": PICTURE})
    assert colour(tmp_path / "out", photos, "--uncertainty")[0] == 0
    changed = tmp_path / "out/b.jpg.uncertainty.png"
    changed.write_bytes(b"somebody's own notes on it")
    (tmp_path / "in/c.jpg").write_bytes(DRAWING)  # a PNG, whatever it is called
    assert colour(tmp_path / "out", photos, "--chroma=0.5")[0] == 0
    assert outputs(tmp_path / "out") == {"a.jpg", "b.jpg", "b.jpg.uncertainty.png", "c.jpg.png"}
    assert changed.read_bytes() == b"somebody's own notes on it"


def test_what_an_earlier_run_made_is_not_removed_where_it_is_an_input_now(colour, tmp_path):
    photos = write_files(tmp_path / "in", {"deep/a.jpg": PICTURE})
    assert colour(tmp_path / "out", photos, "--uncertainty")[0] == 0
    given = tmp_path / "out/deep/a.jpg.uncertainty.png"
    given.write_bytes(DRAWING[: given.stat().st_size])  # of the size that was logged
    colour(tmp_path / "out", photos, given, "--chroma=0.5")
    assert log_of(tmp_path / "out")[1]["name"] == "deep/a.jpg"
    assert given.exists()


def test_each_line_of_the_log_says_what_was_done_with_what(colour, tmp_path):
    photos = write_files(tmp_path / "photos", {"a.jpg": PICTURE, "bad.jpg": b""})
    assert colour(tmp_path / "out", photos)[0] == 1
    good, bad = log_of(tmp_path / "out")
    info = (photos / "a.jpg").stat()
    assert (good["size"], good["version"]) == (info.st_size, info.st_mtime)
    assert good["written"] == [{"name": "a.jpg", "size": (tmp_path / "out/a.jpg").stat().st_size}]
    assert (good["code"], good["model"], len(good["model_sha256"])) == ("coloured", "toy", 64)
    assert good["settings"]["quality"] == 95
    assert good["facts"] == {"model": "toy"}
    assert good["seconds"] >= 0
    assert (bad["code"], bad["output"], bad["reason"]) == ("empty", None, "the file has no bytes")


def test_a_terminal_is_shown_how_many_are_done_and_how_long_the_rest_takes(colour, tmp_path):
    photos = write_files(tmp_path / "photos", {f"{i}.jpg": PICTURE for i in range(4)})
    assert colour(tmp_path / "out", photos / "0.jpg")[0] == 0
    terminal, end = pty.openpty()
    termios.tcsetwinsize(end, (24, 100))
    process = start(tmp_path, f"--output={tmp_path / 'out'}", photos, stderr=end)
    os.close(end)
    said = b""
    with contextlib.suppress(OSError):  # how a terminal ends
        while part := os.read(terminal, 4096):
            said += part
    process.communicate(timeout=helpers.TIMEOUT)
    os.close(terminal)
    shown = [line for line in said.decode().split("\r") if "files" in line]
    assert "1/4" in shown[0]  # what an earlier run has done counts as done
    assert "4/4" in shown[-1]
    assert any(re.search(r"00:0\d<00:0\d", line) for line in shown)


# Runs that are disturbed


def start(tmp_path: Path, *arguments, stderr=subprocess.PIPE) -> subprocess.Popen:
    """The command in a process of its own, at most five pictures a second."""
    run = fake_colouring.make_run(tmp_path / "run")
    env = {"TINTMILL_TEST_SECONDS": "0.2", "PYTHONPATH": str(helpers.ROOT)}
    return helpers.start(fake_colouring.command_line(run, *arguments), env, stderr)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_stopped_run_leaves_whole_files_and_the_same_command_goes_on(colour, tmp_path, number):
    photos = write_files(tmp_path / "photos", {f"{i:02d}.jpg": PICTURE for i in range(20)})
    out = tmp_path / "out"
    process = start(tmp_path, f"--output={out}", photos)
    helpers.wait_until(lambda: len(list(out.glob("*.jpg"))) >= 3, process)
    os.killpg(process.pid, number)
    said = process.communicate(timeout=helpers.TIMEOUT)[1]
    if number != signal.SIGKILL:
        assert said.strip().splitlines()[-1].endswith("run the same command again to go on")
        assert "Traceback" not in said
    left = state(out)
    assert 3 <= len(list(out.glob("*.jpg"))) < 20
    assert number == signal.SIGKILL or not list(out.glob(".tmp-*"))
    assert colour(out, photos)[0] == 0
    assert outputs(out) == {f"{i:02d}.jpg" for i in range(20)}
    after = state(out)
    assert all(after[path] == what for path, what in left.items() if path.endswith(".jpg"))


def test_a_second_run_in_the_same_folder_is_refused_while_the_first_goes_on(colour, tmp_path):
    photos = write_files(tmp_path / "photos", {f"{i}.jpg": PICTURE for i in range(8)})
    out = tmp_path / "out"
    first = start(tmp_path, f"--output={out}", photos)
    helpers.wait_until(lambda: (out / "0.jpg").exists(), first)
    code, said = colour(out, photos)
    assert code == 1
    assert "another `tintmill colorize` writes there" in said
    first.communicate(timeout=helpers.TIMEOUT)
    assert first.returncode == 0
    assert colour(out, photos)[0] == 0
    assert len(log_of(out)) == 8


@pytest.mark.parametrize("where", ["picture", "log"])
def test_a_full_disk_is_one_line_and_what_was_before_it_is_done(colour, tmp_path, monkeypatch, where):
    photos = write_files(tmp_path / "photos", {f"{i}.jpg": PICTURE for i in range(4)})
    out, full = tmp_path / "out", OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    module, name = (files, "write") if where == "picture" else (colour_log, "_write_all")
    write_one, times = getattr(module, name), []

    def fill(*arguments):
        times.append(1)
        if len(times) == 3:
            raise full
        write_one(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(module, name, fill)
        code, said = colour(out, photos)
    assert code == 1
    assert said.count("\n") == 1
    assert "No space left on device" in said
    assert f"{out / ('2.jpg' if where == 'picture' else colour_log.NAME)}: cannot be written" in said
    assert len(log_of(out)) == 2
    assert colour(out, photos)[0] == 0
    assert len(log_of(out)) == 4
    assert outputs(out) == {f"{i}.jpg" for i in range(4)}


def test_what_a_killed_writer_left_is_removed_by_the_next_run(colour, done):
    given, out = done
    (out / ".tmp-0123").write_bytes(b"half")
    (out / "a.tif").unlink()
    assert colour(out, *given)[0] == 0
    assert outputs(out) == {"a.tif", "b.tif", "c.tif", "d.tif"}


def test_members_of_a_compressed_tar_are_held_one_at_a_time(colour, tmp_path, monkeypatch):
    """A large archive must not be read into memory: when a picture is coloured, at most the next one has been read."""
    (tmp_path / "a.tar.gz").write_bytes(tarred({f"{i}.jpg": PICTURE for i in range(6)}, "gz"))
    read, ahead = [], []
    read_stream = reading.read_stream

    def counted(*arguments):
        for member in read_stream(*arguments):
            read.append(member[0].id)
            yield member

    def watched(*arguments):
        ahead.append(len(read) - len(ahead))
        return fake_colouring.colour_bytes(*arguments)

    monkeypatch.setattr(reading, "read_stream", counted)
    monkeypatch.setattr(colour_file, "colour_bytes", watched)
    assert colour(tmp_path / "out", tmp_path / "a.tar.gz")[0] == 0
    assert len(ahead) == 6
    assert max(ahead) <= 2


# Buckets


def objects(bucket: gcs.Bucket, below: str = "out/") -> set[str]:
    return {name.removeprefix(below) for name in bucket.names() if name.startswith(below)} - {colour_log.NAME}


def remote_log(bucket: gcs.Bucket) -> list[dict]:
    return [json.loads(line) for line in bucket.get(f"out/{colour_log.NAME}").splitlines()]


def test_files_folders_patterns_and_archives_of_a_bucket_are_coloured_into_one(colour, bucket):
    bucket.put("in/a.jpg", PICTURE)
    bucket.put("in/deep/b.tif", SCAN)
    bucket.put("more.zip", zipped({"c.jpg": PICTURE}))
    bucket.put("odd/two\tparts.png", DRAWING)
    given = [bucket / "in", bucket / "in/a.jpg", bucket / "more.zip", bucket / "odd/*.png"]
    assert colour(bucket / "out", *given)[0] == 0
    names = {"a.jpg", "deep/b.tif", "c.jpg", r"two\tparts.png"}
    assert objects(bucket) == names
    generations = {name: files.generation(bucket / f"out/{name}") for name in names}
    assert colour(bucket / "out", *given)[0] == 0
    assert {name: files.generation(bucket / f"out/{name}") for name in names} == generations
    bucket.put("in/a.jpg", PICTURE)
    bucket.delete("out/c.jpg")
    assert colour(bucket / "out", *given)[0] == 0
    assert {Path(line["input"]).name for line in remote_log(bucket)[4:]} == {"a.jpg", "c.jpg"}


def test_a_local_folder_is_coloured_into_a_bucket_beside_what_is_there(colour, bucket, tmp_path):
    bucket.put("out/a.jpg", b"somebody's")
    photos = write_files(tmp_path / "in", {"a.jpg": PICTURE, "b.jpg": PICTURE, "bad.jpg": b""})
    assert colour(bucket / "out", photos)[0] == 1
    assert objects(bucket) == {"a.jpg", "a-2.jpg", "b.jpg"}
    assert bucket.get("out/a.jpg") == b"somebody's"
    assert [line["code"] for line in remote_log(bucket)] == ["coloured", "coloured", "empty"]
    assert colour(bucket / "out", photos, "--chroma=0.5")[0] == 1
    assert objects(bucket) == {"a.jpg", "a-2.jpg", "b.jpg"}


def test_pictures_in_a_bucket_that_the_log_does_not_know_are_known_by_their_bytes(colour, bucket, tmp_path):
    """As after a kill, which may lose a minute of the log."""
    photos = write_files(tmp_path / "in", {"a.jpg": PICTURE, "b.jpg": PICTURE})
    assert colour(bucket / "out", photos)[0] == 0
    bucket.delete(f"out/{colour_log.NAME}")
    assert colour(bucket / "out", photos)[0] == 0
    assert objects(bucket) == {"a.jpg", "b.jpg"}
    assert len(remote_log(bucket)) == 2


def test_of_two_runs_into_one_folder_of_a_bucket_the_later_log_is_refused(colour, bucket, tmp_path, monkeypatch):
    photos = write_files(tmp_path / "in", {"a.jpg": PICTURE, "b.jpg": PICTURE})

    def race(*arguments):
        bucket.put(f"out/{colour_log.NAME}", b'{"of": "another"}\n')
        return fake_colouring.colour_bytes(*arguments)

    monkeypatch.setattr(colour_file, "colour_bytes", race)
    code, said = colour(bucket / "out", photos)
    assert code == 1
    assert "another `tintmill colorize` writes there" in said
    assert remote_log(bucket) == [{"of": "another"}]


def test_the_log_in_a_bucket_is_uploaded_while_the_run_goes_on(colour, bucket, tmp_path, monkeypatch):
    monkeypatch.setattr(colour_log, "_UPLOAD_EVERY", 0.0)
    photos = write_files(tmp_path / "in", {"a.jpg": PICTURE, "b.jpg": PICTURE})
    lengths = []

    def look(*arguments):
        lengths.append(len(remote_log(bucket)))
        return fake_colouring.colour_bytes(*arguments)

    monkeypatch.setattr(colour_file, "colour_bytes", look)
    assert colour(bucket / "out", photos)[0] == 0
    assert lengths == [0, 1]
