"""The learning rate by step."""

import pytest

from tintmill.trainer.run.settings import TrainSettings


def rates(**settings) -> list[float]:
    from tintmill.trainer.training import optimizer

    rate = optimizer.learning_rate(TrainSettings(steps=100, learning_rate=1e-3, **settings))
    return [float(rate(at)) if callable(rate) else rate for at in (0, 5, 10, 55, 100)]


@pytest.mark.parametrize(
    ("settings", "wanted"),
    [
        ({}, [1e-3] * 5),
        ({"warmup_steps": 10}, [0, 0.5e-3, 1e-3, 1e-3, 1e-3]),
        ({"schedule": "cosine", "warmup_steps": 10}, [0, 0.5e-3, 1e-3, 0.51e-3, 0.02e-3]),
    ],
)
def test_the_rate_warms_up_and_ends_as_the_schedule_says(settings, wanted):
    assert rates(**settings) == pytest.approx(wanted, abs=1e-8)


def test_a_cosine_begins_at_the_full_rate_and_falls_all_the_way():
    found = rates(schedule="cosine")
    assert found[0] == pytest.approx(1e-3)
    assert found == sorted(found, reverse=True)
