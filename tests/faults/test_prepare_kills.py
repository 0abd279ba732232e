"""Killing prepare, its workers and its disk: what is finished stays, and a rerun gives the bytes of no fault at all."""

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from tests.support import helpers

pytestmark = pytest.mark.faults

FLAGS = ("--shard_examples=8", "--size=64")
KILLS = int(os.environ.get("TINTMILL_KILLS", "10"))


@pytest.fixture(scope="module")
def many_photos(tmp_path_factory) -> Path:
    return helpers.write_large_photos(tmp_path_factory.mktemp("many"), 200)


@pytest.fixture(scope="module")
def undisturbed(many_photos, tmp_path_factory) -> Path:
    return helpers.prepare(many_photos, tmp_path_factory.mktemp("undisturbed"), *FLAGS)


def command(photos, output, *flags, workers: int = 2) -> list[str]:
    return helpers.command_line("prepare", *helpers.prepare_flags(photos, output, *FLAGS, *flags, workers=workers))


def reports(output: Path) -> list[Path]:
    return sorted((output / "toy" / "1.0.0" / "reports").glob("*.json"))


def stamps(output: Path) -> dict[str, tuple]:
    """(inode, time) of every committed shard."""
    folder = output / "toy" / "1.0.0"
    names = [json.loads(path.read_text())["file"] for path in reports(output)]
    return {name: ((folder / name).stat().st_ino, (folder / name).stat().st_mtime_ns) for name in names}


@pytest.mark.parametrize("workers", [1, 2])
def test_many_kills_leave_the_bytes_of_no_kill(many_photos, undisturbed, tmp_path, workers):
    """kill -9 of everything at five moments, each after some more shards: no finished shard is built twice, the
    result is that of a run nobody killed, and no temporary file stays."""
    chance = random.Random(workers)
    for _ in range(5):
        before, known = stamps(tmp_path), len(reports(tmp_path))
        wanted = known + chance.randint(1, 3)
        running = helpers.start(command(many_photos, tmp_path, workers=workers), stderr=subprocess.DEVNULL)
        with contextlib.suppress(AssertionError):  # it may have finished
            helpers.wait_until(lambda wanted=wanted: len(reports(tmp_path)) >= wanted, running)
        helpers.kill_group(running)
        assert len(reports(tmp_path)) >= wanted
        assert before.items() <= stamps(tmp_path).items()
    folder = helpers.prepare(many_photos, tmp_path, *FLAGS)
    assert helpers.digests(folder) == helpers.digests(undisturbed)
    assert not list(folder.rglob(".tmp-*"))


# Kills its process just before it publishes its n-th file; found on PYTHONPATH at start.
KILL_AT_RENAME = """
import os

_replace, _left = os.replace, [int(os.environ["KILL_AT"])]

def replace(source, target, **options):
    if ".tmp-" not in str(source):
        return _replace(source, target, **options)
    _left[0] -= 1
    if _left[0] == 0:
        os.kill(os.getpid(), 9)
    _replace(source, target, **options)

os.replace = replace
"""


def test_kills_at_random_moments_leave_the_bytes_of_no_kill(many_photos, undisturbed, tmp_path):
    """kill -9 of everything at KILLS random moments of a run's life, start-up and publishing included; a run that came
    to its end in between is compared too, and begun anew."""
    chance = random.Random(0)
    folder = tmp_path / "toy" / "1.0.0"
    for _ in range(KILLS):
        running = helpers.start(command(many_photos, tmp_path), stderr=subprocess.DEVNULL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            running.wait(chance.uniform(1.0, 15.0))
        helpers.kill_group(running)
        if (folder / "dataset_info.json").exists():
            assert helpers.digests(folder) == helpers.digests(undisturbed)
            shutil.rmtree(folder)
    assert helpers.digests(helpers.prepare(many_photos, tmp_path, *FLAGS)) == helpers.digests(undisturbed)


@pytest.mark.parametrize("number", range(1, 16))
def test_a_kill_at_any_file_is_resumed(tmp_path, number, few_photos):
    """Whichever file is being published when the process dies, the next run completes to the same bytes.

    These are plan, shard, rejects, report, manifest, index and metadata.
    """
    photos, wanted = few_photos
    env = helpers.site(tmp_path / "site", KILL_AT_RENAME) | {"KILL_AT": str(number)}
    flags = helpers.prepare_flags(photos, tmp_path / "out", *FEW)
    done = helpers.tintmill("prepare", *flags, env=env)
    assert done.returncode == -signal.SIGKILL
    assert helpers.digests(helpers.prepare(photos, tmp_path / "out", *FEW)) == helpers.digests(wanted)


FEW = ("--shard_examples=100", "--splits=train:0.7,val:0.3")


@pytest.fixture(scope="module")
def few_photos(tmp_path_factory) -> tuple[Path, Path]:
    """(pictures, dataset) of two shards: fifteen files in all."""
    photos = helpers.write_photos(tmp_path_factory.mktemp("few"), 12)
    folder = helpers.prepare(photos, tmp_path_factory.mktemp("few_out"), *FEW)
    assert len(helpers.digests(folder)) == 15  # as many as the moments of death above
    return photos, folder


def test_two_racing_runs_write_one_dataset(many_photos, undisturbed, tmp_path):
    """The same command twice at the same time, one of them slower, so that the other publishes and cleans up while it
    still writes: both succeed, and the dataset is that of one."""
    slow = helpers.slow_publishing(tmp_path / "site")
    racing = [helpers.start(command(many_photos, tmp_path / "out", workers=1), env) for env in (None, slow)]
    ended = [(process.communicate(timeout=helpers.TIMEOUT)[1], process.returncode) for process in racing]
    assert [code for _, code in ended] == [0, 0], ended
    folder = tmp_path / "out" / "toy" / "1.0.0"
    assert helpers.digests(folder) == helpers.digests(undisturbed)


def test_a_killed_worker_ends_the_run_with_one_line(many_photos, undisturbed, tmp_path):
    """A worker process killed from outside, as by the kernel when memory is short: the run neither hangs nor passes
    it over; finished shards stay, a rerun completes."""
    running = helpers.start(command(many_photos, tmp_path), helpers.slow_publishing(tmp_path / "site"))
    helpers.wait_until(lambda: reports(tmp_path), running)
    os.kill(next(pid for pid in helpers.processes_of_group(running.pid) if pid != running.pid), signal.SIGKILL)
    _, stderr = running.communicate(timeout=helpers.TIMEOUT)
    assert running.returncode == 1, stderr
    assert "Traceback" not in stderr, stderr
    assert "a worker failed: its process died with code -9" in helpers.last_line(stderr)
    helpers.wait_until(lambda: not helpers.processes_of_group(running.pid), seconds=30)
    kept = stamps(tmp_path)
    folder = helpers.prepare(many_photos, tmp_path, *FLAGS)
    assert kept.items() <= stamps(tmp_path).items()
    assert helpers.digests(folder) == helpers.digests(undisturbed)


def test_workers_do_not_outlive_a_killed_run(many_photos, tmp_path):
    """kill -9 of the leader alone: its workers end by themselves."""
    slow = helpers.slow_publishing(tmp_path / "site")
    running = helpers.start(command(many_photos, tmp_path), slow, stderr=subprocess.DEVNULL)
    helpers.wait_until(lambda: reports(tmp_path), running)
    running.kill()
    running.communicate(timeout=helpers.TIMEOUT)
    helpers.wait_until(lambda: not helpers.processes_of_group(running.pid), seconds=60)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_full_disk_is_told_in_one_line_and_overcome(many_photos, undisturbed, small_disk, workers):
    """No space left while shards are written: one line that names the folder and the cause, no half file under a final
    name; with space again the same command completes."""
    done = subprocess.run(
        command(many_photos, small_disk, workers=workers), capture_output=True, text=True, timeout=300, check=False
    )
    helpers.assert_one_line_error(done, str(small_disk), "No space left on device")
    finished = stamps(small_disk)
    assert finished
    for path in reports(small_disk):
        told = json.loads(path.read_text())
        assert (small_disk / "toy" / "1.0.0" / told["file"]).stat().st_size == told["bytes"]
    subprocess.run(["mount", "-o", "remount,size=64m", small_disk], check=True)
    folder = helpers.prepare(many_photos, small_disk, *FLAGS)
    assert finished.items() <= stamps(small_disk).items()
    assert helpers.digests(folder) == helpers.digests(undisturbed)


@pytest.mark.parametrize("kept", [0, 8192])
def test_a_disk_full_at_the_start_is_told_in_one_line(small_disk, tmp_path, kept):
    """No space for the plan, or for the first shard."""
    photos = helpers.write_photos(tmp_path / "in", 12)
    filler = small_disk / "filler"
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as f:
        while True:
            f.write(b"\0" * 4096)
    os.truncate(filler, filler.stat().st_size - kept)
    flags = helpers.prepare_flags(photos, small_disk)
    helpers.assert_one_line_error(helpers.tintmill("prepare", *flags), str(small_disk), "No space left on device")
    filler.unlink()
    assert helpers.manifest(helpers.prepare(photos, small_disk))["pictures"]["kept"] == 12
