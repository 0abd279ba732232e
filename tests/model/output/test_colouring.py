"""A run that is watched, stopped, or meets a full disk."""

import contextlib
import errno
import os
import pty
import re
import signal
import termios

import pytest

from tests.support import helpers
from tests.support.colour_command import (
    PICTURE,
    log_of,
    outputs,
    start,
    state,
)
from tests.support.source_files import write_files
from tintmill.model.output import log as colour_log
from tintmill.pipeline.common import files


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
