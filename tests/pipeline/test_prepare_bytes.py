"""A dataset's bytes depend on settings and inputs alone: not on workers, runner, listing order, place or restarts."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import helpers

# Shuffles every listing of a process and of its children that find this on PYTHONPATH.
SHUFFLED_LISTING = """
import os, random
_walk, _listdir, _scandir = os.walk, os.listdir, os.scandir

def walk(top, *arguments, **options):
    for folder, subfolders, names in _walk(top, *arguments, **options):
        random.shuffle(subfolders)
        random.shuffle(names)
        yield folder, subfolders, names

os.walk = walk
os.environ["LISTING_WAS_SHUFFLED"] = "1"
"""


def assert_same(folder: Path, wanted: Path) -> None:
    """Every file of the two directories is equal: shards, manifest, reports, rejects, TFDS metadata."""
    assert helpers.digests(folder) == helpers.digests(wanted)


@pytest.mark.slow
def test_shard_bytes_do_not_depend_on_worker_count(photos, dataset, tmp_path):
    flags = helpers.prepare_flags(photos, tmp_path, *helpers.EMBEDDER, workers=2)
    running = helpers.start(helpers.command_line("prepare", *flags))
    _, stderr = running.communicate(timeout=helpers.TIMEOUT)
    assert running.returncode == 0, stderr
    assert helpers.processes_of_group(running.pid) == []  # no worker outlives the run
    assert_same(tmp_path / "toy" / "1.0.0", dataset)


@pytest.mark.slow
def test_shard_bytes_do_not_depend_on_listing_order(photos, dataset, tmp_path):
    env = helpers.site(tmp_path / "site", SHUFFLED_LISTING) | {"PYTHONHASHSEED": "7"}
    assert "1" in helpers.run_python("import os; print(os.environ['LISTING_WAS_SHUFFLED'])", env=env)
    assert_same(helpers.prepare(photos, tmp_path / "out", *helpers.EMBEDDER, env=env), dataset)


def test_shard_bytes_do_not_depend_on_place(photos, plain_dataset, tmp_path):
    """Another output path, working folder, temporary folder, hash seed, and a relative path with a space in it."""
    (tmp_path / "tmp").mkdir()
    (tmp_path / "a b").symlink_to(photos)
    env = {"TMPDIR": str(tmp_path / "tmp"), "PYTHONHASHSEED": "3", "TZ": "Asia/Tokyo", "LC_ALL": "C"}
    flags = helpers.prepare_flags("a b", "deep/er/ü out")
    done = helpers.tintmill("prepare", *flags, env=env, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found, wanted = (helpers.digests(f) for f in (tmp_path / "deep/er/ü out/toy/1.0.0", plain_dataset))
    found.pop("manifest.json"), wanted.pop("manifest.json")  # it names the input's path
    assert found == wanted


def test_shard_bytes_do_not_depend_on_the_folder_of_the_input(photos, plain_dataset, tmp_path):
    shutil.copytree(photos, tmp_path / "moved")  # with its modification times
    folder = helpers.prepare(tmp_path / "moved", tmp_path / "out")
    found, wanted = helpers.digests(folder), helpers.digests(plain_dataset)
    assert {name for name in wanted if found[name] != wanted[name]} == {"manifest.json"}


@pytest.mark.slow
def test_shard_bytes_do_not_depend_on_the_runner(photos, dataset, tmp_path):
    """Beam's portable runner, as Flink and Spark are driven; the workers are threads of the same process."""
    runner = ("--runner=PortableRunner", "--job_endpoint=embed", "--environment_type=LOOPBACK")
    assert_same(helpers.prepare(photos, tmp_path, *helpers.EMBEDDER, *runner), dataset)


# Beam's own command for a pool wants a port that somebody else found free; this pool says which one it listens on.
_WORKER_POOL = """
from apache_beam.runners.worker.worker_pool_main import BeamFnExternalWorkerPoolServicer

address, server = BeamFnExternalWorkerPoolServicer.start(use_process=True, port=0)
print(address, flush=True)
server.wait_for_termination()
"""


@pytest.fixture
def worker_pool(tmp_path):
    """The address of a Beam worker pool that is ready, as one runs on a cluster's machines."""
    # The pool starts `python` from PATH.
    env = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    with open(tmp_path / "worker_pool.log", "w") as log:
        pool = subprocess.Popen(
            [sys.executable, "-c", _WORKER_POOL],
            env=env,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,
        )
    try:
        # A prepare without an import of its own to wait for asks the pool for a worker at once, and only once.
        address = pool.stdout.readline().strip()
        assert address, (tmp_path / "worker_pool.log").read_text()
        yield address
        assert pool.poll() is None, (tmp_path / "worker_pool.log").read_text()
    finally:
        helpers.kill_group(pool)


@pytest.mark.slow
def test_shard_bytes_do_not_depend_on_external_workers(photos, dataset, tmp_path, worker_pool):
    """Workers that the job did not start, with an environment of their own."""
    runner = ("--runner=PortableRunner", "--job_endpoint=embed", "--environment_type=EXTERNAL")
    where = f"--environment_config={worker_pool}"
    assert_same(helpers.prepare(photos, tmp_path / "out", *helpers.EMBEDDER, *runner, where), dataset)


@pytest.mark.slow
def test_a_killed_run_goes_on_where_it_was(photos, dataset, tmp_path):
    """kill -9 in the middle, then the same command: finished shards are kept, the result is that of no kill."""
    flags = helpers.prepare_flags(photos, tmp_path, *helpers.EMBEDDER)
    folder, slow = tmp_path / "toy" / "1.0.0", helpers.slow_publishing(tmp_path / "site")
    running = helpers.start(helpers.command_line("prepare", *flags), slow, stderr=subprocess.DEVNULL)
    helpers.wait_until(lambda: list(folder.glob("reports/*.json")), running)
    helpers.kill_group(running)
    assert not (folder / "manifest.json").exists()
    finished = {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in committed_shards(folder)}
    assert finished
    helpers.prepare(photos, tmp_path, *helpers.EMBEDDER)
    assert {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in finished} == finished
    assert_same(folder, dataset)


def committed_shards(folder: Path) -> list[Path]:
    import json

    return [folder / json.loads(path.read_text())["file"] for path in folder.glob("reports/*.json")]


def test_a_finished_run_repeated_builds_nothing(photos, plain_dataset, tmp_path):
    folder = Path(shutil.copytree(plain_dataset, tmp_path / "toy" / "1.0.0"))
    before = {path: path.stat().st_mtime_ns for path in helpers.shard_files(folder)}
    done = helpers.tintmill("prepare", *helpers.prepare_flags(photos, tmp_path))
    assert done.returncode == 0, done.stderr
    assert " 0 to build" in done.stderr
    assert {path: path.stat().st_mtime_ns for path in helpers.shard_files(folder)} == before
    assert_same(folder, plain_dataset)


def test_repeating_restores_lost_metadata_and_lost_shards(photos, plain_dataset, tmp_path):
    folder = Path(shutil.copytree(plain_dataset, tmp_path / "toy" / "1.0.0"))
    helpers.shard_files(folder)[1].unlink()
    for name in ("dataset_info.json", "manifest.json", "features.json"):
        (folder / name).unlink()
    done = helpers.tintmill("prepare", *helpers.prepare_flags(photos, tmp_path))
    assert " 1 to build" in done.stderr
    assert_same(folder, plain_dataset)


def test_a_limited_dataset_is_a_part_of_the_whole(photos, plain_dataset, tmp_path):
    folder = helpers.prepare(photos, tmp_path, "--limit=20")
    told = helpers.manifest(folder)
    assert told["pictures"]["read"] == 20
    ids = {entry[0] for path in folder.glob("reports/*.json") for entry in inputs_of(path)}
    whole = {entry[0] for path in plain_dataset.glob("reports/*.json") for entry in inputs_of(path)}
    assert len(ids) == 20
    assert ids < whole


def inputs_of(report: Path) -> list:
    import json

    return json.loads(report.read_text())["inputs"]
