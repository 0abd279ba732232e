"""Work dealt to several takers: everything once, and nothing after a stop."""

import concurrent.futures
import time

import pytest

from tintmill.pipeline.beam.deal import Deal


@pytest.fixture
def deal(tmp_path) -> Deal:
    (tmp_path / "next").touch()
    return Deal(str(tmp_path / "next"), 200)


def test_each_number_is_dealt_once(deal):
    """The lock is the open file's, not the process's: threads meet it as processes do."""
    with concurrent.futures.ThreadPoolExecutor(8) as takers:
        taken = [number for numbers in takers.map(lambda _: list(deal), range(8)) for number in numbers]
    assert sorted(taken) == list(range(200))


def test_a_slow_taker_leaves_the_work_to_the_others(deal):
    def take(pause: float) -> int:
        return sum(1 for _ in iter(deal) if time.sleep(pause) is None)

    with concurrent.futures.ThreadPoolExecutor(2) as takers:
        slow, quick = takers.map(take, (0.05, 0.001))
    assert slow + quick == 200
    assert slow < quick / 4


def test_nothing_is_dealt_after_a_stop(deal):
    taken = iter(deal)
    assert [next(taken), next(taken)] == [0, 1]
    deal.stop()
    assert list(taken) == []
    assert list(deal) == []
