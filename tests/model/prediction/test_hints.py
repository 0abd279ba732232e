"""Hints: places and colours of a picture as a network's input."""

import numpy as np
import pytest

from tintmill.model.prediction.hints import Hint, draw


def known(drawn: np.ndarray) -> list[tuple[int, int]]:
    """(row, column) of the positions at which something is known."""
    return [tuple(map(int, place)) for place in np.argwhere(drawn[..., 2])]


def test_a_hint_is_its_colour_in_its_square_and_nothing_elsewhere():
    drawn = draw([Hint(5, 2, (64.0, -32.0), radius=1)], (12, 8), (12, 8))
    assert drawn.shape == (8, 12, 3)
    assert drawn.dtype == np.float32
    assert known(drawn) == [(row, column) for row in (1, 2, 3) for column in (4, 5, 6)]
    assert drawn[2, 5].tolist() == [0.5, -0.25, 1.0]
    assert not drawn[drawn[..., 2] == 0].any()


@pytest.mark.parametrize("place", [(0, 0), (3999, 2999), (1234, 777)])
def test_the_smallest_hint_of_a_large_picture_is_one_position_at_its_place(place):
    drawn = draw([Hint(*place, (10.0, 20.0))], (4000, 3000), (170, 128))
    assert known(drawn) == [(place[1] * 128 // 3000, place[0] * 170 // 4000)]


def test_a_hint_keeps_its_share_of_a_larger_picture():
    drawn = draw([Hint(200, 100, (10.0, 20.0), radius=40)], (400, 200), (200, 100))
    rows, columns = np.nonzero(drawn[..., 2])
    assert (rows.min(), rows.max() + 1, columns.min(), columns.max() + 1) == (30, 70, 80, 120)


def test_what_lies_beyond_the_edge_is_cut_off():
    drawn = draw([Hint(0, 7, (10.0, 20.0), radius=2)], (8, 8), (8, 8))
    assert known(drawn) == [(row, column) for row in (5, 6, 7) for column in (0, 1, 2)]


def test_of_two_hints_at_one_place_the_later_counts():
    drawn = draw([Hint(1, 1, (10.0, 20.0), 1), Hint(2, 1, (-128.0, 0.0))], (4, 4), (4, 4))
    assert drawn[1, 2].tolist() == [-1.0, 0.0, 1.0]
    assert drawn[1, 1].tolist() == pytest.approx([10 / 128, 20 / 128, 1.0])
