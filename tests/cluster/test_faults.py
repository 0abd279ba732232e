"""Killing parts of a cluster in mid-job: what is finished stays, nothing is lost or doubled, the bytes are the same."""

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.support import helpers
from tintmill.launch.local_cluster.processes import start_worker_pool

pytestmark = pytest.mark.cluster


@pytest.fixture
def job(start_cluster, flags, tmp_path):
    """Begins a slow job on a cluster and waits for its first finished shards."""

    def begin(engine: str) -> tuple:
        env = helpers.slow_publishing(tmp_path / "site")
        cluster = start_cluster(engine, env)
        command = helpers.command_line("prepare", *flags(tmp_path / "out"), *cluster.flags)
        running = helpers.start(command)
        helpers.wait_until(lambda: len(finished(tmp_path)) >= 3, running)
        return cluster, running, env

    return begin


def finished(folder: Path) -> dict[str, tuple[int, int]]:
    """(inode, time) of each committed shard, by name."""
    place = folder / "out" / "toy" / "1.0.0"
    names = [json.loads(path.read_text())["file"] for path in place.glob("reports/*.json")]
    return {name: ((place / name).stat().st_ino, (place / name).stat().st_mtime_ns) for name in names}


def assert_all_is_well(running: subprocess.Popen, kept: dict, local: dict[str, str], folder: Path) -> None:
    """The job ended by itself, with the local bytes, and no shard that was finished before was built again."""
    _, said = running.communicate(timeout=helpers.TIMEOUT)
    assert running.returncode == 0, said
    assert helpers.digests(folder / "out") == local
    now = finished(folder)
    assert {name: now[name] for name in kept} == kept


def test_a_killed_task_manager_loses_nothing(job, local, tmp_path):
    """The job goes on once the node is replaced, as Kubernetes does, without the command being told.

    On Spark it sometimes does not (launch/local_cluster/README.md, Limits).
    """
    cluster, running, _ = job("flink")
    kept = finished(tmp_path)
    cluster.group.kill("task-manager-0")
    cluster.start_worker(2)
    assert_all_is_well(running, kept, local, tmp_path)


def test_a_killed_worker_pool_loses_nothing(job, local, tmp_path):
    """With all its Python workers, as when its container dies; the pool is started again, as Kubernetes does."""
    cluster, running, env = job("flink")
    kept = finished(tmp_path)
    cluster.group.kill("worker-pool")
    start_worker_pool(cluster.group, cluster.pool, env)
    assert_all_is_well(running, kept, local, tmp_path)


def test_a_killed_job_server_is_told_and_a_rerun_goes_on(job, flags, local, tmp_path):
    """The command ends in one line; run again, it keeps what is finished."""
    cluster, running, _ = job("flink")
    os.kill(_job_server(running.pid), signal.SIGKILL)
    _, said = running.communicate(timeout=helpers.TIMEOUT)
    assert running.returncode == 1, said
    assert "Traceback" not in said
    assert "are finished and kept; run the same command again" in helpers.last_line(said)
    kept = finished(tmp_path)
    again = helpers.start(helpers.command_line("prepare", *flags(tmp_path / "out"), *cluster.flags))
    assert_all_is_well(again, kept, local, tmp_path)


def _job_server(parent: int) -> int:
    """The Java process that a command started."""
    found = subprocess.run(["pgrep", "--parent", str(parent), "java"], capture_output=True, text=True, check=True)
    return int(found.stdout)
