"""The output: what files are called, what a rerun leaves alone, what is never lost, here and in a bucket."""

import io
import os
import tarfile
from pathlib import Path

from tests.support import fake_colouring, helpers
from tests.support.colour_command import (
    DRAWING,
    PICTURE,
    SCAN,
    coloured_since,
    log_of,
    objects,
    outputs,
    remote_log,
    state,
    zipped,
)
from tests.support.source_files import write_files
from tintmill.model.colorizers.found import TrainedRun
from tintmill.model.output import log as colour_log
from tintmill.pipeline.common import files


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


def test_odd_names_are_written_without_control_characters_and_shown_on_one_line(colour, tmp_path):
    """Names that are no text are kept; long ones are cut; line breaks and escapes are written out."""
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
    assert {rb"two\nlines.jpg", names[1], rb"\x1b[31mred.jpg", names[3]} <= written
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


def test_a_rerun_does_nothing_where_all_is_done(colour, done, monkeypatch, tmp_path):
    given, out = done
    before = state(out)
    monkeypatch.setattr(TrainedRun, "load", None)
    assert colour(out, *given)[0] == 0
    monkeypatch.chdir(tmp_path)
    assert colour("out", "photos", "more.tar.gz")[0] == 0
    assert state(out) == before


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


def test_what_a_killed_writer_left_is_removed_by_the_next_run(colour, done):
    given, out = done
    (out / ".tmp-0123").write_bytes(b"half")
    (out / "a.tif").unlink()
    assert colour(out, *given)[0] == 0
    assert outputs(out) == {"a.tif", "b.tif", "c.tif", "d.tif"}


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
