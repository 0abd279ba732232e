"""Publishing files atomically."""

import os
import signal
import subprocess
import sys

import pytest

from tintmill.pipeline.common import files

DIE_WRITING = """
import os, sys
from tintmill.pipeline.common import files
with files.atomic_writer(sys.argv[1]) as f:
    f.write(b"half")
    f.flush()
    os.kill(os.getpid(), 9)
"""


def test_a_reader_sees_the_old_file_until_the_new_one_is_whole(tmp_path):
    path = tmp_path / "file"
    files.write(str(path), "old")
    with files.atomic_writer(str(path)) as f:
        f.write(b"new")
        f.flush()
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert os.listdir(tmp_path) == ["file"]


def test_a_file_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    """Else a loss of power could leave the name with nothing behind it."""
    done = []
    sync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda file: (done.append("sync"), sync(file)))
    monkeypatch.setattr(os, "replace", lambda old, new: (done.append("name"), replace(old, new)))
    files.write(str(tmp_path / "file"), "new")
    assert done == ["sync", "name"]


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "file"
    files.write(str(path), "old")
    with pytest.raises(TypeError), files.atomic_writer(str(path)) as f:
        f.writelines([b"half", "no bytes"])
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["file"]


def test_what_a_killed_writer_left_is_removed(tmp_path):
    done = subprocess.run([sys.executable, "-c", DIE_WRITING, tmp_path / "file"], check=False)
    assert done.returncode == -signal.SIGKILL
    assert [name[:5] for name in os.listdir(tmp_path)] == [".tmp-"]
    files.remove_leftovers(str(tmp_path))
    assert os.listdir(tmp_path) == []


def test_what_a_live_writer_writes_is_not_removed(tmp_path):
    """Of two runs racing on one output, the first to finish cleans up; it must not take the other's file away."""
    with files.atomic_writer(str(tmp_path / "file")) as f:
        f.write(b"whole")
        files.remove_leftovers(str(tmp_path))
    assert (tmp_path / "file").read_bytes() == b"whole"


def test_what_is_just_being_published_is_not_removed(tmp_path, monkeypatch):
    """The other run's clean-up may come between the last byte and the rename."""
    replace = os.replace

    def clean_up_first(source, target):
        files.remove_leftovers(str(tmp_path))
        replace(source, target)

    monkeypatch.setattr(os, "replace", clean_up_first)
    files.write(str(tmp_path / "file"), "whole")
    assert (tmp_path / "file").read_text() == "whole"


def test_listing_is_recursive_and_sorted(tmp_path):
    for name in ("b/2", "b/1", "a/3", "0"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"12")
    assert [(entry.name, entry.size) for entry in files.list_files(str(tmp_path))] == [
        ("0", 2),
        ("a/3", 2),
        ("b/1", 2),
        ("b/2", 2),
    ]


def test_a_folder_that_cannot_be_listed_is_an_error_and_not_a_silence(tmp_path, monkeypatch):
    (tmp_path / "locked").mkdir()
    scandir = os.scandir

    def refuse(path):
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(PermissionError):
        list(files.list_files(str(tmp_path)))


def test_pipes_and_devices_are_not_read():
    with pytest.raises(OSError, match="not a regular file"):
        files.read("/dev/zero")
