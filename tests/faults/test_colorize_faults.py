"""Faults of colorize: the disk full in the middle of a folder, a kill in the middle of a video."""

import json
import os
import signal
import subprocess

import pytest

from tests.support import fake_colouring, helpers, videos

pytestmark = pytest.mark.faults


def colour(tmp_path, output, *inputs) -> subprocess.CompletedProcess:
    line = fake_colouring.command_line(fake_colouring.make_run(tmp_path / "run"), f"--output={output}", *inputs)
    env = os.environ | {"PYTHONPATH": str(helpers.ROOT)}
    return subprocess.run(line, capture_output=True, text=True, timeout=helpers.TIMEOUT, env=env, check=False)


def whole(output) -> dict[str, int]:
    """Names and sizes by the log, which must be those of the files, and of no more files."""
    lines = [json.loads(line) for line in (output / "colorize.jsonl").read_text().splitlines() if line.endswith("}")]
    logged = {one["name"]: one["size"] for line in lines if line["output"] for one in line["written"]}
    found = {path.name: path.stat().st_size for path in output.iterdir() if path.name != "colorize.jsonl"}
    assert {name: size for name, size in found.items() if name in logged} == logged
    return found


@pytest.mark.parametrize("kind", ["pictures", "videos"])
def test_a_full_disk_stops_with_one_line_and_the_same_command_goes_on(small_disk, tmp_path, kind):
    photos, output = tmp_path / "photos", small_disk / "out"
    photos.mkdir()
    for i in range(12):
        if kind == "pictures":
            (photos / f"{i:02d}.tif").write_bytes(helpers.encode(helpers.photo_pixels(i, 200, 300), "TIFF"))
        else:
            (photos / f"{i:02d}.mp4").write_bytes(videos.make(videos.pan(60, 240, 320, seed=i)))
    done = colour(tmp_path, output, photos)
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1
    assert "cannot be written: [Errno 28] No space left on device" in done.stderr
    assert "before it are done" in done.stderr
    before = whole(output)
    assert 1 <= len(before) < 12
    assert not any(name.startswith(".tmp-") for name in before)
    subprocess.run(["mount", "-o", "remount,size=64m", small_disk], check=True)
    assert colour(tmp_path, output, photos).returncode == 0
    assert len(whole(output)) == 12
    assert before.items() <= whole(output).items()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_of_a_video_that_is_stopped_in_the_middle_nothing_bears_its_name(tmp_path, number):
    (tmp_path / "film.mp4").write_bytes(videos.make(videos.pan(150, 240, 320)))
    output, run = tmp_path / "out", fake_colouring.make_run(tmp_path / "run")
    line = fake_colouring.command_line(run, f"--output={output}", tmp_path / "film.mp4")
    process = helpers.start(line, {"PYTHONPATH": str(helpers.ROOT)})
    helpers.wait_until(lambda: any(path.stat().st_size for path in output.glob(".tmp-*")), process)
    os.killpg(process.pid, number)
    said = process.communicate(timeout=helpers.TIMEOUT)[1]
    assert "Traceback" not in said
    assert [path.name for path in output.iterdir() if not path.name.startswith(".tmp-")] == ["colorize.jsonl"]
    assert colour(tmp_path, output, tmp_path / "film.mp4").returncode == 0
    assert sorted(path.name for path in output.iterdir()) == ["colorize.jsonl", "film.mp4"]
    assert len(videos.content((output / "film.mp4").read_bytes()).frames) == 150
