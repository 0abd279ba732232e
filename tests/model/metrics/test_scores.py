"""The scores, against published tables, formulas by hand, and scikit-image."""

import numpy as np
import pytest
from PIL import Image
from skimage.color import deltaE_ciede2000
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from tests.support.helpers import photo_pixels
from tintmill.model.metrics import ab_histogram, colour_accuracy
from tintmill.model.metrics import scores as picture_scores
from tintmill.model.metrics.colourfulness import colourfulness
from tintmill.model.metrics.registry import METRICS, PARTS
from tintmill.pipeline.imaging import ab_bins, fidelity, lab

# Sharma, Wu, Dalal 2005, "The CIEDE2000 Color-Difference Formula", Table 1: L1 a1 b1, L2 a2 b2, dE00.
SHARMA = """
50.0000 2.6772 -79.7751 50.0000 0.0000 -82.7485 2.0425
50.0000 3.1571 -77.2803 50.0000 0.0000 -82.7485 2.8615
50.0000 2.8361 -74.0200 50.0000 0.0000 -82.7485 3.4412
50.0000 -1.3802 -84.2814 50.0000 0.0000 -82.7485 1.0000
50.0000 -1.1848 -84.8006 50.0000 0.0000 -82.7485 1.0000
50.0000 -0.9009 -85.5211 50.0000 0.0000 -82.7485 1.0000
50.0000 0.0000 0.0000 50.0000 -1.0000 2.0000 2.3669
50.0000 -1.0000 2.0000 50.0000 0.0000 0.0000 2.3669
50.0000 2.4900 -0.0010 50.0000 -2.4900 0.0009 7.1792
50.0000 2.4900 -0.0010 50.0000 -2.4900 0.0010 7.1792
50.0000 2.4900 -0.0010 50.0000 -2.4900 0.0011 7.2195
50.0000 2.4900 -0.0010 50.0000 -2.4900 0.0012 7.2195
50.0000 -0.0010 2.4900 50.0000 0.0009 -2.4900 4.8045
50.0000 -0.0010 2.4900 50.0000 0.0010 -2.4900 4.8045
50.0000 -0.0010 2.4900 50.0000 0.0011 -2.4900 4.7461
50.0000 2.5000 0.0000 50.0000 0.0000 -2.5000 4.3065
50.0000 2.5000 0.0000 73.0000 25.0000 -18.0000 27.1492
50.0000 2.5000 0.0000 61.0000 -5.0000 29.0000 22.8977
50.0000 2.5000 0.0000 56.0000 -27.0000 -3.0000 31.9030
50.0000 2.5000 0.0000 58.0000 24.0000 15.0000 19.4535
50.0000 2.5000 0.0000 50.0000 3.1736 0.5854 1.0000
50.0000 2.5000 0.0000 50.0000 3.2972 0.0000 1.0000
50.0000 2.5000 0.0000 50.0000 1.8634 0.5757 1.0000
50.0000 2.5000 0.0000 50.0000 3.2592 0.3350 1.0000
60.2574 -34.0099 36.2677 60.4626 -34.1751 39.4387 1.2644
63.0109 -31.0961 -5.8663 62.8187 -29.7946 -4.0864 1.2630
61.2901 3.7196 -5.3901 61.4292 2.2480 -4.9620 1.8731
35.0831 -44.1164 3.7933 35.0232 -40.0716 1.5901 1.8645
22.7233 20.0904 -46.6940 23.0331 14.9730 -42.5619 2.0373
36.4612 47.8580 18.3852 36.2715 50.5065 21.2231 1.4146
90.8027 -2.0831 1.4410 91.1528 -1.6435 0.0447 1.4441
90.9257 -0.5406 -0.9208 88.6381 -0.8985 -0.7239 1.5381
6.7747 -0.2908 -2.4247 5.8714 -0.0985 -2.2286 0.6377
2.0776 0.0795 -1.1350 0.9033 -0.0636 -0.5514 0.9082
"""
EVEN = np.ones(313)  # every colour counts alike


@pytest.fixture(scope="module")
def pair() -> tuple[np.ndarray, np.ndarray]:
    """A picture and a noisy copy."""
    truth = photo_pixels(3)
    noise = np.random.default_rng(0).normal(0, 12, truth.shape)
    return truth, np.clip(truth + noise, 0, 255).astype(np.uint8)


def test_ciede2000_is_that_of_sharma():
    table = np.array([line.split() for line in SHARMA.split("\n") if line], float)
    assert table.shape == (34, 7)
    np.testing.assert_allclose(deltaE_ciede2000(table[:, :3], table[:, 3:6]), table[:, 6], atol=5e-5)


def test_ciede2000_of_pictures_is_the_mean_over_their_pixels():
    """Half of the picture turns from grey 50 to grey 54 (L* alone, where dE00 is dL / S_L), the other half stays."""
    truth, changed = (np.full((4, 6, 3), 119, np.uint8) for _ in range(2))
    changed[:2] = 129
    first, second = (float(lab.rgb_to_lab(picture)[0, 0, 0]) for picture in (truth, changed))
    square = ((first + second) / 2 - 50) ** 2
    difference = (second - first) / (1 + 0.015 * square / np.sqrt(20 + square))
    assert fidelity.ciede2000(truth, changed) == pytest.approx(difference / 2, abs=1e-3)


def test_psnr_is_that_of_scikit_image(pair):
    assert fidelity.psnr(*pair) == pytest.approx(peak_signal_noise_ratio(*pair, data_range=255))


def test_psnr_of_an_error_by_hand():
    """One of the twelve values is off by 6: MSE 3."""
    truth = np.full((2, 2, 3), 100, np.uint8)
    off = truth.copy()
    off[1, 0, 2] = 106
    assert fidelity.psnr(truth, off) == pytest.approx(10 * np.log10(255**2 / 3))


def test_ssim_is_the_gaussian_one_of_eleven_pixels(pair):
    # truncate 3.5 of sigma 1.5 is a radius of 5: 11x11.
    wanted = structural_similarity(
        *pair, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, channel_axis=2, data_range=255
    )
    uniform = structural_similarity(*pair, channel_axis=2, data_range=255)
    assert fidelity.ssim(*pair) == pytest.approx(wanted)
    assert abs(wanted - uniform) > 1e-3


def test_colourfulness_is_the_published_formula():
    """Two pixels, red (200, 0, 0) and blue (0, 0, 100): rg = 200, 0; yb = 100, -100."""
    picture = np.array([[[200, 0, 0], [0, 0, 100]]], np.uint8)
    signed = np.sqrt(100**2 + 100**2) + 0.3 * np.sqrt(100**2 + 0)
    absolute = np.sqrt(100**2 + 0) + 0.3 * np.sqrt(100**2 + 100**2)
    assert colourfulness(picture) == pytest.approx(signed)
    assert colourfulness(picture, absolute=True) == pytest.approx(absolute)


@pytest.mark.parametrize(
    ("pixel", "wanted"),
    [((90, 90, 90), 0), ((255, 0, 0), 0.3 * np.hypot(255, 127.5)), ((0, 0, 255), 0.3 * 255)],
)
def test_colourfulness_of_one_colour_is_its_mean_alone(pixel, wanted):
    assert colourfulness(np.full((5, 4, 3), pixel, np.uint8)) == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("distance", "wanted"), [(0, 100), (0.5, 149.5 / 1.5), (10, 140.5 / 1.5), (150, 0.5 / 1.5), (151, 0)]
)
def test_colour_accuracy_is_the_area_under_the_curve_of_one_pixel(distance, wanted):
    curve = [float(distance <= threshold) for threshold in range(151)]
    assert np.trapezoid(curve) / 1.5 == pytest.approx(wanted)
    ab = np.array([[[0.6 * distance, -0.8 * distance]]])
    assert colour_accuracy.colour_accuracy(np.zeros((1, 1, 2)), ab) == pytest.approx(np.array([[wanted]]), abs=1e-4)


def test_rebalanced_auc_counts_every_colour_alike():
    """Three quarters of the pixels are grey, a quarter red; the answer is grey: right where it is common."""
    truth = np.full((16, 16, 3), 128, np.uint8)
    truth[:, :4] = (255, 0, 0)
    histogram = ab_bins.count_bins(ab_bins.count_pairs(lab.pack(lab.rgb_to_lab(truth), "lab8")))
    weights = colour_accuracy.rarity(histogram)
    grey = np.repeat(lab.to_grey(truth)[..., None], 3, axis=-1)
    score = picture_scores.score(truth, grey, weights)
    distance = np.linalg.norm(lab.rgb_to_lab(truth)[0, 0, 1:])
    red = (150.5 - np.ceil(distance)) / 1.5
    assert score["auc"] == pytest.approx(0.75 * 100 + 0.25 * red, abs=0.3)
    # Both bins lie far from other colours, but the Gaussian takes a different share from each into empty neighbours.
    assert score["auc_rebalanced"] == pytest.approx((100 + red) / 2, abs=5)
    assert score["auc_rebalanced"] < score["auc"] - 5


def test_rebalanced_auc_of_many_pictures_weighs_by_their_rare_pixels():
    same = dict.fromkeys((*METRICS, *PARTS), 1.0)
    scores = [same | {"auc_rebalanced": auc, "auc_weight": w} for auc, w in ((40, 3), (80, 1))]
    assert picture_scores.summarise(scores)["auc_rebalanced"] == 50


@pytest.mark.real_data
def test_grey_scores_what_is_published_for_imagenet(real_data):
    """Zhang et al. 2016, table 1: grey 89.1 and 58.0 rebalanced by their prior; remeasured 89.4, 55.4, PSNR 22.8.

    These 120 photographs are more colourful (mean chroma 19.5, the 1000 of the remeasurement 15.9), hence the width.
    """
    weights = 1 / np.load(real_data / "imagenet_ab_prior" / "prior_313.npy")
    scores, chroma = [], []
    for path in sorted((real_data / "imagenet_imagen1000").iterdir()):
        with Image.open(path) as image:
            truth = np.asarray(image.convert("RGB").resize((96, 96), Image.Resampling.BICUBIC))
        grey = np.repeat(lab.to_grey(truth)[..., None], 3, axis=-1)
        scores.append(picture_scores.score(truth, grey, weights))
        chroma.append(np.linalg.norm(lab.rgb_to_lab(truth)[..., 1:], axis=-1).mean())
    row = picture_scores.summarise(scores)
    assert row["auc"] == pytest.approx(100 - np.mean(chroma) / 1.5, abs=0.4)  # no pixel is farther than 150
    assert row["auc"] == pytest.approx(89.1, abs=3)
    assert row["auc_rebalanced"] == pytest.approx(56.7, abs=3)
    assert row["psnr"] == pytest.approx(22.8, abs=2)


def test_infinite_psnrs_are_counted_and_left_out():
    truth = photo_pixels(0)
    scores = [picture_scores.score(truth, truth, EVEN), picture_scores.score(truth, truth // 2, EVEN)]
    row = picture_scores.summarise(scores)
    assert (row["pictures"], row["infinite_psnr"]) == (2, 1)
    assert row["psnr"] == scores[1]["psnr"]
    assert row["ssim"] == pytest.approx((1 + scores[1]["ssim"]) / 2)
    assert row["ciede2000"] == pytest.approx(scores[1]["ciede2000"] / 2)


def test_only_infinite_psnrs_have_no_mean():
    row = picture_scores.summarise([picture_scores.score(photo_pixels(0), photo_pixels(0), EVEN)])
    assert row["psnr"] is None
    assert row["infinite_psnr"] == 1


def test_the_pooled_psnr_is_that_of_the_mean_error():
    """Two pictures off by 2 and by 20: errors 4 and 400; equal ones count as an error of 0."""
    grey = np.full((16, 16, 3), 100, np.uint8)
    scores = [picture_scores.score(grey, grey + np.uint8(off), EVEN) for off in (2, 20, 0)]
    row = picture_scores.summarise(scores)
    assert row["psnr_pooled"] == pytest.approx(10 * np.log10(255**2 / ((4 + 400 + 0) / 3)))
    assert row["psnr"] == pytest.approx(np.mean([10 * np.log10(255**2 / 4), 10 * np.log10(255**2 / 400)]))


def test_both_gaps_of_colourfulness_are_told():
    """Too colourful here and too grey there: the gap of the means forgives it."""
    wild, tame = photo_pixels(1), (photo_pixels(1) // 8 + 100).astype(np.uint8)
    scores = [picture_scores.score(wild, tame, EVEN), picture_scores.score(tame, wild, EVEN)]
    row = picture_scores.summarise(scores)
    apart = colourfulness(wild) - colourfulness(tame)
    assert row["colourfulness_gap"] == pytest.approx(0, abs=1e-9)
    assert row["colourfulness_gap_each"] == pytest.approx(apart)
    assert apart > 10


def test_a_wrong_lightness_is_seen():
    truth = np.full((12, 12, 3), 119, np.uint8)
    lighter = np.full((12, 12, 3), 143, np.uint8)
    wanted = float(lab.rgb_to_lab(lighter)[0, 0, 0] - lab.rgb_to_lab(truth)[0, 0, 0])
    assert picture_scores.score(truth, lighter, EVEN)["lightness_error"] == pytest.approx(wanted)
    assert picture_scores.score(truth, truth, EVEN)["lightness_error"] == 0


def test_the_ab_histogram_counts_every_pixel_in_its_cell():
    """Red is a* 80.1, b* 67.2: cells of 4 from -110 on, 47 and 44. The grey of the rest is a hair from 0, 0."""
    picture = np.full((4, 5, 3), 128, np.uint8)
    picture[0, :3] = (255, 0, 0)
    counts = ab_histogram.ab_histogram(picture)
    assert counts.shape == (55, 55)
    assert counts.sum() == 20
    assert counts[47, 44] == 3
    assert counts[26:29, 26:29].sum() == 17


def test_the_ab_histogram_holds_all_of_srgb():
    levels = np.arange(0, 256, 15, dtype=np.uint8)
    cube = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(18 * 18, 18, 3)
    assert ab_histogram.ab_histogram(cube).sum() == cube.shape[0] * cube.shape[1]
