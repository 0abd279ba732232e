"""Reading ahead: the batches of each compiled call, on the devices, from arrays that are used again and again."""

import numpy as np
import pytest
import tensorflow as tf

from tests.support import training
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.dataset.manifest import open_dataset
from tintmill.trainer.input import batches as trainer_input
from tintmill.trainer.input import read_ahead, shards
from tintmill.trainer.input.read_ahead import ReadAhead
from tintmill.trainer.run.settings import TrainSettings

SETTINGS = {"global_batch": 6, "steps": 23, "log_every": 4, "lightness_jitter": 0.1}


@pytest.fixture(scope="module")
def opened(dataset):
    return open_dataset(str(dataset))


def read(opened, start: int = 0, **settings) -> tuple[list[range], list[dict]]:
    """The steps of each call, and copies of the batches of each step."""
    calls, batches = [], []
    strategy = tf.distribute.MirroredStrategy(["CPU:0"])
    with ReadAhead(strategy, TrainSettings(**(SETTINGS | settings)), opened, start) as ahead:
        for steps, values in ahead:
            assert ahead.waited >= 0
            calls.append(steps)
            local = {name: np.array(strategy.experimental_local_results(value)[0]) for name, value in values.items()}
            batches += [{name: array[i] for name, array in local.items()} for i in range(len(steps))]
    return calls, batches


@pytest.mark.parametrize("readers", [1, 3])
@pytest.mark.parametrize("start", [0, 6])
def test_every_step_gets_its_batch(opened, start, readers):
    """Also from the middle of a call on, and long after both sets of arrays have been written over."""
    calls, found = read(opened, start, readers=readers)
    first = [range(0, 4), range(4, 8)] if start == 0 else [range(6, 8)]
    assert calls == [*first, range(8, 12), range(12, 16), range(16, 20), range(20, 23)]
    wanted = list(trainer_input.batches(opened, TrainSettings(**SETTINGS), start, 23))
    training.assert_equal_batches(found, wanted)


def test_large_batches_make_calls_shorter_and_change_nothing_else(opened, monkeypatch):
    _, whole = read(opened)
    batch = 6 * trainer_input.Source(opened, TrainSettings(**SETTINGS)).picture_bytes
    monkeypatch.setattr(read_ahead, "_SLOT_BYTES", 3 * batch)
    calls, found = read(opened)
    assert {len(steps) for steps in calls} == {1, 2}  # 3 does not divide 4; the last step of 23 is alone
    training.assert_equal_batches(found, whole)


@pytest.mark.parametrize(("fit", "wanted"), [(100, 12), (11, 6), (5, 4), (1, 1), (0.5, 1)])
def test_a_call_takes_as_many_steps_as_fit(fit, wanted):
    step_bytes = int(read_ahead._SLOT_BYTES / fit)
    assert read_ahead.count_steps_a_call(12, step_bytes) == wanted


def test_what_a_reader_raises_arrives(opened, monkeypatch):
    def damaged(self, record):
        raise TintmillError("shard: the record at byte 7 is damaged")

    monkeypatch.setattr(shards.RecordReader, "__call__", damaged)
    with pytest.raises(TintmillError, match="the record at byte 7 is damaged"):
        read(opened)
