"""Training by several processes: real ones, over loopback, in the layout of TF_CONFIG."""

import json
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest

from tests.support import helpers, training
from tintmill.pipeline.common.errors import TintmillError
from tintmill.trainer.run.folder import RunFolder
from tintmill.trainer.training import cluster

WORKERS = {"worker": ["a:1", "b:1", "c:1"]}
BATCH = 12


def tf_config(monkeypatch, tasks, kind, index) -> cluster.Cluster:
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": tasks, "task": {"type": kind, "index": index}}))
    return cluster.read_environment()


def test_without_tf_config_a_process_is_alone(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    assert cluster.read_environment() == cluster.Cluster(0, 1)
    assert cluster.read_environment().chief


def test_the_first_worker_or_the_chief_writes(monkeypatch):
    assert tf_config(monkeypatch, WORKERS, "worker", 0) == cluster.Cluster(0, 3)
    assert tf_config(monkeypatch, WORKERS, "worker", 2) == cluster.Cluster(2, 3)
    with_chief = WORKERS | {"chief": ["d:1"]}
    assert tf_config(monkeypatch, with_chief, "chief", 0) == cluster.Cluster(0, 4)
    assert tf_config(monkeypatch, with_chief, "worker", 0) == cluster.Cluster(1, 4)


@pytest.mark.parametrize(
    ("tasks", "kind", "index"), [(WORKERS, "worker", 3), (WORKERS, "ps", 0), (WORKERS | {"ps": ["e:1"]}, "worker", 0)]
)
def test_other_tasks_are_refused(monkeypatch, tasks, kind, index):
    with pytest.raises(TintmillError, match=r"TF_CONFIG=.*wanted tasks of chief and worker alone"):
        tf_config(monkeypatch, tasks, kind, index)


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"cluster": {"worker": ["a:1"]}, "task": {}}'])
def test_a_damaged_tf_config_is_refused(monkeypatch, text):
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(TintmillError, match=r"TF_CONFIG=.*wanted .*cluster"):
        cluster.read_environment()


def steps(data, run, count: int = 10) -> tuple:
    """`toy_norm` normalises over the global batch; the rate is low because Adam blows up the rounding of sums."""
    few = "--log_every=1", "--checkpoint_every=5", "--learning_rate=1e-4", f"--global_batch={BATCH}"
    return data, run, "toy_norm", f"--steps={count}", *few


@pytest.fixture(scope="module")
def alone(plain_dataset, runs) -> Path:
    return training.trained(*steps(plain_dataset, runs / "alone"))


def assert_same_training(run: Path, wanted: Path) -> None:
    """The same pictures in each step, and losses and weights within 1e-5."""
    assert training.logged_ids(run) == training.logged_ids(wanted)
    np.testing.assert_allclose(training.losses(run), training.losses(wanted), atol=1e-5, rtol=0)
    arrays, others = training.checkpoint_arrays(run), training.checkpoint_arrays(wanted)
    assert list(arrays) == list(others)
    for name in arrays:
        np.testing.assert_allclose(arrays[name], others[name], atol=1e-5, rtol=1e-5, err_msg=name)


def test_four_replicas_train_as_one_device(plain_dataset, alone, runs):
    assert_same_training(training.trained(*steps(plain_dataset, runs / "replicas"), "--replicas=4"), alone)


@pytest.mark.slow
@pytest.mark.parametrize(("workers", "replicas"), [(2, 1), (3, 1), (2, 2)])
def test_workers_train_as_one_device(plain_dataset, alone, runs, workers, replicas):
    run = runs / f"workers{workers}x{replicas}"
    training.trained_by_workers(workers, *steps(plain_dataset, run), replicas=replicas)
    assert_same_training(run, alone)


@pytest.mark.slow
def test_a_run_goes_on_with_other_numbers_of_devices(plain_dataset, alone, runs):
    """5 steps on one device, 3 by two workers, 2 on two replicas: as 10 on one device. The run tells of all three."""
    run = runs / "moved"
    training.trained(*steps(plain_dataset, run, 5))
    training.trained_by_workers(2, *steps(plain_dataset, run, 8))
    training.trained(*steps(plain_dataset, run, 10), "--replicas=2")
    assert_same_training(run, alone)
    found = [(start.step, start.workers, start.devices) for start in RunFolder(str(run)).read_starts()]
    assert found == [(0, 1, ["CPU:0"]), (5, 2, ["CPU:0"]), (8, 1, ["CPU:0", "CPU:1"])]


@pytest.mark.slow
def test_what_does_not_divide_by_the_workers_is_refused(plain_dataset, tmp_path):
    workers = training.start_workers(2, *steps(plain_dataset, tmp_path / "run"), "--global_batch=7")
    assert [worker.wait(helpers.TIMEOUT) for worker in workers] == [1, 1]
    for index in range(2):
        said = helpers.last_line(Path(f"{tmp_path}/run.log{index}").read_text())
        assert "--global_batch=7 does not divide by 2 replicas; give 6 or 8" in said


@pytest.mark.slow
def test_one_worker_told_to_stop_stops_all(plain_dataset, runs):
    """SIGTERM to one that is not the chief: the chief saves, and both exit with --stopped_code at the same step."""
    run = runs / "told"
    line = *steps(plain_dataset, run, 100_000), "--stopped_code=75"
    workers = training.start_workers(2, *line)
    helpers.wait_until(lambda: training.logged_step(run) >= 2, workers[0])
    workers[1].send_signal(signal.SIGTERM)
    assert [worker.wait(helpers.TIMEOUT) for worker in workers] == [75, 75]
    at = training.logged_step(run)
    assert training.checkpoint_steps(run)[-1] == at
    for index in range(2):
        assert f"stopped at step {at} of 100000, saved" in Path(f"{run}.log{index}").read_text()
    shutil.rmtree(run)
