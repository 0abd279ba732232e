"""prepare on real Flink and Spark: the bytes of this machine's runner, errors in one line, nothing left behind."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import helpers
from tintmill.launch.local_cluster.processes import read_json

pytestmark = pytest.mark.cluster
ENGINES = ("flink", "spark")


def prepare(cluster, flags: list[str]) -> subprocess.CompletedProcess:
    return helpers.tintmill("prepare", *flags, *cluster.flags)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_dataset_is_that_of_the_local_runner_file_by_file(engine, start_cluster, flags, local, tmp_path):
    """Shards, embeddings, reports, manifest; both nodes build. Then a rerun finds all of it made, and begins no job."""
    cluster = start_cluster(engine, helpers.site(tmp_path / "site", _TELL_WHO_BUILDS))
    done = prepare(cluster, flags(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    assert helpers.digests(tmp_path / "out") == local
    assert len(set((tmp_path / "site" / "builders").read_text().split())) >= 2
    again = prepare(cluster, flags(tmp_path / "out"))
    assert again.returncode == 0, again.stderr
    assert ", 0 to build" in again.stderr


# Each process that publishes a file of a dataset writes its number down.
_TELL_WHO_BUILDS = """
import os
_replace = os.replace

def replace(source, target, **options):
    if ".tmp-" in str(source):
        with open(os.path.join(os.path.dirname(__file__), "builders"), "a") as f:
            f.write(f"{os.getpid()}\\n")
    _replace(source, target, **options)

os.replace = replace
"""


@pytest.mark.parametrize("engine", ENGINES)
def test_a_cluster_leaves_no_process_behind(engine, tmp_path):
    """SIGTERM to `tintmill cluster` ends every node, pool and worker."""
    command = helpers.command_line("cluster", f"--engine={engine}", f"--folder={tmp_path / 'cluster'}")
    running = helpers.start(command)
    flagfile = tmp_path / "cluster" / "prepare.flags"
    helpers.wait_until(flagfile.exists, running)
    before = _with_folder(tmp_path)
    assert len(before) >= 4
    running.send_signal(signal.SIGTERM)
    assert running.wait(helpers.TIMEOUT) == 143
    assert _with_folder(tmp_path) == []


def _with_folder(folder: Path) -> list[int]:
    """Live processes that work in a folder, by /proc."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                where = os.readlink(entry / "cwd")
            except OSError:
                continue
            if where.startswith(str(folder)):
                found.append(int(entry.name))
    return found


def test_ctrl_c_cancels_the_job_on_flink(start_cluster, flags, tmp_path):
    """Whoever stops the command stops the job; what was finished is kept."""
    cluster = start_cluster("flink", helpers.slow_publishing(tmp_path / "site"))
    command = helpers.command_line("prepare", *flags(tmp_path / "out"), *cluster.flags)
    running = helpers.start(command)
    reports = tmp_path / "out" / "toy" / "1.0.0" / "reports"
    helpers.wait_until(lambda: reports.exists() and any(reports.iterdir()), running)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=helpers.TIMEOUT)
    assert running.returncode == 130, said
    helpers.wait_until(lambda: _states(cluster) == {"CANCELED"})


def _states(cluster) -> set[str]:
    jobs = read_json(f"http://localhost:{cluster.page}/jobs/overview").get("jobs", [])
    return {job["state"] for job in jobs}


def test_a_worker_with_another_tensorflow_is_one_clear_error(start_cluster, flags, tmp_path):
    """Another version of a library than the manifest's would give other bytes."""
    other = tmp_path / "other"
    (other / "tensorflow-2.20.0.dist-info").mkdir(parents=True)
    (other / "tensorflow-2.20.0.dist-info" / "METADATA").write_text("Name: tensorflow\nVersion: 2.20.0\n")
    cluster = start_cluster("spark", {"PYTHONPATH": str(other)})
    done = prepare(cluster, flags(tmp_path / "out"))
    helpers.assert_one_line_error(done, "has tensorflow 2.20.0, the plan was made with 2.", "install the same there")


def test_a_worker_without_tensorflow_is_one_clear_error(start_cluster, flags, tmp_path):
    cluster = start_cluster("flink", _without_tensorflow(tmp_path / "bare"))
    done = prepare(cluster, flags(tmp_path / "out"))
    helpers.assert_one_line_error(done, "has tensorflow missing, the plan was made with 2.", "install the same there")


def _without_tensorflow(folder: Path) -> dict[str, str]:
    """The environment in which `python` finds all installed packages but TensorFlow."""
    import numpy

    packages, programs = folder / "packages", folder / "bin"
    packages.mkdir(parents=True)
    programs.mkdir()
    for path in Path(numpy.__file__).parents[1].iterdir():
        if not path.name.startswith("tensorflow") or path.name.startswith("tensorflow_datasets"):
            (packages / path.name).symlink_to(path)
    (packages / "tintmill").mkdir()  # -S leaves out the links that an editable install goes by
    for part in ("launch/interface/__init__.py", "pipeline", "model", "trainer", "launch"):
        (packages / "tintmill" / Path(part).name).symlink_to(helpers.ROOT / part)
    python = programs / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -S "$@"\n')
    python.chmod(0o755)
    return {"PYTHONPATH": str(packages), "PATH": f"{programs}:{os.environ['PATH']}"}
