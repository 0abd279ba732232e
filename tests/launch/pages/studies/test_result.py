"""The result of a study: whose answers count, and shares with the intervals of the literature."""

import pytest

from tintmill.launch.pages.studies import result, trials
from tintmill.launch.pages.studies.answers import Answered
from tintmill.launch.pages.studies.settings import Study, StudySettings


@pytest.mark.parametrize(
    ("successes", "count", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_intervals_are_the_published_ones(successes, count, low, high):
    """Newcombe 1998, Statistics in Medicine 17:857-872, table I, method 3."""
    assert result.wilson(successes, count) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(("successes", "count"), [(0, 1), (1, 1), (3, 7), (50, 100), (459, 1000)])
@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
def test_wilson_intervals_are_scipys(successes, count, confidence):
    from scipy import stats

    wanted = stats.binomtest(successes, count).proportion_ci(confidence, "wilson")
    assert result.wilson(successes, count, confidence) == pytest.approx((wanted.low, wanted.high), abs=1e-12)


@pytest.mark.parametrize(("successes", "count"), [(0, 0), (2, 1), (-1, 3)])
def test_wilson_intervals_of_nothing_are_refused(successes, count):
    with pytest.raises(ValueError):
        result.wilson(successes, count)


def person(code: str, answers: list[tuple[str, str, str]], part: str = "question") -> list[Answered]:
    """Answers (a, b, answer) of a participant, 1 s each, on pictures 0, 1, ..."""
    return [
        Answered(code, trials.Trial(i, part, i, a, b, "", ""), answer or None, 1000 if answer else None)
        for i, (a, b, answer) in enumerate(answers)
    ]


def a_study(tmp_path, mode: str = "2afc") -> Study:
    return Study(str(tmp_path), "id", StudySettings("", {"mine": "", "other": ""}, mode), list("abcdefgh"), [])


def test_in_pairs_the_real_one_called_coloured_is_one_taken_for_real(tmp_path):
    rows = person("1", [("real", "mine", "a"), ("mine", "real", "b"), ("real", "mine", "b"), ("other", "real", "a")])
    summary = result.summarise(a_study(tmp_path), rows)
    mine, other = summary.models["mine"], summary.models["other"]
    assert (mine.taken_for_real, mine.answers, mine.median_seconds) == (2, 3, 1.0)
    assert (mine.low, mine.high) == pytest.approx(result.wilson(2, 3))
    assert (other.taken_for_real, other.answers) == (0, 1)
    assert [(row.picture, row.model, row.taken.share) for row in summary.each_picture] == [
        ("a", "mine", 1.0), ("b", "mine", 1.0), ("c", "mine", 0.0), ("d", "other", 0.0)
    ]  # fmt: skip


def test_of_single_pictures_real_ones_have_a_row_of_their_own(tmp_path):
    rows = person("1", [("real", "", "real"), ("real", "", "coloured"), ("mine", "", "real"), ("mine", "", "coloured")])
    summary = result.summarise(a_study(tmp_path, "single"), rows)
    assert summary.models["mine"].share == 0.5
    assert summary.real_taken_for_real.share == 0.5
    assert summary.models["other"].share is None
    assert {row.model for row in summary.each_picture} == {"mine"}


def test_who_misses_checks_is_left_out_and_counted(tmp_path):
    asleep = person("1", [("check", "real", "b"), ("real", "check", "b"), ("real", "mine", "a")])
    awake = person("2", [("check", "real", "a"), ("real", "check", "b"), ("real", "mine", "b")])
    away = person("3", [("check", "real", "a"), ("real", "check", "b"), ("real", "mine", "")])
    never_began = person("4", [("check", "real", ""), ("real", "check", ""), ("real", "mine", "")])
    summary = result.summarise(a_study(tmp_path), asleep + awake + away + never_began)
    assert (summary.participants, summary.left_out_by_checks, summary.unfinished) == (1, 1, 1)
    assert (summary.models["mine"].taken_for_real, summary.models["mine"].answers) == (0, 1)
    assert summary.checks_passed == 0.75


def test_practice_is_not_counted(tmp_path):
    rows = person("1", [("real", "mine", "a")], part="practice")
    assert result.summarise(a_study(tmp_path), rows).models["mine"].answers == 0
