"""Hints in a picture: the colour at its point, as far as edges let it, and nothing where it does not reach."""

import numpy as np
import pytest
from PIL import Image
from skimage.color import deltaE_ciede2000

from tests.support.helpers import photo_pixels
from tintmill.model.builtin import catalogue
from tintmill.model.export import reader
from tintmill.model.painting import finish
from tintmill.model.prediction import spread
from tintmill.model.prediction.hints import Hint
from tintmill.pipeline.imaging import lab

NET = (64, 64)  # of the answers that are made up here
RED = (35.0, 25.0)


def answer(a: float, b: float) -> np.ndarray:
    return np.full((*NET, 2), (a, b), np.float32)


def deaf(grey: np.ndarray, hints: list[Hint], upsample: str = "bilinear") -> np.ndarray:
    """Colours of a network that takes no notice of hints: all comes from what it misses."""
    change = spread.find_change(grey, answer(5, 5), answer(5, 5), hints)
    return finish.paint(grey, answer(5, 5), 1.0, upsample, change)


def shouting(grey: np.ndarray, hints: list[Hint]) -> np.ndarray:
    """Colours of a network that makes the whole picture of the first hint's colour."""
    told = answer(*hints[0].ab)
    return finish.paint(grey, answer(5, 5), change=spread.find_change(grey, answer(5, 5), told, hints))


def plain(grey: np.ndarray) -> np.ndarray:
    return finish.paint(grey, answer(5, 5))


def distance(painted: np.ndarray, hint: Hint) -> float:
    """CIEDE2000 of a pixel to the hint's a* and b* at the pixel's own L*."""
    found = lab.rgb_to_lab(painted)[hint.y, hint.x]
    return float(deltaE_ciede2000(found, np.array([found[0], *hint.ab])))


def two_halves(height: int = 240, width: int = 320, seed: int = 0) -> np.ndarray:
    """A dark half beside a light one, both grained as old prints are; the edge between columns `width // 2`."""
    grain = np.random.default_rng(seed).normal(0, 4, (height, width))
    grain[:, : width // 2] += 80
    grain[:, width // 2 :] += 170
    return np.clip(grain, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("answering", [deaf, shouting])
def test_a_hint_is_met_at_its_point(answering):
    grey = two_halves()
    for hint in (Hint(40, 120, RED), Hint(155, 20, (-20.0, 30.0)), Hint(319, 239, (10.0, -25.0))):
        assert distance(answering(grey, [hint]), hint) < 2


@pytest.mark.parametrize("answering", [deaf, shouting])
@pytest.mark.parametrize("size", [(240, 320), (900, 1200), (40, 60)])
def test_a_hint_beside_an_edge_colours_its_side_and_not_the_other(answering, size):
    grey = two_halves(*size)
    height, width = size
    hint = Hint(width // 2 - width // 16, height // 2, RED)
    change = np.abs(lab.rgb_to_lab(answering(grey, [hint])) - lab.rgb_to_lab(plain(grey)))[..., 1]
    near = slice(height // 2 - height // 12, height // 2 + height // 12)
    assert change[near, width // 2 - width // 10 : width // 2 - width // 40].mean() > 15
    assert change[:, width // 2 + width // 40 :].max() < 3


def test_pixels_beyond_an_edge_keep_every_bit():
    grey = two_halves()
    painted = shouting(grey, [Hint(40, 120, RED)])
    np.testing.assert_array_equal(painted[:, 180:], plain(grey)[:, 180:])
    assert (painted[:, :150] != plain(grey)[:, :150]).any(axis=-1).mean() > 0.8


def test_hints_beside_each_other_are_each_met():
    grey = two_halves()
    hints = [Hint(40, 120, RED), Hint(41, 120, (-20.0, 20.0)), Hint(60, 140, (10.0, -25.0)), Hint(200, 30, (0.0, 0.0))]
    painted = deaf(grey, hints)
    assert max(distance(painted, hint) for hint in hints) < 2


def test_hundreds_of_hints_are_met():
    grey = np.full((256, 256), 128, np.uint8)
    random = np.random.default_rng(0)
    places = random.permutation(256 * 256)[:200]
    hints = [Hint(int(p % 256), int(p // 256), tuple(random.uniform(-20, 20, 2).tolist())) for p in places]
    painted = deaf(grey, hints)
    assert max(distance(painted, hint) for hint in hints) < 5


def test_a_hint_with_a_radius_colours_its_square():
    grey = np.full((100, 100), 128, np.uint8)
    painted = lab.rgb_to_lab(deaf(grey, [Hint(50, 50, RED, radius=10)]))
    assert painted[42:59, 42:59, 1].min() > 30


def test_the_colour_that_is_missed_becomes_less_with_the_way():
    grey = np.full((100, 100), 128, np.uint8)
    a = lab.rgb_to_lab(deaf(grey, [Hint(10, 50, RED)]))[50, :, 1]
    assert a[10] > 33
    assert a[10] > a[40] > a[70]
    assert a[99] < 8


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (3, 5000), (2, 2)])
def test_every_shape_takes_a_hint(shape):
    grey = np.full(shape, 128, np.uint8)
    hint = Hint(shape[1] - 1, shape[0] - 1, RED)
    painted = deaf(grey, [hint])
    assert painted.shape == (*shape, 3)
    assert distance(painted, hint) < 2


def test_guided_colours_meet_hints_too():
    grey = lab.to_grey(photo_pixels(1, 120, 160))
    grey = np.clip(grey, 90, 170)
    for hint in (Hint(10, 10, RED), Hint(80, 60, (-20.0, 20.0))):
        assert distance(deaf(grey, [hint], "guided"), hint) < 2


def test_the_built_in_model_meets_hints_and_leaves_what_lies_beyond_an_edge():
    network = reader.load(catalogue.find(catalogue.DEFAULT).path)
    pixels = np.clip(photo_pixels(7, 200, 300), 60, 140)
    pixels[60:140, 100:200] = np.clip(photo_pixels(8, 80, 100), 190, 230)
    grey = lab.to_grey(pixels)
    image = Image.fromarray(grey)
    unhinted = network.predict(image).ab
    before = finish.paint(pixels, unhinted)
    for hint in (Hint(150, 100, (-12.0, 15.0)), Hint(20, 20, (25.0, 20.0)), Hint(105, 65, (8.0, -10.0))):
        told = network.predict(image, hints=[hint]).ab
        painted = finish.paint(pixels, unhinted, change=spread.find_change(grey, unhinted, told, [hint]))
        assert distance(painted, hint) < 5
        inside = 60 <= hint.y < 140 and 100 <= hint.x < 200
        beyond = np.s_[0:50, 0:300] if inside else np.s_[75:125, 120:180]
        assert np.abs(lab.rgb_to_lab(painted[beyond]) - lab.rgb_to_lab(before[beyond])).max() < 3
