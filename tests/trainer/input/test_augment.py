"""Augmentation: colours stay true, the embedding is that of what is seen, and all of it follows from seed and step."""

import dataclasses

import numpy as np
import pytest

from tests.support import helpers, training
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.dataset.manifest import Dataset, open_dataset
from tintmill.trainer.input import augment, shards
from tintmill.trainer.input import batches as trainer_input
from tintmill.trainer.run.settings import TrainSettings

BATCH, SIDE, SIZE = 9, 20, 32
EVERYTHING = {"mirror": True, "crop": SIDE, "lightness_jitter": 0.2}
LATER = {"scale_jitter": 0.3, "wear": 0.5, "hints": 0.5}
FLAGS = ("--mirror", f"--crop={SIDE}", "--lightness_jitter=0.2", "--scale_jitter=0.3", "--wear=0.5", "--hints=0.5")


def settings_of(**values) -> TrainSettings:
    return TrainSettings(global_batch=BATCH, seed=7, **values)


@pytest.fixture(scope="module")
def folder(photos, tmp_path_factory):
    """The photographs with embeddings of their mirrored selves too."""
    return helpers.prepare(photos, tmp_path_factory.mktemp("mirrored"), *helpers.EMBEDDER, "--embed_mirror")


@pytest.fixture(scope="module")
def opened(folder) -> Dataset:
    return open_dataset(str(folder))


def batches(dataset: Dataset, settings: TrainSettings, start: int, end: int, parts: int = 1) -> list[dict]:
    stream = trainer_input.batches(dataset, settings, start, end, parts)
    return [{name: np.asarray(value) for name, value in batch.items()} for batch in stream]


def lab_of(batch: dict) -> np.ndarray:
    """What the network learns from, float [b, S, S, 3]: L*, a*, b*."""
    inputs, targets = trainer_input.to_network(batch, "lab8")
    return np.concatenate([(np.asarray(inputs["l"]) + 1) * 50, np.asarray(targets["ab"]) * 128], axis=-1)


@pytest.fixture(scope="module")
def stored(opened) -> dict[str, np.ndarray]:
    """All records of train as they are: `lab` float Lab, and both embeddings."""
    index = shards.index_records(opened, "train")
    ((data, parsed),) = shards.read_batches(opened, index, np.arange(len(index)), len(index))
    none = augment.draw(TrainSettings(global_batch=len(data), mirror=True), SIZE, 0)
    mirrored = dataclasses.replace(none, mirrored=np.ones(len(data), bool))
    other = shards.parse_batch(opened, data, draws=mirrored)["embedding"]
    assert np.abs(parsed["embedding"] - other).max() > 0.01
    return {"lab": lab_of(parsed), "embedding": parsed["embedding"], "mirror": other}


@pytest.mark.parametrize("step", [0, 1, 5])
def test_each_picture_is_the_part_that_was_drawn_of_its_record(opened, stored, step):
    """Cut, then mirrored where drawn, with the embedding of what is seen; L* changed by a factor and a shift alone."""
    settings = settings_of(**EVERYTHING)
    (batch,) = batches(opened, settings, step, step + 1)
    draws = augment.draw(settings, SIZE, step)
    assert 0 < draws.mirrored.sum() < BATCH
    for i, (number, found) in enumerate(zip(batch["record"], lab_of(batch), strict=True)):
        row, column = draws.corner[i]
        wanted = stored["lab"][number][row : row + SIDE, column : column + SIDE]
        wanted = wanted[:, ::-1] if draws.mirrored[i] else wanted
        np.testing.assert_allclose(found[..., 1:], wanted[..., 1:], atol=1e-4)
        contrast, shift = draws.light[i]
        lightness = np.clip((wanted[..., 0] - 50) * contrast + 50 + shift, 0, 100)
        np.testing.assert_allclose(found[..., 0], lightness, atol=1e-3)
        embedding = stored["mirror" if draws.mirrored[i] else "embedding"][number]
        np.testing.assert_array_equal(batch["embedding"][i], embedding)


def test_draws_are_even_and_differ_by_step_and_seed():
    settings = settings_of(**EVERYTHING)
    draws = [augment.draw(settings, SIZE, step) for step in range(400)]
    mirrored, corners, light = (
        np.concatenate([getattr(one, name) for one in draws]) for name in ("mirrored", "corner", "light")
    )
    assert mirrored.mean() == pytest.approx(0.5, abs=0.04)
    assert set(corners[:, 0]) == set(corners[:, 1]) == set(range(SIZE - SIDE + 1))
    np.testing.assert_allclose(light.mean(axis=0), [1, 0], atol=0.5)
    np.testing.assert_allclose([light.min(axis=0), light.max(axis=0)], [[0.8, -10], [1.2, 10]], rtol=0.02)
    assert abs(np.corrcoef(light.T)[0, 1]) < 0.1
    other = augment.draw(TrainSettings(global_batch=BATCH, seed=8, **EVERYTHING), SIZE, 0)
    assert (other.corner != draws[0].corner).any()


@pytest.mark.parametrize("name", EVERYTHING)
def test_what_is_not_asked_for_does_not_happen(name):
    draws = augment.draw(settings_of(**{key: EVERYTHING[key] for key in EVERYTHING if key != name}), SIZE, 0)
    assert draws.mirrored.any() == (name != "mirror")
    assert (draws.side, draws.corner.any()) == ((SIZE, False) if name == "crop" else (SIDE, True))
    assert (draws.light == [1, 0]).all() == (name == "lightness_jitter")


def test_a_scaled_picture_is_a_square_of_its_record_resized(opened, stored):
    settings = settings_of(crop=SIDE, scale_jitter=0.5)
    (batch,) = batches(opened, settings, 0, 1)
    draws = augment.draw(settings, SIZE, 0)
    assert batch["lab"].shape == (BATCH, SIDE, SIDE, 3)
    assert len(set(draws.cut)) > 3
    for i, (number, found) in enumerate(zip(batch["record"], lab_of(batch), strict=True)):
        row, column = draws.corner[i]
        cut = stored["lab"][number][row : row + draws.cut[i], column : column + draws.cut[i]]
        assert cut.shape[:2] == (draws.cut[i], draws.cut[i])
        np.testing.assert_allclose(found.mean((0, 1)), cut.mean((0, 1)), atol=2)


def test_scales_are_as_often_larger_as_smaller_and_within_the_jitter():
    settings = settings_of(crop=SIDE, scale_jitter=0.5)
    cuts = np.concatenate([augment.draw(settings, SIZE, step).cut for step in range(99)])
    assert (cuts.min(), cuts.max()) == (13, 30)
    assert np.mean(cuts > SIDE) == pytest.approx(0.5, abs=0.05)


def test_a_square_larger_than_the_record_is_the_whole_record():
    draws = augment.draw(settings_of(scale_jitter=0.5), SIZE, 0)
    assert draws.cut.max() == SIZE
    assert not draws.corner[draws.cut == SIZE].any()


@pytest.mark.parametrize("more", [{"scale_jitter": 0.3}, {"wear": 0.5}, {"hints": 0.5}])
def test_what_is_new_does_not_move_the_other_draws(more):
    """Else a run that adds one could not be compared with one without."""
    one, other = (augment.draw(settings_of(**EVERYTHING, **values), SIZE, 3) for values in ({}, more))
    np.testing.assert_array_equal(one.mirrored, other.mirrored)
    np.testing.assert_array_equal(one.light, other.light)
    if "scale_jitter" not in more:
        np.testing.assert_array_equal(one.corner, other.corner)


def test_starting_at_a_step_equals_skipping_to_it(opened):
    settings = settings_of(**EVERYTHING, **LATER)
    whole, later = batches(opened, settings, 0, 6), batches(opened, settings, 4, 6)
    for one, other in zip(later, whole[4:], strict=True):
        for name in other:
            np.testing.assert_array_equal(one[name], other[name])


def test_replicas_share_the_batch_of_one_device(opened):
    settings = settings_of(**EVERYTHING, **LATER)
    (whole,), parts = batches(opened, settings, 2, 3), batches(opened, settings, 2, 3, parts=3)
    for name in whole:
        np.testing.assert_array_equal(np.concatenate([part[name] for part in parts]), whole[name])


@pytest.mark.parametrize(
    ("values", "takes_embedding", "fixed", "message"),
    [
        ({"crop": 33}, False, False, r"--crop=33: .* are 32x32"),
        ({"crop": 20}, False, True, r"--crop=20: --network=jain takes pictures of one size.*--size=20"),
        ({"mirror": True}, True, False, r"--mirror: .* no embeddings of mirrored pictures; .*--embed_mirror"),
    ],
)
def test_it_refuses(dataset, values, takes_embedding, fixed, message):
    with pytest.raises(TintmillError, match=message):
        augment.check(settings_of(network="jain", **values), open_dataset(str(dataset)), takes_embedding, fixed)


def test_a_network_without_embedding_may_mirror_any_dataset(plain_dataset):
    augment.check(settings_of(mirror=True), open_dataset(str(plain_dataset)), False, False)


@pytest.mark.slow
def test_an_augmented_run_is_the_same_in_two_parts_and_on_two_replicas(folder, runs):
    more = "toy_hints", *FLAGS, "--learning_rate=1e-4", "--keep_checkpoints=1"
    whole = training.trained(folder, runs / "whole", *more, "--steps=20")
    parts = training.trained(folder, runs / "parts", *more, "--steps=10")
    training.trained(folder, parts, *more, "--steps=20")
    training.assert_same_checkpoint(parts, whole)
    two = training.trained(folder, runs / "two", *more, "--steps=20", "--replicas=2")
    np.testing.assert_allclose(training.losses(two), training.losses(whole), atol=1e-5, rtol=0)
    plain = training.trained(folder, runs / "plain", "toy_hints", "--steps=5", "--learning_rate=1e-4")
    assert training.losses(plain)[0] != training.losses(whole)[0]
