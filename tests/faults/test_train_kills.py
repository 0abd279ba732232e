"""Killing training, filling its disk, damaging what it reads: a rerun ends as a run without any fault."""

import collections
import contextlib
import os
import random
import resource
import shutil
import signal
import subprocess
import time
from pathlib import Path

import keras
import numpy as np
import pytest

from tests.support import helpers, training
from tintmill.pipeline.dataset.manifest import open_dataset
from tintmill.trainer.input import shards

pytestmark = pytest.mark.faults

STEPS = 60


def arguments(data, run, replicas: int = 1) -> tuple:
    return data, run, "koalarization", f"--steps={STEPS}", f"--replicas={replicas}", "--learning_rate=1e-4"


@pytest.fixture(scope="module", params=[1, 2], ids=["one replica", "two replicas"])
def undisturbed(request, dataset, runs):
    """A run that nobody disturbs, and the number of its replicas."""
    run = training.trained(*arguments(dataset, runs / f"undisturbed{request.param}", request.param))
    yield run, request.param
    shutil.rmtree(run)


def between_checkpoints(run: Path) -> bool:
    """After the first checkpoint, and logged ahead of it."""
    saved = training.checkpoint_steps(run)
    return bool(saved) and training.logged_step(run) > saved[-1]


def kill_when(condition, process) -> None:
    helpers.wait_until(condition, process)
    helpers.kill_group(process)
    assert process.returncode == -signal.SIGKILL


def kill_three_times(run: Path, begin) -> list[int]:
    """Kills before the first checkpoint, between two, and while one is written; returns the steps logged by then."""
    moments = [
        lambda: training.logged_step(run) >= 5,
        lambda: between_checkpoints(run) and training.logged_step(run) >= 15,
        lambda: training.logged_step(run) >= 30 and training.writing_checkpoint(run),
    ]
    logged = []
    for moment in moments:
        kill_when(moment, begin())
        logged.append(training.logged_step(run))
    return logged


@pytest.fixture(scope="module")
def killed(undisturbed, dataset, runs):
    """The same run with three kill -9, ended by a fourth start; (run, the undisturbed one)."""
    wanted, replicas = undisturbed
    run = runs / f"killed{replicas}"
    line = arguments(dataset, run, replicas)
    logged = kill_three_times(run, lambda: training.start(*line))
    assert logged[0] < STEPS
    assert list((run / "checkpoints").glob(".tmp-*")), "no kill fell into the writing of a checkpoint"
    training.trained(*line)
    yield run, wanted
    shutil.rmtree(run)


def batches(run: Path) -> dict[int, list[str]]:
    return dict(training.logged_ids(run))


def epochs_of(run: Path, records: int) -> list[list[str]]:
    """The ids in the order they were trained on, cut into epochs; the last one may be short."""
    ids = [name for _, names in training.logged_ids(run) for name in names]
    return [ids[i : i + records] for i in range(0, len(ids), records)]


def test_killed_weights_equal_undisturbed_ones(killed):
    """Weights, optimizer and counters after three kills are those of no kill, bit for bit."""
    training.assert_same_checkpoint(*killed)


def test_killed_metrics_equal_undisturbed_ones(killed):
    """metrics.csv has every row once with the same numbers, but for the speed."""
    run, wanted = killed
    assert training.metrics(run) == training.metrics(wanted)
    assert [int(row[0]) for row in training.metrics(run)] == list(range(5, STEPS + 1, 5))


def test_no_step_and_no_picture_is_missing_after_kills(killed, dataset):
    """Every step is logged, and every whole epoch has all pictures of the split."""
    run, _ = killed
    assert set(range(1, STEPS + 1)) - set(batches(run)) == set()
    opened = open_dataset(str(dataset))
    records = opened.splits["train"]
    everything = set(shards.record_ids(opened, "train", range(records)))
    for epoch in epochs_of(run, records)[:-1]:
        assert everything - set(epoch) == set()


def test_no_step_and_no_picture_comes_twice_after_kills(killed, dataset):
    """No step is logged twice, and no epoch has a picture twice."""
    run, _ = killed
    assert max(collections.Counter(step for step, _ in training.logged_ids(run)).values()) == 1
    for epoch in epochs_of(run, open_dataset(str(dataset)).splits["train"]):
        assert max(collections.Counter(epoch).values()) == 1


def test_order_is_kept_after_kills(killed):
    """Steps and the pictures in each are in the order of the undisturbed run."""
    run, wanted = killed
    assert training.logged_ids(run) == training.logged_ids(wanted)


def test_nothing_half_written_stays_after_kills(killed):
    """What a killed write left is gone; only the last checkpoints are there."""
    run, _ = killed
    assert not [path for path in run.rglob("*") if path.name.startswith(".tmp-")]
    assert training.checkpoint_steps(run) == [50, 60]
    assert (run / "model.keras").exists()


def test_random_state_survives_a_kill(plain_dataset, runs):
    """Dropout goes on where it was: killed after a checkpoint, the run ends as if undisturbed."""
    more = "toy_dropout", "--steps=3000"
    wanted = training.trained(plain_dataset, runs / "dropout_wanted", *more)
    run = runs / "dropout_killed"
    kill_when(lambda: between_checkpoints(run), training.start(plain_dataset, run, *more))
    assert training.logged_step(run) < 3000
    training.trained(plain_dataset, run, *more)
    training.assert_same_checkpoint(run, wanted)
    assert training.metrics(run) == training.metrics(wanted)


def test_kills_at_random_moments_change_nothing(plain_dataset, runs):
    """With dropout, augmentation, a moving average swapped in for each validation, and the best network kept.

    TINTMILL_KILLS sets how many.
    """
    kills = int(os.environ.get("TINTMILL_KILLS", "10"))
    more = "toy_dropout", f"--steps={200 * kills}", "--mirror", "--lightness_jitter=0.1"
    more += "--validation_split=val", "--validate_every=5", "--keep=best", "--ema=0.9", "--clip_norm=0.1"
    wanted, run = training.trained(plain_dataset, runs / "random_wanted", *more), runs / "random_killed"
    moments = random.Random(0)
    for _ in range(kills):
        saved = (training.checkpoint_steps(run) or [0])[-1]
        target, delay = saved + moments.randrange(1, 150), moments.random() / 10

        def comes(target=target, delay=delay) -> bool:
            if training.logged_step(run) < target:
                return False
            time.sleep(delay)
            return True

        kill_when(comes, training.start(plain_dataset, run, *more))
    training.trained(plain_dataset, run, *more)
    training.assert_same_checkpoint(run, wanted)
    assert training.metrics(run) == training.metrics(wanted)
    assert training.logged_ids(run) == training.logged_ids(wanted)
    assert (run / "validation.csv").read_text() == (wanted / "validation.csv").read_text()
    assert [path.name for path in (run / "best").iterdir()] == [path.name for path in (wanted / "best").iterdir()]
    first, second = (keras.saving.load_model(path / "model.keras", compile=False) for path in (run, wanted))
    for one, other in zip(first.weights, second.weights, strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy())


def test_a_killed_worker_ends_the_job_and_a_restart_goes_on(plain_dataset, runs):
    """The others end with one line that names it; all started again, the run ends as if undisturbed, bit for bit."""
    more = "toy_dropout", "--steps=60", "--ema=0.9", "--validation_split=val", "--validate_every=10"
    wanted = training.trained_by_workers(2, plain_dataset, runs / "workers_wanted", *more)
    run = runs / "workers_killed"
    for killed, after in ((1, 15), (0, 35)):
        workers = training.start_workers(2, plain_dataset, run, *more)
        kill_when(lambda after=after: training.logged_step(run) >= after, workers[killed])
        other = 1 - killed
        log = Path(f"{run}.log{other}")
        assert workers[other].wait(helpers.TIMEOUT) != 0
        if killed:  # who loses the chief loses the service that would tell, and TensorFlow ends the process
            assert "error: a worker of this job ended before its time" in helpers.last_line(log.read_text())
    training.trained_by_workers(2, plain_dataset, run, *more)
    training.assert_same_checkpoint(run, wanted)
    assert training.metrics(run) == training.metrics(wanted)
    assert training.logged_ids(run) == training.logged_ids(wanted)
    assert (run / "validation.csv").read_text() == (wanted / "validation.csv").read_text()


def test_two_quick_sigterms_do_not_damage_a_run(dataset, runs):
    """The second SIGTERM stops at once (143), possibly in a write; what was saved is whole, and the run goes on."""
    run = runs / "impatient"
    line = arguments(dataset, run)
    process = training.start(*line)
    helpers.wait_until(lambda: training.logged_step(run) >= 15, process)
    process.send_signal(signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(0.05)
    process.send_signal(signal.SIGTERM)
    assert process.wait(helpers.TIMEOUT) in (0, 143)
    for step in training.checkpoint_steps(run):
        assert training.checkpoint_arrays(run, step)
    training.trained(*line)
    assert training.checkpoint_steps(run)[-1] == STEPS
    assert [step for step, _ in training.logged_ids(run)] == list(range(1, STEPS + 1))
    shutil.rmtree(run)


def limited(size: int):
    """A function that keeps its process from writing files of more than `size` bytes, as a full disk would."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def train_limited(size: int, *line) -> subprocess.CompletedProcess:
    return subprocess.run(
        training.command_line(*training.flags(*line)),
        capture_output=True,
        text=True,
        timeout=helpers.TIMEOUT,
        cwd=training.ROOT,
        preexec_fn=limited(size),
        check=False,
    )


def test_a_disk_that_fills_up_in_a_checkpoint_keeps_the_one_before(dataset, runs):
    """The write fails after 40 of 79 MB: one line with the size, the earlier checkpoint whole, the rerun goes on."""
    run = runs / "full"
    line = dataset, run, "koalarization", "--steps=10", "--keep_checkpoints=1"
    training.trained(*line)
    before = (run / "checkpoints" / "step-0000000010.npz").read_bytes()
    longer = (*line, "--steps=20")
    done = train_limited(40_000_000, *longer)
    helpers.assert_one_line_error(done, "step-0000000020.npz", "cannot write 78,", "the last one is kept")
    assert [path.name for path in (run / "checkpoints").iterdir()] == ["step-0000000010.npz"]
    assert (run / "checkpoints" / "step-0000000010.npz").read_bytes() == before
    training.trained(*longer)
    wanted = training.trained(dataset, runs / "full_wanted", *longer[2:])
    training.assert_same_checkpoint(run, wanted)
    assert training.logged_ids(run) == training.logged_ids(wanted)
    for folder in (run, wanted):
        shutil.rmtree(folder)


def test_a_disk_that_fills_up_at_the_end_keeps_the_checkpoints(plain_dataset, runs):
    """There is room for the checkpoints but not for the network: one line, and the rerun only writes it."""
    run = runs / "full_at_the_end"
    line = plain_dataset, run, "toy_dropout", "--steps=10"
    done = train_limited(12_000, *line)
    helpers.assert_one_line_error(done, f"--run={run}", "cannot be written", "run the same command again")
    assert training.checkpoint_steps(run) == [10]
    assert not (run / "model.keras").exists()
    training.trained(*line)


def test_a_shard_that_changes_under_a_run_stops_it_by_name(plain_dataset, runs, tmp_path):
    """The disk flips a byte after the start's check: no wrong picture is trained on, the file is named in one line."""
    data = Path(shutil.copytree(plain_dataset, tmp_path / "copy"))
    run = runs / "flipped"
    process = training.start(data, run, "toy_dropout", "--steps=100000")
    helpers.wait_until(lambda: training.logged_step(run) >= 10, process)
    shard = helpers.shard_files(data)[0]
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    with open(shard, "r+b") as f:  # in place: the run has the file open
        f.write(content)
    assert process.wait(helpers.TIMEOUT) == 1
    log = Path(f"{run}.log").read_text()
    line = helpers.last_line(log)
    assert line.startswith("tintmill train: error: ")
    assert f"{shard}: the record at byte" in line
    assert "Traceback" not in log
