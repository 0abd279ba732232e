"""Losses in a run: what they ask of data and network, going on, replicas, what is logged."""

import csv
import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.support import training
from tests.support.manifests import make_dataset, make_manifest
from tintmill.model.prediction import saved_model
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.dataset.manifest import Dataset, open_dataset
from tintmill.trainer.input import batches as trainer_input
from tintmill.trainer.input import shards
from tintmill.trainer.reporting.notes import make_notes
from tintmill.trainer.run.settings import TrainSettings
from tintmill.trainer.training import step

# Every part that has state or data of its own: bins with the dataset's prior, labels, a critic with its optimizer.
PARTS = ["--loss=bins", "--class_weight=0.1", "--adversarial_weight=0.1", "--learning_rate=1e-4"]
OFTEN = ["--log_every=5", "--checkpoint_every=5", "--keep_checkpoints=2"]


def play(data, run, steps: int, *more) -> Path:
    """A run of a toy network against a critic."""
    return training.trained(data, run, "toy_classes", *PARTS, *OFTEN, f"--steps={steps}", *more)


@pytest.fixture(scope="module")
def played(plain_dataset, runs) -> Path:
    """10 undisturbed steps on one device."""
    return play(plain_dataset, runs / "whole", 10)


def all_metrics(run: Path) -> dict[str, np.ndarray]:
    """The columns of metrics.csv but those that time decides."""
    timed = "pictures_per_second", "waiting"
    with open(run / "metrics.csv") as f:
        rows = list(csv.DictReader(f))
    return {name: np.array([float(row[name]) for row in rows]) for name in rows[0] if name not in timed}


def test_every_part_of_a_loss_is_logged(played):
    columns = all_metrics(played)
    assert list(columns) == ["step", "epoch", "loss", "bins", "class", "adversarial", "critic"]
    total = columns["bins"] + 0.1 * columns["class"] + 0.1 * columns["adversarial"]
    np.testing.assert_allclose(columns["loss"], total, rtol=1e-5)


def test_a_checkpoint_holds_the_critic_and_its_optimizer_and_the_network_does_not(played):
    held = {name.split(maxsplit=1)[1] for name in training.checkpoint_arrays(played)}
    assert {"bins/kernel", "adam/bins_kernel_momentum", "critic_64/kernel", "critic_adam/iteration"} <= held
    assert "critic_adam/critic_verdict_kernel_velocity" in held
    assert not any("critic" in variable.path for variable in saved_model.load_model(str(played)).variables)


@pytest.mark.slow
def test_bins_and_critic_gone_on_with_equal_one_run(plain_dataset, played, runs):
    """From the checkpoint of step 5, as a run that was killed before it wrote that of step 10."""
    parts = Path(shutil.copytree(played, runs / "parts"))
    (parts / "checkpoints" / "step-0000000010.npz").unlink()
    play(plain_dataset, parts, 10)
    training.assert_same_checkpoint(parts, played)
    for name, column in all_metrics(played).items():
        assert np.array_equal(all_metrics(parts)[name], column), name


@pytest.mark.slow
def test_bins_and_critic_on_two_replicas_equal_one(plain_dataset, played, runs):
    two = play(plain_dataset, runs / "two", 10, "--replicas=2")
    assert training.logged_ids(two) == training.logged_ids(played)
    for name, column in all_metrics(played).items():
        np.testing.assert_allclose(all_metrics(two)[name], column, rtol=2e-5, err_msg=name)


def toy(class_names: list[str], **more) -> Dataset:
    return make_dataset(class_names=tuple(class_names), size=32, **more)


@pytest.mark.parametrize(
    ("options", "head", "classes"),
    [({}, "ab", 0), ({"loss": "huber"}, "ab", 0), ({"loss": "bins"}, "bins", 0), ({"class_weight": 0.1}, "ab", 3)],
)
def test_the_loss_decides_what_the_network_is_built_for(options, head, classes):
    settings = TrainSettings(encoder_weights="random", **options)
    spec = step.network_spec(settings, toy(["cat", "dog", "cow"]))
    assert (spec.head, spec.classes, spec.encoder_weights) == (head, classes, "random")


def test_a_class_loss_without_classes_is_refused():
    with pytest.raises(TintmillError, match=r"--class_weight=0\.1: /data/toy has no classes; give 0, or prepare"):
        step.network_spec(TrainSettings(class_weight=0.1), toy([]))


def test_the_prior_is_that_of_the_split(plain_dataset):
    dataset = open_dataset(str(plain_dataset))
    assert sum(dataset.ab_histogram("train")) == dataset.splits["train"] * 32 * 32
    early = toy([], ab_histogram=None)
    with pytest.raises(TintmillError, match="/data/toy: its ab histogram is of all splits together; prepare"):
        early.ab_histogram("train")


def test_labels_are_read_where_the_loss_wants_them(plain_dataset):
    """The toy pictures' ids begin with the name of their class."""
    dataset = open_dataset(str(plain_dataset))
    names = dataset.class_names
    batch = next(iter(trainer_input.batches(dataset, TrainSettings(global_batch=9, class_weight=1), 0, 1)))
    ids = shards.record_ids(dataset, "train", batch["record"])
    assert [names[label] for label in batch["label"]] == [name.split("/")[0] for name in ids]
    _, targets = trainer_input.to_network(batch, dataset.settings.encoding)
    assert set(targets) == {"ab", "l", "label"}
    assert "label" not in next(iter(trainer_input.batches(dataset, TrainSettings(global_batch=9), 0, 1)))


@pytest.mark.parametrize(("weight", "weights", "said"), [(0.1, "random", 1), (0.1, "imagenet", 0), (0.0, "random", 0)])
def test_the_report_says_where_a_perceptual_loss_has_learnt_nothing(weight, weights, said):
    settings = TrainSettings(perceptual_weight=weight, perceptual_weights=weights)
    notes = make_notes(dataclasses.asdict(settings), make_manifest(), [])
    assert sum("vgg16 with random weights" in note for note in notes) == said


def test_the_report_says_where_random_weights_stand_in_for_an_encoder():
    manifest = make_manifest()
    for network, weights, said in (("vgg", "random", True), ("vgg", "imagenet", False), ("kth", "random", False)):
        settings = dataclasses.asdict(TrainSettings(network=network, encoder_weights=weights))
        assert any("encoder" in note for note in make_notes(settings, manifest, [])) is said
