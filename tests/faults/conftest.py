"""Shared by the fault tests."""

import shutil
import subprocess

import pytest

from tests.support import warm_processes


@pytest.fixture(scope="package", autouse=True)
def fresh_processes():
    """Here every process is a new one, from its start to its kill."""
    with warm_processes.fresh_processes_only():
        yield


@pytest.fixture
def small_disk(tmp_path):
    """A file system of one megabyte."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = shutil.which("mount") and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", place], capture_output=True, check=False
    )
    if not mounted or mounted.returncode:
        pytest.skip("mounting a small tmpfs is not permitted here")
    yield place
    subprocess.run(["umount", place], check=True)
