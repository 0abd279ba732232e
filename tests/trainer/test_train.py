"""`tintmill train`: what a run leaves behind, stopping and going on, replicas, and what it refuses."""

import csv
import json
import math
import shutil
import signal
from pathlib import Path

import keras
import numpy as np
import pytest

from tests.support import helpers, training
from tintmill.model.prediction import saved_model
from tintmill.pipeline.dataset.manifest import open_dataset
from tintmill.trainer.input import order, shards
from tintmill.trainer.run.folder import RunFolder
from tintmill.trainer.run.settings import TrainSettings


@pytest.fixture(scope="module")
def toy_run(plain_dataset, runs) -> Path:
    """20 undisturbed steps of `toy_dropout` on one device."""
    return training.trained(plain_dataset, runs / "toy", "toy_dropout", "--steps=20")


def koala(data, run, *more) -> tuple:
    """Arguments of a training of the real network, long enough to be stopped on its way."""
    return data, run, "koalarization", "--steps=30", "--keep_checkpoints=1", *more


@pytest.fixture(scope="module")
def koala_run(dataset, runs) -> Path:
    """30 undisturbed steps of `koalarization` on one device."""
    return training.trained(*koala(dataset, runs / "koala"))


def stop(process, run: Path, after: int, number: int) -> int:
    """Signals a training once `after` steps are logged; returns its exit code."""
    helpers.wait_until(lambda: training.logged_step(run) >= after, process)
    process.send_signal(number)
    return process.wait(helpers.TIMEOUT)


def test_a_run_holds_what_it_promises(toy_run, plain_dataset):
    names = sorted(path.name for path in toy_run.iterdir())
    files = ["dataset.json", "flags.txt", "ids.jsonl", "metrics.csv", "model.keras", "settings.json", "starts.jsonl"]
    assert names == sorted([*files, "checkpoints", "tensorboard"])
    assert training.checkpoint_steps(toy_run) == [10, 20]
    assert RunFolder(str(toy_run)).read_manifest() == open_dataset(str(plain_dataset)).manifest
    assert RunFolder(str(toy_run)).read_settings()["network"] == "toy_dropout"
    assert list((toy_run / "tensorboard").glob("events.out.tfevents.*"))
    (start,) = RunFolder(str(toy_run)).read_starts()
    assert (start.step, start.devices, start.workers) == (0, ["CPU:0"], 1)
    assert set(start.versions) == {"tintmill", "tensorflow", "keras", "numpy", "python"}


def test_metrics_have_a_row_every_so_many_steps(toy_run):
    with open(toy_run / "metrics.csv") as f:
        rows = list(csv.DictReader(f))
    assert [int(row["step"]) for row in rows] == [5, 10, 15, 20]
    assert [row["epoch"] for row in rows] == [f"{step * 6 / 27:.4f}" for step in (5, 10, 15, 20)]
    assert all(0 < float(row["loss"]) < math.inf and float(row["pictures_per_second"]) > 0 for row in rows)
    assert all(0 <= float(row["waiting"]) <= 1 for row in rows)
    assert float(rows[-1]["loss"]) < float(rows[0]["loss"])


def test_the_logged_ids_are_the_batches_of_the_seed(toy_run, plain_dataset):
    opened = open_dataset(str(plain_dataset))
    names = shards.record_ids(opened, "train", np.arange(27))
    wanted = [
        (step + 1, [names[i] for i in order.step_records(27, TrainSettings().seed, step, 6)]) for step in range(20)
    ]
    assert training.logged_ids(toy_run) == wanted


def test_the_saved_network_is_that_of_the_last_checkpoint(toy_run):
    network = keras.saving.load_model(toy_run / "model.keras", compile=False)
    arrays = training.checkpoint_arrays(toy_run)
    for i, variable in enumerate(network.variables):
        name = f"{i} {variable.path}"
        if "seed_generator" not in name:
            np.testing.assert_array_equal(np.asarray(variable), arrays[name])


def test_the_flags_of_a_run_repeat_it(toy_run, runs):
    """flags.txt is a flag file; --run after it makes it another run, with the same result to the bit."""
    repeated = runs / "repeated"
    line = training.command_line(f"--flagfile={toy_run / 'flags.txt'}", f"--run={repeated}")
    process = helpers.start(["env", f"PYTHONPATH={training.ROOT}", *line])
    _, stderr = process.communicate(timeout=helpers.TIMEOUT)
    assert process.returncode == 0, stderr
    training.assert_same_checkpoint(repeated, toy_run)


def test_another_seed_is_another_training(plain_dataset, toy_run, runs):
    other = training.trained(
        plain_dataset, runs / "seed", "toy_dropout", "--steps=5", "--checkpoint_every=5", "--seed=1"
    )
    assert training.losses(other)[0] != training.losses(toy_run)[0]
    assert training.logged_ids(other)[0] != training.logged_ids(toy_run)[0]


@pytest.mark.parametrize("replicas", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_run_in_two_parts_equals_one_run(plain_dataset, toy_run, runs, replicas):
    """To step 10, then to step 20, with dropout: weights, optimizer, random state and logs are those of one go."""
    more = "toy_dropout", f"--replicas={replicas}", "--keep_checkpoints=1"
    whole = toy_run
    if replicas > 1:
        whole = training.trained(plain_dataset, runs / "whole", *more, "--steps=20")
    parts = training.trained(plain_dataset, runs / f"parts{replicas}", *more, "--steps=10")
    assert training.checkpoint_steps(parts) == [10]
    training.trained(plain_dataset, parts, *more, "--steps=20")
    training.assert_same_checkpoint(parts, whole)
    assert training.metrics(parts) == training.metrics(whole)
    assert training.logged_ids(parts) == training.logged_ids(whole)


def test_a_finished_run_is_left_as_it_is(plain_dataset, toy_run):
    before = {path: path.read_bytes() for path in (toy_run / "checkpoints").iterdir()}
    logs = training.metrics(toy_run), training.logged_ids(toy_run)
    done = training.train(plain_dataset, toy_run, "toy_dropout", "--steps=20")
    assert done.returncode == 0, done.stderr
    assert "resumed at step 20, to step 20" in done.stderr
    assert {path: path.read_bytes() for path in (toy_run / "checkpoints").iterdir()} == before
    assert (training.metrics(toy_run), training.logged_ids(toy_run)) == logs


@pytest.mark.slow
def test_stopped_by_signals_equals_never_stopped(dataset, koala_run, runs):
    """SIGTERM saves and exits with 0, Ctrl-C saves and exits with 130; gone on with, the run ends as if undisturbed."""
    arguments = koala(dataset, runs / "stopped")
    run = Path(arguments[1])
    saved = []
    for after, number, code in ((5, signal.SIGTERM, 0), (15, signal.SIGINT, 130)):
        assert stop(training.start(*arguments), run, after, number) == code
        saved += training.checkpoint_steps(run)
        assert saved[-1] == training.logged_step(run) >= after
        assert not (run / "model.keras").exists()
    assert saved[0] < saved[1] < 30
    training.trained(*arguments)
    training.assert_same_checkpoint(run, koala_run)
    assert training.metrics(run) == training.metrics(koala_run)
    assert training.logged_ids(run) == training.logged_ids(koala_run)
    log = Path(f"{run}.log").read_text()
    assert f"stopped at step {saved[0]} of 30, saved; run the same command again to go on" in log
    assert f"resumed at step {saved[0]}, to step 30" in log
    assert "Traceback" not in log
    shutil.rmtree(run)


@pytest.mark.slow
@pytest.mark.parametrize("network", ["koalarization", "toy_norm"])
def test_two_replicas_equal_one(dataset, runs, network):
    """At the same global batch: the same pictures in each step, losses and statistics within 1e-5.

    `toy_norm` has batch normalisation: its mean and variance are those of the global batch. The learning rate is low
    because a high one lets Adam blow up the rounding of sums.
    """
    more = "--steps=10", "--log_every=1", "--keep_checkpoints=1", "--learning_rate=1e-4"
    one, two = (training.trained(dataset, runs / f"{network}{n}", network, *more, f"--replicas={n}") for n in (1, 2))
    assert training.logged_ids(two) == training.logged_ids(one)
    assert len(training.losses(one)) == 10
    np.testing.assert_allclose(training.losses(two), training.losses(one), atol=1e-5, rtol=0)
    arrays, others = training.checkpoint_arrays(one), training.checkpoint_arrays(two)
    for name in arrays:
        if "moving" in name:
            np.testing.assert_allclose(others[name], arrays[name], atol=1e-5)
    for run in (one, two):
        shutil.rmtree(run)


def test_bfloat16_computes_low_and_keeps_float32(plain_dataset, toy_run, runs):
    run = training.trained(
        plain_dataset,
        runs / "bf16",
        "toy_norm",
        "--steps=2",
        "--log_every=1",
        "--checkpoint_every=2",
        "--precision=bfloat16",
    )
    assert np.isfinite(training.losses(run)).all()
    kernels = {name: array.dtype for name, array in training.checkpoint_arrays(run).items() if "kernel" in name}
    assert set(map(str, kernels.values())) == {"float32"}
    network = saved_model.load_model(str(run))
    assert network.get_layer("conv2d").compute_dtype == "bfloat16"


def test_epochs_are_rounded_up_to_whole_steps(plain_dataset, runs):
    """1.5 epochs of 27 pictures in batches of 6 are 6.75 steps."""
    run = training.trained(plain_dataset, runs / "epochs", "toy_dropout", "--epochs=1.5", "--steps=999")
    assert training.checkpoint_steps(run) == [7]
    assert [step for step, _ in training.logged_ids(run)] == list(range(1, 8))
    assert [row[0] for row in training.metrics(run)] == ["5", "7"]


def test_a_loss_that_is_no_number_stops_with_step_batch_and_last_checkpoint(plain_dataset, runs):
    run = runs / "nan"
    more = "--learning_rate=1e30", "--steps=20", "--log_every=1", "--checkpoint_every=1", "--keep_checkpoints=9"
    done = training.train(plain_dataset, run, "toy_norm", *more)
    wanted = "the last good checkpoint is of step", "--learning_rate"
    helpers.assert_one_line_error(done, "the loss is", "at step", *wanted)
    line = helpers.last_line(done.stderr)
    step = int(line.split("at step ")[1].split(";")[0])
    ids = shards.record_ids(open_dataset(str(plain_dataset)), "train", order.step_records(27, 0, step - 1, 6))
    assert str(ids) in line
    named = line.split("checkpoint is of step ")[1].split(";")[0]
    saved = training.checkpoint_steps(run)
    assert named == (str(saved[-1]) if saved else "none")
    for number in saved:
        assert all(np.isfinite(array).all() for array in training.checkpoint_arrays(run, number).values()), number
    assert np.isfinite(training.losses(run)).all()
    assert not (run / "model.keras").exists()


def test_the_first_loss_that_is_no_number_has_no_checkpoint_before_it(plain_dataset, runs):
    done = training.train(plain_dataset, runs / "nan_at_once", "toy_norm", "--learning_rate=1e30", "--steps=20")
    helpers.assert_one_line_error(done, "the loss is", "the last good checkpoint is of step none")


REFUSALS = {
    "a split that is not there": (["--split=test"], ["no split 'test'", "train, val"], 1),
    "checkpoints between the calls": (["--checkpoint_every=7"], ["--checkpoint_every=7", "--log_every=5"], 2),
    "epochs of batches without a picture": (["--epochs=1", "--global_batch=0"], ["--global_batch=0", "at least 1"], 2),
    "a negative number of epochs": (["--epochs=-1"], ["--epochs=-1", "a number of epochs"], 2),
    "arguments that are no flags": (["photo.jpg"], ["wanted flags only", "photo.jpg"], 2),
}
LATER_REFUSALS = {
    "a network that is not there": (["--network=nonesuch"], ["--network=nonesuch", "koalarization"], 2),
    "a loss that is not there": (["--loss=nonesuch"], ["--loss=nonesuch", "mse"], 2),
    "a network that needs an embedding": (
        ["--network=koalarization"],
        ["koalarization needs an embedding", "--embedder"],
        1,
    ),
    "a batch that does not divide": (
        ["--replicas=2", "--global_batch=5"],
        ["--global_batch=5", "2 replicas", "4 or 6"],
        1,
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_it_refuses(plain_dataset, tmp_path, case):
    more, parts, code = REFUSALS[case]
    done = training.refused(plain_dataset, tmp_path / "run", "toy_dropout", *more)
    helpers.assert_one_line_error(done, *parts, code=code)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("case", LATER_REFUSALS)
def test_it_refuses_before_the_first_step(plain_dataset, tmp_path, case):
    more, parts, code = LATER_REFUSALS[case]
    done = training.train(plain_dataset, tmp_path / "run", "toy_dropout", *more)
    helpers.assert_one_line_error(done, *parts, code=code)
    assert not list(tmp_path.rglob("*.npz"))


def test_a_refused_run_can_begin_again_with_the_flag_put_right(plain_dataset, tmp_path):
    """A mistyped network leaves nothing behind that the right one would trip over."""
    for network, code in (("nonesuch", 2), ("toy_dropout", 0)):
        done = training.train(plain_dataset, tmp_path / "run", network, "--steps=5")
        assert done.returncode == code, done.stderr


def test_a_run_of_other_settings_is_refused(plain_dataset, toy_run):
    done = training.refused(plain_dataset, toy_run, "toy_dropout", "--seed=5", "--global_batch=9")
    helpers.assert_one_line_error(done, "begun with other settings", "seed 0 -> 5", "global_batch 6 -> 9")


def test_a_run_of_another_dataset_is_refused(plain_dataset, toy_run, tmp_path):
    other = Path(shutil.copytree(toy_run, tmp_path / "other"))
    manifest = json.loads((other / "dataset.json").read_text())
    (other / "dataset.json").write_text(json.dumps(manifest | {"fingerprint": "f" * 64}))
    done = training.refused(plain_dataset, other, "toy_dropout")
    helpers.assert_one_line_error(done, str(other), "was begun on dataset toy")


def test_a_run_of_another_embedder_is_refused(dataset, toy_run):
    done = training.refused(dataset, toy_run, "toy_dropout")
    helpers.assert_one_line_error(done, "has embedder mobilenet_v2", "was trained with None")


def test_a_folder_that_is_no_dataset_is_refused(tmp_path):
    done = training.refused(tmp_path, tmp_path / "run")
    helpers.assert_one_line_error(done, str(tmp_path), "no manifest.json in it")


def test_a_run_below_a_regular_file_is_refused(plain_dataset, tmp_path):
    (tmp_path / "file").write_text("")
    done = training.refused(plain_dataset, tmp_path / "file" / "run")
    helpers.assert_one_line_error(done, f"--run={tmp_path / 'file' / 'run'}", "cannot be written")


def test_a_wrong_flag_exits_with_two(plain_dataset, tmp_path):
    done = training.refused(plain_dataset, tmp_path / "run", "toy_dropout", "--precision=float64")
    assert done.returncode == 2
    assert "--precision" in done.stderr
    assert "Traceback" not in done.stderr


def test_only_damaged_checkpoints_are_refused(plain_dataset, toy_run, tmp_path):
    run = Path(shutil.copytree(toy_run, tmp_path / "run"))
    for path in (run / "checkpoints").iterdir():
        path.write_bytes(path.read_bytes()[:-100])
    done = training.train(plain_dataset, run, "toy_dropout", "--steps=20")
    helpers.assert_one_line_error(done, "all 2 checkpoints are damaged")


def test_a_damaged_newest_checkpoint_costs_only_the_steps_since_the_one_before(plain_dataset, toy_run, tmp_path):
    run = Path(shutil.copytree(toy_run, tmp_path / "run"))
    newest = run / "checkpoints" / "step-0000000020.npz"
    newest.write_bytes(newest.read_bytes()[:-100])
    done = training.train(plain_dataset, run, "toy_dropout", "--steps=20")
    assert done.returncode == 0, done.stderr
    assert f"WARNING {newest} is damaged" in done.stderr
    assert "resumed at step 10" in done.stderr
    training.assert_same_checkpoint(run, toy_run)
    assert training.metrics(run) == training.metrics(toy_run)
    assert training.logged_ids(run) == training.logged_ids(toy_run)
