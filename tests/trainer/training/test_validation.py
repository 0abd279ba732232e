"""Validation during training: what it says, that it changes nothing, which network is kept, when a run ends early."""

from pathlib import Path

import numpy as np
import pytest

from tests.support import helpers, training
from tintmill.model.prediction import saved_model
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.dataset.manifest import open_dataset
from tintmill.pipeline.imaging import lab
from tintmill.trainer.evaluation import on_records
from tintmill.trainer.run import best
from tintmill.trainer.run.folder import RunFolder
from tintmill.trainer.run.settings import TrainSettings

VALIDATED = "toy_dropout", "--steps=20", "--validate_every=5", "--validation_split=val"


def validations(run: Path) -> list[dict]:
    return RunFolder(str(run)).read_validations()


@pytest.fixture(scope="module")
def validated(plain_dataset, runs) -> Path:
    """20 steps of `toy_dropout`, validated after every 5th, on all of val."""
    return training.trained(plain_dataset, runs / "validated", *VALIDATED)


def test_validation_changes_nothing_of_the_training(validated, plain_dataset, runs):
    """With dropout: a validation that drew random numbers or trained would show in the weights."""
    plain = training.trained(plain_dataset, runs / "plain", "toy_dropout", "--steps=20")
    training.assert_same_checkpoint(validated, plain)
    assert training.metrics(validated) == training.metrics(plain)
    assert not (plain / "validation.csv").exists()
    assert not (plain / "best").exists()


def test_val_is_validated_on_by_default_and_at_the_end(plain_dataset, runs):
    run = training.trained(plain_dataset, runs / "default", "toy_dropout", "--steps=18", "--validate_every=7")
    assert [row["step"] for row in validations(run)] == [10, 15, 18]  # after the compiled calls of 7 and 14


def test_its_numbers_are_those_of_the_whole_split(validated, plain_dataset):
    """The last row against the saved network's answers, computed in NumPy."""
    rows = validations(validated)
    assert [row["step"] for row in rows] == [5, 10, 15, 20]
    opened, model = open_dataset(str(plain_dataset)), saved_model.load_model(str(validated))
    examples = list(on_records.predictions(model, opened, "val", batch=4))
    assert len(examples) == opened.splits["val"] < 128
    wanted = {"loss": [], "psnr": [], "chroma": [], "true_chroma": []}
    for example in examples:
        truth, answer = example.lab, np.concatenate([example.lab[..., :1], example.ab], axis=-1)
        wanted["loss"].append(np.mean(((answer - truth)[..., 1:] / 128) ** 2))
        error = np.mean((lab.lab_to_rgb(answer.astype(np.float64)) - lab.lab_to_rgb(truth.astype(np.float64))) ** 2)
        wanted["psnr"].append(-10 * np.log10(error))
        wanted["chroma"].append(np.linalg.norm(answer[..., 1:], axis=-1).mean())
        wanted["true_chroma"].append(np.linalg.norm(truth[..., 1:], axis=-1).mean())
    means = {name: np.mean(values) for name, values in wanted.items()}
    assert rows[-1]["loss"] == pytest.approx(means["loss"], rel=1e-4)
    assert rows[-1]["psnr"] == pytest.approx(means["psnr"], abs=1e-3)
    assert rows[-1]["chroma"] == pytest.approx(means["chroma"] / means["true_chroma"], rel=1e-4)


def test_tensorboard_has_numbers_and_pictures_of_each_validation(validated):
    import tensorflow as tf

    found = {}
    for path in (validated / "tensorboard").iterdir():
        for event in tf.compat.v1.train.summary_iterator(str(path)):
            for value in event.summary.value:
                found.setdefault(value.tag, []).append((event.step, value.tensor))
    assert [step for step, _ in found["validation/psnr"]] == [5, 10, 15, 20]
    step, pictures = found["validation: grey, coloured, truth"][-1]
    width, height, *encoded = pictures.string_val
    assert (step, int(width), int(height), len(encoded)) == (20, 3 * 32, 32, 8)
    grey = tf.io.decode_png(encoded[0]).numpy()[:, :32]
    assert np.ptp(grey.astype(int), axis=-1).max() <= 1


@pytest.mark.slow
def test_a_run_in_two_parts_validates_as_one_run(validated, plain_dataset, runs):
    """Stopped between a validation and the next checkpoint's, nothing of validation.csv or of the best is other."""
    parts = runs / "parts"
    more = VALIDATED[0], *VALIDATED[2:], "--keep=best"
    training.trained(plain_dataset, parts, *more, "--steps=10")
    (parts / "best" / "step-0000000015.keras").write_bytes(b"of a killed run, after its last checkpoint")
    training.trained(plain_dataset, parts, *more, "--steps=20")
    assert (parts / "validation.csv").read_text() == (validated / "validation.csv").read_text()
    settings = TrainSettings(validation_split="val", log_every=5)
    name = f"step-{best.find_best_step(validations(parts), settings):010d}.keras"
    assert [path.name for path in (parts / "best").iterdir()] == [name]
    assert (parts / "model.keras").read_bytes() == (parts / "best" / name).read_bytes()


@pytest.mark.slow
def test_a_run_without_progress_ends_early_with_its_best_network(plain_dataset, runs):
    """At a rate that changes no weight all validations are equal, so the first is the best, and the third the end."""
    line = plain_dataset, runs / "early", *VALIDATED, "--learning_rate=1e-30", "--patience=2", "--keep=best"
    done = training.train(*line)
    assert done.returncode == 0, done.stderr
    assert "stopped early: no better loss in 2 validations, best at step 5" in done.stderr
    run = runs / "early"
    assert [row["step"] for row in validations(run)] == [5, 10, 15]
    assert training.checkpoint_steps(run) == [10, 15]
    assert (run / "model.keras").read_bytes() == (run / "best" / "step-0000000005.keras").read_bytes()
    training.trained(*line)  # once more: it has ended, and stays as it is
    assert [row["step"] for row in validations(run)] == [5, 10, 15]


def rows(*values: float, column: str = "loss") -> list[dict]:
    """Rows of validation.csv at steps 10, 20, ..."""
    return [{"step": 10.0 * (i + 1), "loss": 1.0, "psnr": 1.0} | {column: value} for i, value in enumerate(values)]


@pytest.mark.parametrize(
    ("column", "values", "step"),
    [
        ("loss", (3, 1, 2), 20),
        ("loss", (1, 1, 2), 10),
        ("loss", (np.nan, 5, np.inf), 20),
        ("psnr", (3, 1, 2), 10),
        ("psnr", (3, 9, np.inf), 20),
        ("loss", (), None),
        ("loss", (np.nan,), None),
    ],
)
def test_the_best_is_the_first_of_the_lowest_losses_or_the_highest_psnrs(column, values, step):
    assert best.find_best_step(rows(*values, column=column), TrainSettings(best_by=column)) == step


@pytest.mark.parametrize(
    ("values", "patience", "ended"),
    [((3, 1, 2), 1, True), ((3, 1, 2), 2, False), ((3, 2, 1), 1, False), ((1, 2, 3), 0, False), ((), 1, False)],
)
def test_patience_counts_the_validations_since_the_best(values, patience, ended):
    settings = TrainSettings(patience=patience, validation_split="val")
    assert best.is_out_of_patience(rows(*values), settings) == ended


class Network:
    """What can be saved."""

    def save(self, path: str) -> None:
        Path(path).write_bytes(b"network")


def test_only_the_best_network_is_kept(tmp_path):
    settings = TrainSettings(validation_split="val")
    kept = []
    for count in (1, 2, 3, 4):
        best.keep(RunFolder(str(tmp_path)), Network(), rows(3, 1, 2, 0.5)[:count], settings)
        kept.append([path.name for path in (tmp_path / "best").iterdir()])
    assert kept == [[f"step-{step:010d}.keras"] for step in (10, 20, 20, 40)]
    best.remove_after(RunFolder(str(tmp_path)), 40)
    assert len(list((tmp_path / "best").iterdir())) == 1
    best.remove_after(RunFolder(str(tmp_path)), 30)
    assert not list((tmp_path / "best").iterdir())


def test_a_best_without_any_finite_number_is_an_error(tmp_path):
    with pytest.raises(TintmillError, match=r"--keep=best: no finite loss in .*validation.csv"):
        best.publish(RunFolder(str(tmp_path)), rows(np.nan), TrainSettings(validation_split="val"))


@pytest.mark.parametrize(
    ("more", "parts"),
    [
        (["--validate_every=0", "--patience=3"], ["--patience=3", "--validation_split and --validate_every"]),
        (["--validation_split=", "--validate_every=5", "--keep=best"], ["--keep=best", "--validation_split"]),
    ],
)
def test_it_refuses(plain_dataset, tmp_path, more, parts):
    done = training.refused(plain_dataset, tmp_path / "run", "toy_dropout", *more)
    helpers.assert_one_line_error(done, *parts, code=2)


def test_a_split_to_validate_on_that_is_not_there_is_refused(plain_dataset, tmp_path):
    done = training.refused(plain_dataset, tmp_path / "run", "toy_dropout", "--validation_split=nonesuch")
    helpers.assert_one_line_error(done, "no split 'nonesuch'", "train, val")
