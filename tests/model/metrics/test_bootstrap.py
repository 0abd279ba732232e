"""Intervals against computations that share nothing with them."""

import numpy as np
import pytest
import scipy.stats

from tests.support.helpers import photo_pixels
from tintmill.model.metrics import bootstrap
from tintmill.model.metrics import scores as picture_scores


def slow_resamples(count: int, seed: int = 99) -> list[np.ndarray]:
    generator = np.random.default_rng(seed)
    return [generator.choice(count, count) for _ in range(4000)]


PLAIN = (
    *("ssim", "ciede2000", "auc", "colourfulness", "colourfulness_abs", "colourfulness_truth"),
    *("colourfulness_gap_each", "lightness_error", "lpips"),
)


@pytest.fixture(scope="module")
def scores() -> list[dict]:
    """60 pictures of skewed scores; three PSNRs are infinite, the weights differ by a hundred times."""
    generator = np.random.default_rng(5)
    found = []
    for number in range(60):
        values = {name: float(generator.gamma(2)) for name in PLAIN}
        values |= {"psnr": np.inf if number < 3 else float(generator.normal(23, 5))}
        values |= {"auc_rebalanced": float(generator.uniform(30, 90)), "auc_weight": float(generator.gamma(0.5) + 0.01)}
        found.append({"id": str(number)} | values)
    return found


def test_the_interval_of_a_mean_is_that_of_scipys_bootstrap():
    values = np.random.default_rng(0).gamma(1.0, size=80)
    wanted = scipy.stats.bootstrap(
        (values,), np.mean, n_resamples=20000, method="percentile", rng=np.random.default_rng(1)
    ).confidence_interval
    low, high = bootstrap.mean_intervals({"score": values})["score"]
    assert [low, high] == pytest.approx([wanted.low, wanted.high], abs=0.02)
    assert low < values.mean() < high


def test_intervals_hold_the_true_mean_as_often_as_they_say():
    generator = np.random.default_rng(3)
    held = [
        low <= 10 <= high
        for low, high in (bootstrap.mean_intervals({"score": generator.normal(10, 4, 60)})["score"] for _ in range(200))
    ]
    assert 0.9 <= np.mean(held) <= 0.99


def test_the_same_scores_have_the_same_intervals():
    values = {"score": np.random.default_rng(0).normal(size=50)}
    assert bootstrap.mean_intervals(values) == bootstrap.mean_intervals(values)


def test_more_pictures_than_fit_at_once_are_drawn_in_parts():
    values = {"score": np.random.default_rng(0).normal(size=40)}
    whole, parts = (bootstrap.resampled_sums(values, at_once)["score"] for at_once in (bootstrap.DRAWN_AT_ONCE, 300))
    assert len(parts) == bootstrap.RESAMPLES
    assert bootstrap.interval(parts / 40) == pytest.approx(bootstrap.interval(whole / 40), abs=0.05)


def test_every_metric_of_a_row_has_an_interval_by_resampling_pictures(scores):
    row = picture_scores.summarise(scores)
    assert set(row["intervals"]) == set(row) - {"pictures", "infinite_psnr", "intervals"}
    resampled = [slow_means([scores[i] for i in drawn]) for drawn in slow_resamples(len(scores))]
    for name, ends in row["intervals"].items():
        wanted = np.percentile([means[name] for means in resampled], [2.5, 97.5])
        width = wanted[1] - wanted[0]
        assert ends == pytest.approx(wanted, abs=0.1 * width), name
        assert width > 0


def slow_means(scores: list[dict]) -> dict:
    """The row's means, written down without sums over columns."""
    finite = [s["psnr"] for s in scores if np.isfinite(s["psnr"])]
    errors = [255**2 / 10 ** (s["psnr"] / 10) for s in scores]
    means = {name: np.mean([s[name] for s in scores]) for name in PLAIN}
    weights = [s["auc_weight"] for s in scores]
    means |= {"psnr": np.mean(finite), "psnr_pooled": 10 * np.log10(255**2 / np.mean(errors))}
    means["auc_rebalanced"] = np.average([s["auc_rebalanced"] for s in scores], weights=weights)
    means["colourfulness_gap"] = abs(means["colourfulness"] - means.pop("colourfulness_truth"))
    return means


def test_the_means_are_those_written_down_plainly(scores):
    row = picture_scores.summarise(scores)
    for name, value in slow_means(scores).items():
        assert row[name] == pytest.approx(value), name


def test_one_picture_has_no_interval():
    picture = photo_pixels(0)
    assert picture_scores.summarise([picture_scores.score(picture, picture // 2, np.ones(313))])["intervals"] == {}
    assert bootstrap.mean_intervals({"score": np.ones(1)}) == {}


def test_what_is_infinite_in_every_picture_has_no_interval():
    scores = [picture_scores.score(photo_pixels(i), photo_pixels(i), np.ones(313)) for i in range(3)]
    row = picture_scores.summarise(scores)
    assert row["psnr"] is row["psnr_pooled"] is None
    assert not {"psnr", "psnr_pooled"} & set(row["intervals"])
    assert row["intervals"]["ssim"] == [1, 1]
