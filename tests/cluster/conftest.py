"""What the tests on real engines share: pictures, their dataset as made on this machine, a cluster for each engine."""

import contextlib
import shutil
from pathlib import Path

import pytest

from tests.support import helpers, warm_processes
from tintmill.launch.local_cluster.clusters import running_cluster


@pytest.fixture(scope="package", autouse=True)
def fresh_processes():
    """Here every process is a new one, from its start to its kill."""
    with warm_processes.fresh_processes_only():
        yield


@pytest.fixture(scope="session")
def pictures(tmp_path_factory, request) -> tuple[Path, list[str]]:
    """Photographs and the flags of their embedder: real ones with real weights, or else synthetic ones."""
    try:
        data = request.getfixturevalue("real_data")
    except pytest.skip.Exception:
        return helpers.write_photos(tmp_path_factory.mktemp("photos"), 100), list(helpers.EMBEDDER)
    weights = next((data / "weights").glob("mobilenet_v2*.h5"))
    return data / "imagenet_imagen1000", ["--embedder=mobilenet_v2", f"--embedder_weights={weights}"]


@pytest.fixture(scope="session")
def flags(pictures):
    """The flags of a prepare of `pictures` into a folder, on the runner that more flags name."""
    photos, embedder = pictures

    def flags_of(output: Path, *more: str) -> list[str]:
        # Duplicates would take a second job, which builds finished shards again.
        care = ("--max_reject_fraction=0.2", "--nodrop_duplicates")
        return helpers.prepare_flags(photos, output, *embedder, "--shard_examples=4", *care, *more)

    return flags_of


@pytest.fixture(scope="session")
def local(flags, tmp_path_factory) -> dict[str, str]:
    """The digests of the dataset as this machine's own runner makes it."""
    output = tmp_path_factory.mktemp("local")
    done = helpers.tintmill("prepare", *flags(output))
    assert done.returncode == 0, done.stderr
    return helpers.digests(output)


@pytest.fixture
def start_cluster(request, tmp_path):
    """Starts a cluster of an engine, with two nodes; it ends with the test."""
    with contextlib.ExitStack() as started:

        def start(engine: str, env: dict[str, str] | None = None):
            return started.enter_context(running_cluster(engine, tmp_path / "cluster", 2, env))

        yield start
    shutil.rmtree(tmp_path, ignore_errors=True)
