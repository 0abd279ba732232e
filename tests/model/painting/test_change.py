"""A change of colours: where it is nothing nothing changes, it follows edges, and points get their colours."""

import numpy as np
import pytest

from tests.support.helpers import photo_pixels
from tintmill.model.painting import finish
from tintmill.model.painting.change import Change, Point
from tintmill.pipeline.imaging import lab

PIXELS = photo_pixels(3, 120, 160)
COLOURS = np.random.default_rng(0).uniform(-10, 10, (12, 16, 2)).astype(np.float32)
NOTHING = np.zeros((24, 32, 2), np.float32)


def deep(pixels: np.ndarray) -> np.ndarray:
    return pixels.astype(np.uint16) * 257


def ab_of(painted: np.ndarray, point: Point) -> np.ndarray:
    """a* and b* of a pixel of uint8 or uint16 sRGB."""
    return lab.rgb_to_lab(painted / np.float64(np.iinfo(painted.dtype).max))[point.y, point.x, 1:]


@pytest.mark.parametrize("upsample", finish.UPSAMPLE)
def test_a_change_of_nothing_leaves_every_bit(upsample):
    plain = finish.paint(PIXELS, COLOURS, 1.0, upsample)
    np.testing.assert_array_equal(finish.paint(PIXELS, COLOURS, 1.0, upsample, Change(NOTHING)), plain)


@pytest.mark.parametrize("upsample", finish.UPSAMPLE)
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_points_get_their_colours_also_those_beside_each_other(upsample, kind):
    pixels = np.clip(PIXELS, 90, 160)  # where sRGB has the colours
    pixels = pixels if kind == np.uint8 else deep(pixels)
    points = (Point(0, 0, (20, 10)), Point(80, 60, (-15, 20)), Point(81, 60, (18, -12)), Point(159, 119, (5, 5)))
    painted = finish.paint(pixels, COLOURS, 1.0, upsample, Change(NOTHING, points))
    for point in points:
        np.testing.assert_allclose(ab_of(painted, point), point.ab, atol=1.0 if kind == np.uint8 else 0.05)


def test_what_is_added_to_a_point_ends_near_it():
    plain = finish.paint(PIXELS, COLOURS)
    painted = finish.paint(PIXELS, COLOURS, change=Change(NOTHING, (Point(80, 60, (30, 0)),)))
    rows, columns = np.nonzero((painted != plain).any(axis=-1))
    assert len(rows) > 20
    assert np.hypot(rows - 60, columns - 80).max() <= 7.5  # 1.5 positions of 5 pixels


def test_what_is_added_to_a_point_stays_on_its_side_of_an_edge():
    pixels = np.full((60, 60), 90, np.uint8)
    pixels[:, 30:] = 190
    painted = finish.paint(pixels, np.zeros((6, 6, 2)), change=Change(np.zeros((6, 6, 2)), (Point(29, 30, (25, 5)),)))
    assert np.abs(painted[30, 29].astype(int) - 90).max() > 15
    assert np.abs(painted[:, 30:].astype(int) - 190).max() <= 1


def test_a_change_follows_edges_whatever_the_colours_do():
    pixels = np.full((80, 80), 60, np.uint8)
    pixels[:, 37:] = 180
    change = np.zeros((10, 10, 2), np.float32)
    change[:, :4], change[:, 4] = (30, 20), (18, 12)  # the edge runs through the fifth position
    painted = lab.rgb_to_lab(finish.paint(pixels, np.zeros((10, 10, 2)), change=Change(change)))
    bleeding = np.abs(painted[:, 37:48, 1]).mean()
    assert bleeding < 6  # bilinear: 11
    assert painted[:, :30, 1].mean() > 28


@pytest.mark.parametrize("shape", [(100, 90), (7, 300), (1, 500), (12, 9)])
def test_blocks_give_the_pixels_of_the_whole(monkeypatch, shape):
    pixels = photo_pixels(3, *shape)
    change = Change(COLOURS, (Point(0, 0, (20, 10)), Point(shape[1] - 1, shape[0] - 1, (-20, 10))))
    monkeypatch.setattr(finish, "_BLOCK", 1 << 30)
    whole = finish.paint(pixels, COLOURS, 0.7, "guided", change)
    for size in (1, 777):
        monkeypatch.setattr(finish, "_BLOCK", size)
        np.testing.assert_array_equal(finish.paint(pixels, COLOURS, 0.7, "guided", change), whole)


def test_painting_over_the_picture_gives_the_same():
    change = Change(COLOURS, (Point(40, 50, (20, 10)), Point(41, 51, (-20, 10))))
    wanted = finish.paint(PIXELS, COLOURS, change=change)
    over = PIXELS.copy()
    assert finish.paint_counted(over, COLOURS, change=change, overwrite=True).pixels is over
    np.testing.assert_array_equal(over, wanted)


def test_chroma_multiplies_the_change_too():
    point = Point(80, 60, (20, 10))
    pixels = deep(np.clip(PIXELS, 90, 160))
    painted = finish.paint(pixels, COLOURS, 0.5, change=Change(COLOURS.repeat(2, axis=0), (point,)))
    np.testing.assert_allclose(ab_of(painted, point), (10, 5), atol=0.05)
