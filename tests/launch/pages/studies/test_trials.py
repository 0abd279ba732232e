"""The questions of a participant: drawn at random, each picture once, each model equally often."""

import collections
import random

import pytest

from tintmill.launch.pages.studies import settings, trials
from tintmill.launch.pages.studies.settings import CHECK, REAL, StudySettings


@pytest.mark.parametrize("mode", settings.MODES)
def test_each_picture_is_asked_once_and_models_equally_often(mode):
    wanted = StudySettings("", {"mine": "", "other": ""}, mode, questions=20, practice=4, checks=3)
    drawn = trials.draw(wanted, wanted.pictures_needed, random.Random(0))
    assert [t.number for t in drawn] == list(range(27))
    assert len({t.picture for t in drawn}) == 27
    assert [t.part for t in drawn] == ["practice"] * 4 + ["question"] * 23
    asked = collections.Counter(t.fake for t in drawn if t.part == "question")
    models = 5 if mode == "single" else 10
    assert asked == {"mine": models, "other": models, CHECK: 3} | ({REAL: 10} if mode == "single" else {})


def test_sides_orders_and_tokens_are_random():
    wanted = StudySettings("", {"mine": ""}, questions=40)
    people = [trials.draw(wanted, 60, random.Random(seed)) for seed in range(5)]
    sides = collections.Counter(t.right for drawn in people for t in drawn)
    assert 0.35 < sides["a"] / sides.total() < 0.65
    assert len({tuple(t.picture for t in drawn) for drawn in people}) == 5
    tokens = [token for drawn in people for t in drawn for token in (t.token_a, t.token_b)]
    assert len(set(tokens)) == len(tokens)


@pytest.mark.parametrize(
    ("a", "b", "right", "fake"),
    [
        ("real", "mine", "b", "mine"),
        ("check", "real", "a", "check"),
        ("mine", "", "coloured", "mine"),
        ("real", "", "real", "real"),
        ("check", "", "coloured", "check"),
    ],
)
def test_the_right_answer_follows_from_what_is_shown(a, b, right, fake):
    trial = trials.Trial(0, "question", 0, a, b, "", "")
    assert (trial.right, trial.fake) == (right, fake)
