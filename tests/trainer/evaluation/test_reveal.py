"""Hints for scoring come from the truth, at the same places each time."""

import numpy as np

from tintmill.trainer.evaluation.reveal import reveal

AB = np.random.default_rng(0).uniform(-100, 100, (40, 60, 2)).astype(np.float32)


def test_a_hint_has_the_mean_colour_of_its_seven_by_seven_pixels():
    for hint in reveal(AB, "a.jpg", 50):
        patch = AB[hint.y - 3 : hint.y + 4, hint.x - 3 : hint.x + 4]
        assert patch.shape == (7, 7, 2), "the patch lies in the picture"
        assert hint.radius == 3
        assert np.allclose(hint.ab, patch.mean(axis=(0, 1)), atol=1e-4)


def test_places_are_those_of_the_picture_and_fewer_hints_are_the_first_of_more():
    assert reveal(AB, "a.jpg", 30)[:10] == reveal(AB, "a.jpg", 10)
    assert reveal(AB, "a.jpg", 10) != reveal(AB, "b.jpg", 10)


def test_places_are_spread_over_the_whole_picture():
    hints = reveal(AB, "a.jpg", 2000)
    assert {hint.x for hint in hints} == set(range(3, 57))
    assert {hint.y for hint in hints} == set(range(3, 37))
