"""Worker processes of this machine: one that dies, is stopped or stands still is named within a bounded time.

The processes here are shells and small Python programs in place of Beam's workers, so that every moment can be met.
"""

import os
import re
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from tests.support import helpers
from tintmill.pipeline.beam import local_workers, signs_of_life
from tintmill.pipeline.common.errors import TintmillError

FOREVER = "exec sleep 1000"


@pytest.fixture
def start():
    """Starts a worker of the run that is begun; they end with the test."""
    started = []

    def start_worker(command: str) -> subprocess.Popen:
        started.append(local_workers._active[-1].start(command, {}).process)
        return started[-1]

    yield start_worker
    for process in started:
        process.kill()


def wait_for_ever(*_) -> None:
    """What Beam does while it waits for a worker's answer."""
    threading.Event().wait()


@pytest.fixture
def fail(start):
    """What a run says that must fail, by the command lines of its workers; they end with it."""

    def run(patience: float, commands: list[str], then) -> None:
        with local_workers.running_workers(patience):
            then([start(command) for command in commands])

    def fail_run(*commands: str, patience: float = 60, then=wait_for_ever) -> str:
        with pytest.raises(TintmillError) as failed:
            run(patience, commands, then)
        return str(failed.value)

    return fail_run


def test_a_worker_that_dies_is_named_with_its_last_word_and_the_others_end(fail):
    others = []
    said = fail(
        FOREVER,
        "echo 'Traceback' >&2; echo MemoryError >&2; sleep 1; exit 3",
        then=lambda found: (others.append(found[0]), wait_for_ever()),
    )
    assert re.fullmatch(r"its process died with code 3 \(process \d+; it said: MemoryError\)", said)
    assert others[0].poll() is not None


def test_a_worker_that_is_killed_is_told_to_want_memory(fail):
    said = fail("kill -9 $$")
    assert re.search(r"died with code -9 \(process \d+; -9: killed, most often for want of memory; try fewer", said)


def test_a_worker_that_ends_before_its_work_is_a_death_too(fail):
    """Beam tells nobody where the exit code is 0."""
    assert "died with code 0" in fail("exit 0")


def test_a_worker_that_is_stopped_is_named(fail, monkeypatch):
    monkeypatch.setattr(local_workers, "_STOPPED_SECONDS", 1.0)
    assert re.fullmatch(r"its process \d+ is stopped, as by SIGSTOP, for 1 s", fail("kill -STOP $$"))


def test_a_worker_that_is_continued_soon_goes_on(start):
    with local_workers.running_workers(60):
        stopped = start(FOREVER)
        stopped.send_signal(signal.SIGSTOP)
        time.sleep(1)
        stopped.send_signal(signal.SIGCONT)
        time.sleep(1)
        assert stopped.poll() is None


def signing(lines: str) -> str:
    """A shell line that gives signs of life, from then on as a worker of the run does."""
    code = f"import time\nfrom tintmill.pipeline.beam import signs_of_life\n{textwrap.dedent(lines)}"
    return f"exec {sys.executable} -c '{code}'"


def test_a_worker_that_stands_still_is_named_with_what_it_did_last(fail):
    said = fail(signing('signs_of_life.give("shard 3, cat.jpg"); time.sleep(1000)'), patience=20)
    assert "gives no sign of life for 20 s (--worker_timeout); last: shard 3, cat.jpg" in said


def test_a_worker_that_never_starts_is_named(fail):
    assert "gives no sign of life for 1 s (--worker_timeout); last: starting" in fail(FOREVER, patience=1)


def test_a_worker_that_waits_for_work_is_not_waited_for_while_another_works(start):
    with local_workers.running_workers(20):
        process = start(signing('signs_of_life.give("idle"); time.sleep(1000)'))
        start(signing('while True:\n signs_of_life.give("shard 3"); time.sleep(0.1)'))
        folder = local_workers._active[-1]._folder
        helpers.wait_until(lambda: signs_of_life.read(folder, process.pid)[1] == "idle")
        time.sleep(22)
        assert process.poll() is None


def test_a_run_that_gives_its_workers_no_work_is_named(fail):
    idle = signing('signs_of_life.give("idle"); time.sleep(1000)')
    said = fail(idle, idle, patience=20)
    assert said == "all processes wait for work for 20 s (--worker_timeout): the run itself stands still"


def test_a_run_that_can_start_no_more_threads_is_one_line(fail, capfd):
    """As in gRPC's threads, which end with a traceback then, and nobody is told."""

    def starve(_):
        def refuse():
            raise RuntimeError("can't start new thread")

        threading.Thread(target=refuse).start()
        wait_for_ever()

    said = fail(FOREVER, then=starve)
    assert said == "the run has no memory for its threads (can't start new thread); try fewer --workers"
    assert "Traceback" not in capfd.readouterr().err


def test_a_worker_that_gives_signs_is_waited_for(start):
    with local_workers.running_workers(10):
        process = start(signing('while True:\n signs_of_life.give("shard 3"); time.sleep(0.1)'))
        time.sleep(12)
        assert process.poll() is None


def test_workers_that_are_to_be_started_after_a_death_are_not(fail, start):
    def start_more(_):
        while True:
            start(FOREVER)
            time.sleep(0.05)

    assert "died with code 7" in fail("exit 7", then=start_more)


def test_a_process_that_cannot_be_started_is_one_line(fail, start, monkeypatch):
    def refuse(*arguments, **options):
        raise OSError(12, "Cannot allocate memory")

    def start_one_more(_):
        monkeypatch.setattr(subprocess, "Popen", refuse)
        start(FOREVER)

    said = fail(then=start_one_more)
    assert re.search("could not be started: .*Cannot allocate memory; try fewer --workers", said)


def test_all_workers_have_ended_when_the_run_has(start):
    with local_workers.running_workers(60):
        processes = [start(FOREVER) for _ in range(3)]
    assert all(process.poll() is not None for process in processes)
    assert signal.getsignal(signal.SIGUSR1) is signal.SIG_DFL


# A command that waits as Beam does, for good: even the end of its workers does not wake it.
DEAF = """
import signal, sys, threading
from tintmill.pipeline.beam import local_workers
from tintmill.pipeline.common import command
from absl import flags

local_workers._LEAVE_SECONDS = 1.0

def main(words):
    with local_workers.running_workers(60):
        local_workers._active[-1].start(sys.argv[1], {})
        is_told = False
        while True:
            try:
                if not is_told:
                    is_told = True
                    print("begun", flush=True)  # a signal comes from here on
                threading.Event().wait()
            except BaseException:
                pass

sys.exit(command.run("prepare", flags.FlagValues(), main, [], "", {}))
"""


@pytest.mark.parametrize(
    ("worker", "sent", "code", "said"),
    [
        (FOREVER, signal.SIGTERM, 143, "ended by a signal"),
        (FOREVER, signal.SIGINT, 130, "ended by a signal"),
        ("sleep 2; exit 5", None, 1, "a worker failed: its process died with code 5"),
    ],
)
def test_the_command_ends_though_its_main_thread_does_not_come_home(worker, sent, code, said):
    line = [sys.executable, "-c", DEAF, worker]
    process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "begun\n"
    if sent:
        process.send_signal(sent)
    _, stderr = process.communicate(timeout=helpers.TIMEOUT)
    assert process.returncode == code, stderr
    assert said in helpers.last_line(stderr)
    assert "Traceback" not in stderr


# A worker that is in the middle of its start when the process that started it is killed.
ORPHAN = """
import os, subprocess, sys, time
worker = subprocess.Popen([sys.executable, "-m", "tintmill.pipeline.beam.worker", str(os.getpid())])
print(worker.pid, flush=True)
time.sleep(1000)
"""


@pytest.mark.parametrize("is_stopped", [False, True])
def test_a_worker_does_not_outlive_the_process_that_started_it(is_stopped):
    """Not even where it is stopped, or has not begun to listen."""
    parent = subprocess.Popen([sys.executable, "-c", ORPHAN], stdout=subprocess.PIPE, text=True)
    worker = int(parent.stdout.readline())
    helpers.wait_until(lambda: "apache_beam" in Path(f"/proc/{worker}/maps").read_text())
    if is_stopped:
        os.kill(worker, signal.SIGSTOP)
    parent.kill()
    parent.communicate()
    helpers.wait_until(lambda: not alive(worker))


def alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
