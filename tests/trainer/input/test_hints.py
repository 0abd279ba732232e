"""Hints for training: what is revealed is true, and as often as the law says."""

import numpy as np
import pytest

from tintmill.trainer.input import hints

SIDE = 24


def draw(seed: int = 0, batch: int = 4000, share: float = 1.0) -> np.ndarray:
    return hints.draw(np.random.default_rng(seed), batch, SIDE, share)


def counts(patches: np.ndarray) -> np.ndarray:
    """How many patches each picture has."""
    return (patches[..., 2] > patches[..., 0]).sum(axis=1)


def is_whole(patches: np.ndarray) -> np.ndarray:
    return (patches[:, 0] == [0, 0, SIDE, SIDE]).all(axis=1)


def test_their_number_follows_the_geometric_law():
    patches = draw()
    found = counts(patches[~is_whole(patches)])
    assert found.min() == 1
    for number in (1, 2, 5):
        assert (found == number).mean() == pytest.approx((7 / 8) ** (number - 1) / 8, abs=0.015)


def test_a_hundredth_reveals_all_pixels():
    assert is_whole(draw()).mean() == pytest.approx(0.01, abs=0.005)


def test_no_patch_is_larger_than_nine_pixels_or_outside():
    patches = draw()
    patches = patches[~is_whole(patches)]
    sides = patches[..., 2:] - patches[..., :2]
    assert sides.max() == 9
    assert patches.min() == 0
    assert patches.max() == SIDE


def test_the_share_of_pictures_with_hints_is_what_was_asked_for():
    assert (counts(draw(share=0.25)) > 0).mean() == pytest.approx(0.25, abs=0.02)


def test_without_a_share_nothing_is_revealed():
    assert not draw(share=0.0).any()


@pytest.fixture
def ab() -> np.ndarray:
    return np.random.default_rng(0).uniform(-1, 1, (2, SIDE, SIDE, 2)).astype(np.float32)


def paint(ab: np.ndarray, *patches: tuple[int, int, int, int]) -> np.ndarray:
    """The first picture's hints of these patches; the second has none."""
    rows = np.zeros((2, hints.MOST, 4), np.int32)
    rows[0, : len(patches)] = patches
    return np.asarray(hints.paint(ab, rows))


def test_a_patch_reveals_its_mean_colour(ab):
    found = paint(ab, (3, 4, 6, 9))
    for pixel in found[0, 3:6, 4:9, :2].reshape(-1, 2):
        np.testing.assert_allclose(pixel, ab[0, 3:6, 4:9].mean((0, 1)), atol=1e-6)
    assert (found[0, 3:6, 4:9, 2] == 1).all()


def test_nothing_is_known_outside_of_the_patches(ab):
    found = paint(ab, (3, 4, 6, 9)).copy()
    found[0, 3:6, 4:9] = 0
    assert not found.any()


def test_where_patches_overlap_the_hint_is_between_them(ab):
    found = paint(ab, (0, 0, 4, 4), (2, 2, 6, 6))
    wanted = (ab[0, :4, :4].mean((0, 1)) + ab[0, 2:6, 2:6].mean((0, 1))) / 2
    np.testing.assert_allclose(found[0, 3, 3], [*wanted, 1], atol=1e-6)


def test_the_whole_picture_is_revealed_pixel_by_pixel(ab):
    found = paint(ab, (0, 0, SIDE, SIDE))
    np.testing.assert_array_equal(found[0, ..., :2], ab[0])
    assert (found[0, ..., 2] == 1).all()
