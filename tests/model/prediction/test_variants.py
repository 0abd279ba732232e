"""Variants of a picture: the network's own first, others that differ in whole regions, none of them improbable."""

import numpy as np
import pytest

from tests.support.helpers import photo_pixels
from tintmill.model.builtin import catalogue
from tintmill.model.export import reader
from tintmill.model.painting import finish
from tintmill.model.prediction import colouring, variants
from tintmill.model.prediction.prediction import Prediction, anneal
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.imaging import ab_bins, lab

TEMPERATURE = 0.38
RED, BLUE, GREEN = (50, 30), (10, -50), (-40, 40)


def shares(*colours: tuple[tuple[int, int], float]) -> np.ndarray:
    """A distribution [313] with some of its mass around each of the colours."""
    total = np.full(313, 1e-5)
    for colour, mass in colours:
        near = np.exp(-np.square(ab_bins.centres() - np.array(colour)).sum(axis=1) / (2 * 8**2))
        total += mass * near / near.sum()
    return total / total.sum()


def predict(left: np.ndarray, right: np.ndarray) -> tuple[Prediction, np.ndarray]:
    """A prediction with a dark left and a light right half, and its grey picture."""
    logits = np.empty((16, 24, 313), np.float32)
    logits[:, :12], logits[:, 12:] = np.log(left), np.log(right)
    grey = np.full((64, 96), 80, np.uint8)
    grey[:, 48:] = 170
    return Prediction(anneal(logits, TEMPERATURE, (32, 48)), logits), grey


def halves(ab: np.ndarray) -> np.ndarray:
    """The mean colours of the two halves, [2, 2]."""
    return np.stack([ab[:, :20].mean(axis=(0, 1)), ab[:, 28:].mean(axis=(0, 1))])


def test_the_first_is_the_networks_own():
    prediction, grey = predict(shares((RED, 0.75), (BLUE, 0.25)), shares((GREEN, 1.0)))
    np.testing.assert_array_equal(variants.find_variants(prediction, grey, 3)[0], prediction.ab)


def test_a_region_takes_the_other_colour_as_a_whole_and_the_certain_one_stays():
    prediction, grey = predict(shares((RED, 0.75), (BLUE, 0.25)), shares((GREEN, 1.0)))
    own, other = map(halves, variants.find_variants(prediction, grey, 2))
    assert np.linalg.norm(own[0] - RED) < 15
    assert np.linalg.norm(other[0] - BLUE) < 15
    assert np.linalg.norm(other[1] - own[1]) < 3
    changed = variants.find_variants(prediction, grey, 2)[1]
    assert changed[:, :20].std(axis=(0, 1)).max() < 3


def test_regions_that_vary_apart_give_all_their_combinations():
    prediction, grey = predict(shares((RED, 0.75), (BLUE, 0.25)), shares((GREEN, 0.75), (BLUE, 0.25)))
    found = [halves(ab) for ab in variants.find_variants(prediction, grey, 4)]
    seen = {(bool(ab[0, 1] < -20), bool(ab[1, 1] < -20)) for ab in found}  # which halves are blue
    assert seen == {(False, False), (True, False), (False, True), (True, True)}


def test_what_is_improbable_is_no_variant():
    prediction, grey = predict(shares((RED, 0.99), (BLUE, 0.01)), shares((GREEN, 1.0)))
    found = variants.find_variants(prediction, grey, 3)
    assert len(found) == 3
    for ab in found:
        np.testing.assert_allclose(halves(ab), halves(prediction.ab), atol=3)


def test_the_same_picture_has_the_same_variants():
    prediction, grey = predict(shares((RED, 0.75), (BLUE, 0.25)), shares((GREEN, 0.5), (RED, 0.5)))
    for one, again in zip(*(variants.find_variants(prediction, grey, 4) for _ in range(2)), strict=True):
        np.testing.assert_array_equal(one, again)


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (3, 2)])
def test_the_smallest_pictures_have_variants(shape):
    logits = np.random.default_rng(0).normal(0, 3, (*shape, 313)).astype(np.float32)
    size = 2 * shape[0], 2 * shape[1]
    prediction = Prediction(anneal(logits, TEMPERATURE, size), logits)
    found = variants.find_variants(prediction, np.full(size, 128, np.uint8), 4)
    assert [ab.shape for ab in found] == [(*size, 2)] * 4
    assert all(np.isfinite(ab).all() for ab in found)


def test_the_built_in_model_gives_variants_that_differ_in_smooth_regions():
    network = reader.load(catalogue.find(catalogue.DEFAULT).path)
    grey = lab.to_grey(photo_pixels(3, 200, 300))
    found = colouring.predict_colourings(network, grey, count=4).variants
    apart = [np.linalg.norm(one.ab - found[0].ab, axis=-1).mean() for one in found[1:]]
    assert max(apart) > 1
    for one in found:
        painted = lab.rgb_to_lab(finish.paint(grey, one.ab))
        assert np.abs(np.diff(painted[..., 1:], axis=1)).mean() < 1.5


def test_a_network_without_bins_has_no_variants():
    class Regression:
        has_bins = False

        def predict(self, grey, temperature=None):
            return Prediction(np.zeros((4, 4, 2), np.float32), None)

    grey = np.full((8, 8), 128, np.uint8)
    assert len(colouring.predict_colourings(Regression(), grey).variants) == 1
    with pytest.raises(TintmillError, match="variants=2: the network predicts colours without bins"):
        colouring.predict_colourings(Regression(), grey, count=2)
    with pytest.raises(TintmillError, match="variants=99: wanted 1 to 16"):
        colouring.predict_colourings(Regression(), grey, count=99)
