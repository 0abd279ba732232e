"""Fixtures shared by all rooms: real pictures where there are any, and small prepared datasets, made once a session."""

import collections
import itertools
import os
import shutil
import signal
from pathlib import Path

import pytest

from tests.support import gcs, helpers, warm_processes
from tintmill.pipeline.imaging import lab

_NUMBERS = itertools.count()


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real pictures and weights; what lies in it is described by its README.md."""
    folder = os.environ.get("TINTMILL_TEST_DATA")
    if not folder:
        pytest.skip("TINTMILL_TEST_DATA is not set: no real pictures")
    return Path(folder)


@pytest.fixture(scope="session")
def photos(tmp_path_factory) -> Path:
    """40 synthetic photographs in two classes, and among them a grey one and a text that is none."""
    folder = helpers.write_photos(tmp_path_factory.mktemp("photos"), 40)
    (folder / "cat" / "fog.png").write_bytes(helpers.encode(lab.to_grey(helpers.photo_pixels(999))))
    (folder / "dog" / "notes.jpg").write_text("not a picture")
    return folder


@pytest.fixture(scope="session")
def dataset(photos, tmp_path_factory) -> Path:
    """`photos` prepared by one process with an embedder: lab8, splits train and val, several shards."""
    return helpers.prepare(photos, tmp_path_factory.mktemp("datasets"), *helpers.EMBEDDER)


@pytest.fixture(scope="session")
def plain_dataset(photos, tmp_path_factory) -> Path:
    """`photos` prepared without an embedder."""
    return helpers.prepare(photos, tmp_path_factory.mktemp("plain"))


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A folder for a module's run directories, deleted at its end: checkpoints are large."""
    folder = tmp_path_factory.mktemp("runs")
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def storage():
    """An emulator of Google Cloud Storage, one a session, behind a proxy that makes faults."""
    server = gcs.find_server()
    if not server:
        pytest.skip(f"no {gcs.SERVER}: `make test` installs it where there is Go")
    with gcs.running(server) as running:
        yield running


@pytest.fixture
def bucket(storage, monkeypatch) -> gcs.Bucket:
    """An empty bucket, which this process and all that it starts take for Google's; no faults yet."""
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", storage.url)
    monkeypatch.setattr("tintmill.pipeline.common.gcs._FIRST_DELAY", 0.01)
    storage.forget()
    made = gcs.Bucket(storage, f"bucket-{next(_NUMBERS)}")
    yield made
    storage.forget()


_ALL = pytest.StashKey[int]()  # tests of the full suite, as far as its files were collected
_COUNTS = pytest.StashKey[tuple[int, int]]()  # tests that were chosen, and `_ALL`


def pytest_configure(config):
    """Tests started in the background of a script inherit that SIGINT is ignored, and so would what they interrupt."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """JAX, which Keras imports where there is one, sets TensorFlow's log level for all children; they set their own."""
    os.environ.pop("TF_CPP_MIN_LOG_LEVEL", None)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    """Puts files with many slow tests first, so that no worker begins a long one when the others are done."""
    slow = collections.Counter(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: -slow[item.path])
    config.stash[_ALL] = sum(not any(item.get_closest_marker(name) for name in ("faults", "cluster")) for item in items)


def pytest_collection_finish(session):
    """Tells xdist's controller, which collects nothing itself, what its workers collected."""
    warm_processes.server_environment()
    config = session.config
    config.stash[_COUNTS] = len(session.items), config.stash.get(_ALL, 0)
    if hasattr(config, "workeroutput"):
        config.workeroutput["counts"] = config.stash[_COUNTS]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node, error):
    """Takes over what `pytest_collection_finish` told."""
    node.config.stash[_COUNTS] = getattr(node, "workeroutput", {}).get("counts", (0, 0))


def pytest_terminal_summary(terminalreporter, config):
    """Says what was left out, if `slow` tests were."""
    chosen, everything = config.stash.get(_COUNTS, (0, 0))
    if chosen < everything and "not slow" in config.option.markexpr:
        terminalreporter.write_line(f"{chosen:,} of {everything:,} tests; all of them: make test-all")
