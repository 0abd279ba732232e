"""Wear changes L* alone, stays in its range, and repeats itself."""

import numpy as np
import pytest

from tests.support import helpers
from tintmill.pipeline.dataset.manifest import open_dataset
from tintmill.trainer.input import batches, shards
from tintmill.trainer.input.wear import wear
from tintmill.trainer.run.settings import TrainSettings


@pytest.fixture
def lightness() -> np.ndarray:
    return np.random.default_rng(0).uniform(0, 100, (24, 32)).astype(np.float32)


def test_the_same_draws_wear_alike(lightness):
    one, other = (wear(lightness, np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(one, other)


def test_it_keeps_the_range_of_lightness(lightness):
    for seed in range(50):
        worn = wear(lightness, np.random.default_rng(seed))
        assert (worn.shape, worn.dtype) == (lightness.shape, np.float32)
        assert worn.min() >= 0
        assert worn.max() <= 100


def test_most_pictures_change_visibly_and_stay_recognisable():
    """A ramp keeps its order: what was dark is still darker than what was light."""
    ramp = np.tile(np.linspace(10, 90, 64, dtype=np.float32), (64, 1))
    worn = [wear(ramp, np.random.default_rng(seed)) for seed in range(200)]
    assert np.mean([np.abs(one - ramp).mean() > 1 for one in worn]) > 0.5
    assert min(np.corrcoef(one.ravel(), ramp.ravel())[0, 1] for one in worn) > 0.8


@pytest.fixture(scope="module", params=["lab8", "lab16"])
def opened(request, photos, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    return open_dataset(str(helpers.prepare(photos, folder, "--embedder=none", f"--encoding={request.param}")))


def test_the_colours_of_a_batch_stay_and_only_some_lightness_wears(opened):
    settings = TrainSettings(global_batch=9, seed=1, wear=0.6)
    (batch,) = batches.batches(opened, settings, 0, 1)
    index = shards.index_records(opened, "train")
    ((_, stored),) = shards.read_batches(opened, index, batch["record"], 9)
    np.testing.assert_array_equal(batch["lab"][..., 1:], stored["lab"][..., 1:])
    changed = (batch["lab"][..., 0] != stored["lab"][..., 0]).any(axis=(1, 2))
    assert 0 < changed.sum() < 9
