"""Every metric of the registry: its direction, its mean, its interval; what reads the registry is light."""

import numpy as np
import pytest

from tests.support import helpers
from tintmill.model.metrics import scores as picture_scores
from tintmill.model.metrics.pair import Pair
from tintmill.model.metrics.registry import METRICS, SHORT_TABLES

EVEN = np.ones(313)
OF_PICTURES = [name for name, metric in METRICS.items() if metric.of_pair or metric.of_scores]


@pytest.fixture(scope="module")
def close_and_far() -> tuple[Pair, Pair]:
    """A photograph beside itself with noise, a little and much of it."""
    truth = helpers.photo_pixels(3)
    noise = np.random.default_rng(0).normal(0, 1, truth.shape)
    return tuple(Pair(truth, np.clip(truth + much * noise, 0, 255).astype(np.uint8), EVEN) for much in (3, 30))


@pytest.fixture(scope="module")
def rows(close_and_far) -> list[dict]:
    """The table's rows of the close picture and of the far one."""
    scores = [picture_scores.score(pair.truth, pair.picture, pair.bin_weights) for pair in close_and_far]
    return [picture_scores.summarise([one]) for one in scores]


@pytest.mark.parametrize("name", OF_PICTURES)
def test_the_better_picture_has_the_better_score(rows, name):
    close, far = (row[name] for row in rows)
    if METRICS[name].better:
        assert (close > far) == (METRICS[name].better == "more")
    assert np.isfinite([close, far]).all()


@pytest.mark.parametrize("name", OF_PICTURES)
def test_a_metric_has_a_mean_and_an_interval_around_it(close_and_far, name):
    scores = [picture_scores.score(pair.truth, pair.picture, EVEN) for pair in close_and_far] * 2
    row = picture_scores.summarise(scores)
    low, high = row["intervals"][name]
    assert low <= row[name] <= high


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_says_what_tables_need(name):
    metric = METRICS[name]
    assert metric.name == name
    assert metric.title
    assert metric.description.endswith(".")
    assert metric.better in ("more", "less", None)
    assert set(metric.tables) <= set(SHORT_TABLES)
    assert "\u00ad" not in metric.plain_heading
    assert metric.format(None) == "-"
    assert len(metric.format(0.123456).partition(".")[2]) == metric.digits


def test_the_registry_is_read_without_heavy_libraries():
    loaded = helpers.run_python("import sys, tintmill.model.metrics.registry; print(*sys.modules)").split()
    assert not {"tensorflow", "keras", "skimage", "scipy"} & set(loaded)
