"""colorize.jsonl: what its lines say, a cut line, two runs that write one log."""

import json
from pathlib import Path

from tests.support import fake_colouring, helpers
from tests.support.colour_command import PICTURE, log_of, remote_log, start, state
from tests.support.source_files import write_files
from tintmill.model.files import colour_file
from tintmill.model.output import log as colour_log


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


def test_the_log_in_a_bucket_is_uploaded_while_the_run_goes_on(bucket):
    with colour_log.open_log(bucket / "out", upload_every=0.0) as log:
        for number in range(2):
            assert len(remote_log(bucket)) == number
            log.append({"number": number})
    assert remote_log(bucket) == [{"number": 0}, {"number": 1}]


def test_the_log_in_a_bucket_is_uploaded_at_the_end_whatever_time_has_passed(bucket):
    with colour_log.open_log(bucket / "out", upload_every=3600.0) as log:
        log.append({"number": 0})
        assert remote_log(bucket) == []
    assert remote_log(bucket) == [{"number": 0}]
