"""The arithmetic of `tests.bench.scale`: what must hold of it whatever the numbers."""

import pytest

from tests.bench.scale import GPUS, GPUS_A_MACHINE, READERS, Training, Work

WORK = Work(multiply_adds=10**9, parameters=10**7, record_bytes=150_000, device_bytes=150_000)
TRAINING = Training(
    WORK, operations=6e12, batch=50, read=3000 / READERS
)  # 1000 pictures/s a GPU; a process feeds three


def test_one_gpu_sends_no_gradient_and_the_others_twice_what_they_hold_less_their_part():
    assert TRAINING.gradient_bytes(1) == TRAINING.all_reduce_seconds(1) == 0
    assert TRAINING.gradient_bytes(2) == 4e7
    assert TRAINING.gradient_bytes(8) == 7e7
    assert TRAINING.wanted(1) == 1000


def test_between_machines_the_same_gradient_takes_longer():
    inside, outside = (TRAINING.all_reduce_seconds(gpus) for gpus in (GPUS_A_MACHINE, GPUS_A_MACHINE + 1))
    assert outside > 5 * inside


def test_doubled_gpus_take_nearly_twice_the_pictures_and_never_more():
    for gpus in GPUS[:-1]:
        assert 1.7 < TRAINING.wanted(2 * gpus) / TRAINING.wanted(gpus) < 2


@pytest.mark.parametrize(("gpus", "pictures"), [(4, 3000), (8, 3000), (16, 6000), (64, 24_000)])
def test_one_reading_process_a_machine_ends_it(gpus, pictures):
    assert TRAINING.reached(gpus) == pictures < TRAINING.wanted(gpus)


def test_gpus_that_the_process_feeds_are_not_held_up():
    assert TRAINING.reached(2) == TRAINING.wanted(2)
