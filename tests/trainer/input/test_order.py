"""Weights of folders: how often their pictures come."""

import collections

import numpy as np
import pytest

from tintmill.pipeline.common.errors import TintmillError
from tintmill.trainer.input import order

IDS = [f"sea.zip/sea/{i}.jpg" for i in range(60)] + [f"faces/{i}.jpg" for i in range(10)] + ["one.jpg"]


def seen(weights: str, steps: int, batch: int = 7, seed: int = 0) -> list[np.ndarray]:
    weighted = order.weigh(IDS, weights, seed)
    return [weighted.step_records(step, batch) for step in range(steps)]


def test_a_folder_comes_as_often_as_its_weight_says():
    """30 of sea, 20 of faces and the one outside: 51 an epoch; 3 batches of 17."""
    found = np.concatenate(seen("sea:0.5,faces:2", 30, batch=17))  # ten epochs
    folders = collections.Counter(IDS[i].split("/")[0] for i in found)
    assert folders == {"sea.zip": 300, "faces": 200, "one.jpg": 10}


def test_the_pictures_of_a_folder_come_equally_often():
    times = collections.Counter(np.concatenate(seen("sea:0.5,faces:2", 30, batch=17)).tolist())
    assert {times[i] for i in range(60)} == {5}
    assert {times[i] for i in range(60, 70)} == {20}


def test_a_weight_of_zero_leaves_a_folder_out():
    assert np.concatenate(seen("sea:0", 40)).min() >= 60


def test_a_step_is_the_same_whatever_came_before():
    weighted = order.weigh(IDS, "sea:0.3", 5)
    np.testing.assert_array_equal(weighted.step_records(29, 7), seen("sea:0.3", 30, seed=5)[29])


def test_another_seed_is_another_order():
    assert (np.concatenate(seen("sea:0.3", 5)) != np.concatenate(seen("sea:0.3", 5, seed=1))).any()


@pytest.mark.parametrize("text", ["sea", "sea:", ":2", "sea:-1", "sea:nan", "sea:inf", "sea:much"])
def test_what_is_no_weight_is_refused(text):
    with pytest.raises(TintmillError, match=r"--folder_weights=.*wanted FOLDER:WEIGHT"):
        order.weigh(IDS, text, 0)


def test_a_folder_that_is_not_there_is_refused():
    with pytest.raises(TintmillError, match=r"picture is in the folder 'se'; the first one is 'sea.zip/sea"):
        order.weigh(IDS, "se:2", 0)


def test_weights_that_leave_nothing_are_refused():
    with pytest.raises(TintmillError, match=r"no picture is left"):
        order.weigh(IDS[:60], "sea:0", 0)
