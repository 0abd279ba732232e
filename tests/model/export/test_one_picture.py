"""The network that holds all: it does with a grey picture what the colorizer does with Pillow and NumPy."""

import numpy as np
import pytest
from PIL import Image

from tests.support import exports
from tintmill.model.blocks.layers import ResizeTo
from tintmill.model.export import one_picture, resample, writer
from tintmill.model.prediction import colorizer
from tintmill.pipeline.imaging import lab, photo

# The two ways differ by Pillow's 8-bit roundings, of two passes: at most one level, seldom more than half of one.
LEVEL, MEAN_LEVEL = 1.1, 0.4
SHAPES = [(90, 60), (60, 90), (41, 41), (64, 17), (7, 200), (1, 1), (3, 40)]


def batch(grey: Image.Image) -> np.ndarray:
    return np.asarray(grey, np.float32)[None, ..., None]


@pytest.mark.parametrize(("width", "height"), SHAPES)
@pytest.mark.parametrize("fit", photo.FITS)
def test_the_framing_is_that_of_training(fit, width, height):
    grey = exports.grey_picture(1, width, height)
    framed = np.asarray(one_picture.Framed(48, fit)(batch(grey)))[0, ..., 0]
    difference = np.abs(framed - photo.fit(grey, 48, fit))
    assert difference.max() <= LEVEL
    assert difference.mean() <= MEAN_LEVEL


@pytest.mark.parametrize(("width", "height"), [*SHAPES, (1, 3000), (640, 480)])
@pytest.mark.parametrize("network_size", [None, (24, 16)])
def test_the_network_sees_what_the_colorizer_shows_it(width, height, network_size):
    grey, seen = exports.grey_picture(2, width, height), {}

    def network(inputs, training):
        seen.update(inputs)
        return {"ab": np.zeros((*inputs["l"].shape[:3], 2), np.float32)}

    colorizer.Colorizer(network, None, 32, "crop", network_size=network_size).predict_ab(grey)
    small = one_picture.WorkingSize(32, network_size)(batch(grey))
    lightness = np.asarray(one_picture.Lightness()(small))
    assert lightness.shape == seen["l"].shape
    levels = np.abs(np.asarray(small) - grey_of(seen["l"]))
    assert levels.max() <= LEVEL
    assert levels.mean() <= MEAN_LEVEL


def test_a_small_copy_is_the_networks_own():
    maps = np.random.default_rng(0).uniform(-1, 1, (1, 70, 45, 1)).astype(np.float32)
    for side in (32, 64):
        wanted = np.asarray(ResizeTo(side)(maps))
        np.testing.assert_allclose(np.asarray(one_picture.Square(side)(maps)), wanted, atol=1e-5)


def grey_of(lightness: np.ndarray) -> np.ndarray:
    """The grey levels of a network's input."""
    neutral = np.zeros_like(lightness)
    return 255 * lab.lab_to_rgb(np.concatenate([50 * (lightness + 1), neutral, neutral], axis=-1))[..., :1]


def test_lightness_is_that_of_the_256_greys():
    greys = np.arange(256, dtype=np.float32)
    wanted = lab.rgb_to_lab(np.repeat(greys.astype(np.uint8)[:, None], 3, axis=1))[:, :1] / 50 - 1
    np.testing.assert_allclose(np.asarray(one_picture.Lightness()(greys[:, None])), wanted, atol=2e-6)


@pytest.fixture(scope="module")
def run(tmp_path_factory, embedder_weights) -> str:
    """A run of `kth`, with an embedder that sees the difference between pictures."""
    return exports.make_run(tmp_path_factory.mktemp("run"), "kth", embedder_weights, "pad")


def difference_and_spread(run: str, width: int, height: int) -> tuple[float, float]:
    """The mean difference in a* and b* between the colorizer and the network that holds all; the colorizer's spread."""
    grey = exports.grey_picture(5, width, height)
    wanted = colorizer.load(run).predict_ab(grey)
    network, _ = writer.of_run(run)
    found = np.asarray(network(batch(grey))["ab"])[0]
    assert found.shape == wanted.shape
    return float(np.abs(found - wanted).mean()), float(wanted.std())


@pytest.mark.slow
@pytest.mark.parametrize(("width", "height"), [(150, 100), (200, 280)])
def test_its_colours_are_the_colorizers(run, width, height):
    difference, spread = difference_and_spread(run, width, height)
    assert spread > 5
    assert difference < 0.05 * spread


@pytest.mark.slow
@pytest.mark.parametrize("mistake", ["shift", "filter"])
def test_a_shift_of_half_a_pixel_or_a_wrong_filter_would_be_seen(run, monkeypatch, mistake):
    if mistake == "filter":
        monkeypatch.setattr(resample, "cubic", resample.triangle)
    else:
        right = resample.weights
        monkeypatch.setattr(
            resample, "weights", lambda k, n, wanted, span, margin: right(k, n, wanted, span, margin + 1)
        )
    difference, spread = difference_and_spread(run, 150, 100)
    assert difference > 0.05 * spread
