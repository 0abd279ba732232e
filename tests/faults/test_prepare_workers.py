"""Killing and stopping workers of prepare, and prepare itself: it always ends, says why, and a rerun gives the bytes of
no fault.
"""

import contextlib
import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.support import helpers

pytestmark = pytest.mark.faults

FLAGS = ("--shard_examples=8", "--size=64")
KILLS = int(os.environ.get("TINTMILL_KILLS", "8"))
# Seconds from a fault to the end of the run. A worker that is stopped is waited for ten seconds, and all else is a
# matter of a second; the rest is for a machine that is busy.
BOUND = 90
VICTIMS = (
    "one worker",
    "both workers",
    "the run",
    "the run and its workers",
    "one worker, stopped",
    "the run, SIGTERM",
)


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> Path:
    return helpers.write_large_photos(tmp_path_factory.mktemp("photos"), 80)


@pytest.fixture(scope="module")
def undisturbed(photos, tmp_path_factory) -> tuple[dict, float]:
    """(digests of the dataset, seconds that its run took)."""
    begun = time.monotonic()
    folder = helpers.prepare(photos, tmp_path_factory.mktemp("undisturbed"), *FLAGS, workers=2)
    return helpers.digests(folder), time.monotonic() - begun


def start(photos, output, *flags, env=None) -> subprocess.Popen:
    line = helpers.command_line("prepare", *helpers.prepare_flags(photos, output, *FLAGS, *flags, workers=2))
    return helpers.start(line, env)


def workers_of(running: subprocess.Popen) -> list[int]:
    return [pid for pid in helpers.processes_of_group(running.pid) if pid != running.pid]


def strike(running: subprocess.Popen, victim: str, chance: random.Random) -> bool:
    """Does what `victim` says; False where there is nobody to do it to."""
    workers = workers_of(running)
    with contextlib.suppress(ProcessLookupError):
        if victim == "the run and its workers":
            os.killpg(running.pid, signal.SIGKILL)
        elif victim.startswith("the run"):
            os.kill(running.pid, signal.SIGTERM if "SIGTERM" in victim else signal.SIGKILL)
        elif not workers:
            return False
        elif victim == "both workers":
            for worker in workers:
                os.kill(worker, signal.SIGKILL)
        else:
            os.kill(chance.choice(workers), signal.SIGSTOP if "stopped" in victim else signal.SIGKILL)
    return True


def wait_for_end(running: subprocess.Popen, seconds: float) -> str:
    """What it said on stderr. Fails where it does not end, or leaves a worker behind."""
    try:
        _, said = running.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        helpers.kill_group(running)
        pytest.fail(f"the run stands still {seconds} s after the fault")
    helpers.wait_until(lambda: not helpers.processes_of_group(running.pid), seconds=30)
    return said


def test_faults_at_random_moments_end_the_run_and_leave_the_bytes_of_no_fault(photos, undisturbed, tmp_path):
    """KILLS faults, each of a kind in turn, at a random moment of a run's life, start-up and publishing included."""
    wanted, seconds = undisturbed
    chance, output = random.Random(KILLS), tmp_path / "out"
    folder = output / "toy" / "1.0.0"
    counts = dict.fromkeys(VICTIMS, 0)
    for number in range(KILLS):
        victim = VICTIMS[number % len(VICTIMS)]
        running = start(photos, output)
        with contextlib.suppress(subprocess.TimeoutExpired):
            running.wait(chance.uniform(0, seconds))
        while not strike(running, victim, chance) and running.poll() is None:
            time.sleep(0.05)  # it has no worker yet
        counts[victim] += 1
        said = wait_for_end(running, BOUND + seconds)  # a fault that comes too late lets it end by itself
        print(f"{number + 1} {victim}: code {running.returncode}, {said and helpers.last_line(said)}", flush=True)
        assert "Traceback" not in said, said
        if running.returncode == 1:
            assert "its process" in helpers.last_line(said), said
        if (folder / "dataset_info.json").exists():
            assert helpers.digests(folder) == wanted
            shutil.rmtree(folder)
    assert helpers.digests(helpers.prepare(photos, output, *FLAGS)) == wanted
    print(counts)


@pytest.mark.parametrize("moment", [0.0, 0.3, 1.0, 2.0, 4.0])
def test_a_worker_killed_while_it_starts_ends_the_run(photos, tmp_path, moment):
    """Beam would join the other one for ever."""
    running = start(photos, tmp_path)
    helpers.wait_until(lambda: len(workers_of(running)) == 2, running)
    time.sleep(moment)
    os.kill(workers_of(running)[0], signal.SIGKILL)
    said = wait_for_end(running, BOUND)
    assert running.returncode == 1, said
    assert "a worker failed: its process died with code -9" in helpers.last_line(said)
    assert "Traceback" not in said


@pytest.mark.parametrize("is_building", [False, True])
def test_a_stopped_worker_is_named_and_the_run_ends(photos, tmp_path, is_building):
    running = start(photos, tmp_path, env=helpers.slow_publishing(tmp_path / "site"))
    reports = tmp_path / "toy" / "1.0.0" / "reports"
    helpers.wait_until(lambda: list(reports.glob("*")) if is_building else workers_of(running), running)
    stopped = workers_of(running)[0]
    os.kill(stopped, signal.SIGSTOP)
    said = wait_for_end(running, BOUND)
    assert running.returncode == 1, said
    assert f"a worker failed: its process {stopped} is stopped" in helpers.last_line(said)


# The worker that meets the picture 007 stands still for ever, as on a file system that no longer answers.
STANDS_STILL = """
import builtins, time

_open = builtins.open

def open(file, *arguments, **options):
    while str(file).endswith("007.jpg") and "rb" in arguments:
        time.sleep(1)
    return _open(file, *arguments, **options)

builtins.open = open
"""


def test_a_worker_that_stands_still_is_named_with_the_picture_before(photos, tmp_path):
    env = helpers.site(tmp_path / "site", STANDS_STILL)
    running = start(photos, tmp_path / "out", "--worker_timeout=60", env=env)
    said = wait_for_end(running, helpers.TIMEOUT)
    assert running.returncode == 1, said
    assert "gives no sign of life for 60 s (--worker_timeout); last: shard " in helpers.last_line(said)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_run_whose_workers_are_stopped(photos, tmp_path, number):
    running = start(photos, tmp_path)
    helpers.wait_until(lambda: len(workers_of(running)) == 2, running)
    for worker in workers_of(running):
        os.kill(worker, signal.SIGSTOP)
    os.kill(running.pid, number)
    said = wait_for_end(running, BOUND)
    assert running.returncode == 128 + number, said


def test_too_little_memory_ends_the_run_with_a_line(photos, tmp_path):
    """A limit of the address space, as batch systems set it.

    gRPC logs a traceback of its own before that line. Below some 1.5 GB it may wait for ever for a thread that could
    not be started, before any worker is there.
    """
    if not shutil.which("prlimit"):
        pytest.skip("no prlimit on PATH")
    line = helpers.command_line(
        "prepare", *helpers.prepare_flags(photos, tmp_path, *FLAGS, "--worker_timeout=120", workers=2)
    )
    running = helpers.start(["prlimit", "--as=2600000000", *line])
    said = wait_for_end(running, helpers.TIMEOUT)
    assert running.returncode == 1, said
    assert helpers.last_line(said).startswith("tintmill prepare: error: ")
