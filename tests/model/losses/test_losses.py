"""Losses: their values by hand, one a picture; no infinite slopes where pictures are grey."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from tests.support import helpers
from tintmill.model.blocks.spec import HEADS
from tintmill.model.losses import building, colours, pixels
from tintmill.model.losses.bin_entropy import bins_loss
from tintmill.model.losses.classification import classification
from tintmill.model.losses.colourfulness import colourfulness as colourfulness_loss
from tintmill.model.losses.registry import PIXEL_LOSSES, WEIGHTED_PARTS
from tintmill.model.losses.settings import LossSettings
from tintmill.model.metrics.colourfulness import colourfulness
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.imaging import ab_bins, lab

ONE_EACH = [1] * 313


def targets_of(rgb: np.ndarray) -> dict:
    """Targets of pictures, uint8 [B, H, W, 3]."""
    values = lab.rgb_to_lab(rgb)
    return {"l": values[..., :1] / 50 - 1, "ab": values[..., 1:] / 128, "label": np.zeros(len(rgb), np.int64)}


@pytest.fixture(scope="module")
def photos() -> dict:
    return targets_of(np.stack([helpers.photo_pixels(seed, 16, 24) for seed in range(3)]))


def test_mse_is_the_mean_square_of_each_picture():
    targets = np.zeros((3, 2, 2, 2), np.float32)
    predicted = targets.copy()
    predicted[1] = 0.5
    predicted[2, 0, 0, 0] = 1.0  # one of eight values
    found = np.asarray(pixels.mse({"ab": targets}, {"ab": predicted}))
    np.testing.assert_allclose(found, [0, 0.25, 0.125])
    assert found.dtype == np.float32


@pytest.mark.parametrize(
    ("name", "wanted"),
    [("mse", 0.005), ("l1", 0.05), ("huber", (0.1 - 1 / 256) / 2)],
)
def test_losses_of_a_known_ab_error(name, wanted):
    """An error of 12.8 in a* alone is 0.1 in the network's units, and half of what it costs over both channels."""
    targets = np.zeros((1, 4, 4, 2), np.float32)
    predicted = targets + np.array([12.8, 0], np.float32) / 128
    assert float(PIXEL_LOSSES[name].build(None, None)({"ab": targets}, {"ab": predicted})[0]) == pytest.approx(wanted)


def test_huber_is_quadratic_within_one_unit_of_a_and_b():
    """An error of half a unit in both: e = 1/256, e^2 / (2/128) = 1/1024."""
    predicted = np.full((1, 2, 2, 2), 1 / 256, np.float32)
    assert float(pixels.huber({"ab": np.zeros_like(predicted)}, {"ab": predicted})[0]) == pytest.approx(1 / 1024)


def logits_for(pixels: list, height: int, width: int) -> np.ndarray:
    """Logits float32 [1, height, width, 313]: log of each pixel's distribution {bin: share}, the rest 1e-9."""
    shares = np.full((height * width, 313), 1e-9)
    for row, distribution in zip(shares, pixels, strict=True):
        for index, share in distribution.items():
            row[index] = share
    return np.log(shares).astype(np.float32).reshape(1, height, width, 313)


def test_bins_of_a_grey_pixel_by_hand():
    """Grey is 0.6488 of bin 120 and 0.0878 of each of its neighbours; without rebalancing a plain cross entropy."""
    logits = logits_for([{120: 0.5, 119: 0.125, 121: 0.125, 102: 0.125, 139: 0.125}], 1, 1)
    found = bins_loss(ONE_EACH, 1.0)({"ab": np.zeros((1, 2, 2, 2), np.float32)}, {"bins": logits})
    wanted = -(0.648786 * np.log(0.5) + 4 * 0.0878036 * np.log(0.125))
    assert float(found[0]) == pytest.approx(wanted, abs=1e-5)


def test_bins_take_every_second_pixel():
    """5x5 pixels at half size are 3x3; a row and a column of logits more, as networks give, are not looked at."""
    ab = np.full((1, 5, 5, 2), 0.5, np.float32)
    ab[:, ::2, ::2] = 0
    grey, other = {120: 1.0}, {7: 1.0}
    logits = logits_for([grey, grey, grey, other] * 3 + [other] * 4, 4, 4)
    found = bins_loss(ONE_EACH, 1.0)({"ab": ab}, {"bins": logits})
    assert float(found[0]) == pytest.approx(4 * 0.0878036 * np.log(1e9), rel=1e-4)


def test_bins_at_a_quarter_of_the_size(photos):
    """Logits at any power of two: 16x24 pixels in 4x6, each compared with the pixel left above its middle."""
    full = bins_loss(ONE_EACH, 0.5)
    picked = {name: value[:, 1::4, 1::4] for name, value in photos.items() if name != "label"}
    logits = np.random.default_rng(0).normal(size=(3, 4, 6, 313)).astype(np.float32)
    np.testing.assert_array_equal(full(photos, {"bins": logits}), full(picked, {"bins": logits}))


def test_bins_are_rebalanced_by_the_nearest_bin():
    """A dataset of grey pixels, some red: a red pixel counts as many times more as the weights say."""
    histogram = np.zeros(313)
    red = int(ab_bins.nearest_table()[128 + 60, 128 + 40])
    histogram[[120, red]] = 900, 100
    ab = np.zeros((2, 2, 2, 2), np.float32)
    ab[1] = np.array([60, 40]) / 128
    logits = np.zeros((2, 1, 1, 313), np.float32)
    even, rebalanced = (bins_loss(histogram, mix)({"ab": ab}, {"bins": logits}) for mix in (1.0, 0.5))
    np.testing.assert_allclose(even, np.log(313), rtol=1e-5)
    assert float(rebalanced[1] / rebalanced[0]) > 3
    assert float(rebalanced[0]) < np.log(313) < float(rebalanced[1])


def test_the_class_by_hand_and_none_without_label():
    logits = np.log(np.array([[0.5, 0.25, 0.25]] * 3, np.float32))
    found = classification({"label": np.array([0, 2, -1])}, {"class_logits": logits})
    np.testing.assert_allclose(found, [np.log(2), np.log(4), 0], rtol=1e-5)


def test_colourfulness_is_that_of_the_metric(photos):
    rgb = np.rint(np.asarray(colours.true_rgb(photos)) * 255).astype(np.uint8)
    wanted = [1 - colourfulness(one) / 100 for one in rgb]
    np.testing.assert_allclose(colourfulness_loss(photos, photos), wanted, atol=0.005)


def test_a_grey_picture_has_the_greatest_colourfulness_loss():
    grey = targets_of(np.full((1, 4, 4, 3), 128, np.uint8))
    grey["ab"] = np.zeros_like(grey["ab"])
    assert float(colourfulness_loss(grey, grey)[0]) == pytest.approx(1, abs=2e-3)


def outputs_like(targets: dict, ab: np.ndarray) -> dict:
    count, height, width, _ = ab.shape
    random = np.random.default_rng(1)
    return {
        "ab": tf.constant(ab, tf.float32),
        "bins": tf.constant(random.normal(size=(count, height // 2, width // 2, 313)), tf.float32),
        "class_logits": tf.constant(random.normal(size=(count, 3)), tf.float32),
    }


PARTS = [name for name, part in WEIGHTED_PARTS.items() if not part.has_own_learner]
WEIGHTS = {name: (number + 1) / 10 for number, name in enumerate(PARTS)}
ALL_PARTS = {f"{name}_weight": weight for name, weight in WEIGHTS.items()} | {
    "perceptual_network": "mobilenet_v2",
    "perceptual_weights": "random",
}


@pytest.mark.parametrize("name", PIXEL_LOSSES)
def test_values_and_gradients_are_finite(name):
    """On black, grey, white and coloured pictures, where the network says grey, the truth, or far outside sRGB."""
    pictures = [np.full((32, 32, 3), value, np.uint8) for value in (0, 128, 255)] + [helpers.photo_pixels(1, 32, 32)]
    targets = targets_of(np.stack(pictures * 3))
    answers = targets["ab"].copy()
    answers[:4], answers[4:8] = 0.0, 3.0
    outputs = outputs_like(targets, answers)
    loss = building.build(LossSettings(loss=name, **ALL_PARTS), lambda: ONE_EACH)
    with tf.GradientTape() as tape:
        tape.watch(outputs)
        parts = loss(targets, outputs)
    assert list(parts) == ["loss", name, *PARTS]
    assert all(value.shape == (12,) and np.isfinite(value).all() for value in parts.values())
    gradients = tape.gradient(parts["loss"], outputs)
    for output in {"ab", "class_logits", PIXEL_LOSSES[name].judges}:
        assert np.isfinite(gradients[output]).all()
        assert np.abs(gradients[output]).max() > 0


def test_the_total_is_the_weighted_sum(photos):
    loss = building.build(LossSettings(loss="l1", **ALL_PARTS), None)
    parts = loss(photos, outputs_like(photos, photos["ab"] * 0.5))
    weights = {"l1": 1.0} | WEIGHTS
    np.testing.assert_allclose(parts["loss"], sum(w * parts[name] for name, w in weights.items()), rtol=1e-6)


def test_one_part_has_no_name_of_its_own(photos):
    settings = LossSettings(loss="huber")
    assert list(building.build(settings, None)(photos, photos)) == list(building.part_names(settings)) == ["loss"]


def test_an_unknown_loss_is_an_error_that_lists_the_known():
    with pytest.raises(TintmillError, match=f"--loss=nonesuch: wanted one of {', '.join(PIXEL_LOSSES)}"):
        building.build(LossSettings(loss="nonesuch"), None)


def test_a_loss_that_the_network_cannot_serve_is_refused():
    with pytest.raises(TintmillError, match="--loss=bins: --network=toy has no bins; give mse, l1"):
        building.check_outputs(LossSettings(loss="bins"), "toy", {"ab": 0})
    with pytest.raises(TintmillError, match=r"--class_weight=0\.5: --network=toy does not classify; give 0"):
        building.check_outputs(LossSettings(class_weight=0.5), "toy", {"ab": 0})


def test_every_part_has_its_weight_among_the_settings():
    fields = {field.name for field in dataclasses.fields(LossSettings)}
    assert {f"{name}_weight" for name in WEIGHTED_PARTS} <= fields


def test_what_a_loss_judges_is_an_output_and_a_network_without_it_can_be_told():
    for name, loss in (PIXEL_LOSSES | WEIGHTED_PARTS).items():
        assert loss.description, name
        assert loss.judges in (*HEADS, "class_logits"), name
        assert loss.lacking or loss.judges == "ab", name


@pytest.mark.parametrize(
    ("setting", "value", "wanted"),
    [
        ("rebalance", 0, r"above 0, at most 1 \(1 is no rebalancing\)"),
        *((f"{name}_weight", -1, r"0 \(off\) or a positive number") for name in WEIGHTED_PARTS),
    ],
)
def test_settings_out_of_range_are_refused(setting, value, wanted):
    with pytest.raises(TintmillError, match=f"--{setting}={value}: wanted {wanted}"):
        LossSettings(**{setting: value})


def test_the_settings_are_read_without_heavy_libraries():
    loaded = helpers.run_python("import sys, tintmill.model.losses.settings; print(*sys.modules)").split()
    assert not {"tensorflow", "keras", "skimage"} & set(loaded)
