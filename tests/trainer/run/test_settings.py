"""The settings of a run: what is refused, and by which words."""

import pytest

from tintmill.pipeline.common.errors import TintmillError
from tintmill.trainer.run.settings import TrainSettings, check_batch


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, 0) for name in ("global_batch", "steps", "log_every", "checkpoint_every", "keep_checkpoints")),
        *((name, 0) for name in ("accumulate", "validation_records", "profile_rows")),
        *((name, -1) for name in ("replicas", "readers", "profile_step", "weight_decay", "clip_norm", "ema")),
        ("ema", 1),
        ("optimizer", "sgd"),
        *((name, value) for name in ("wear", "hints", "encoder_rate") for value in (-0.1, 1.1, float("nan"))),
        *(("scale_jitter", value) for value in (-0.1, 1)),
        ("seed", -1),
        *(("learning_rate", value) for value in (0, -1e-3, float("nan"), float("inf"))),
        ("precision", "float64"),
        ("schedule", "linear"),
        *(("warmup_steps", value) for value in (-1, 1000)),
        ("global_size", 100),  # not a multiple of 32
        *(("rebalance", value) for value in (0, -0.5, 1.1)),
        *((f"{name}_weight", -1) for name in ("class", "colourfulness", "perceptual", "adversarial")),
        ("perceptual_weight", float("inf")),
        ("checkpoint_every", 15),  # not a multiple of log_every 10
    ],
)
def test_a_senseless_setting_is_refused_by_its_flag_and_value(name, value):
    with pytest.raises(TintmillError, match=rf"^--{name}={value}: wanted "):
        TrainSettings(**{name: value})


@pytest.mark.parametrize(
    ("batch", "replicas", "offers"), [(10, 4, "8 or 12"), (3, 4, "4 or another"), (7, 2, "6 or 8")]
)
def test_a_batch_that_does_not_divide_is_refused_with_both_numbers(batch, replicas, offers):
    wanted = rf"--global_batch={batch} does not divide by {replicas} replicas; give {offers}"
    with pytest.raises(TintmillError, match=wanted):
        check_batch(batch, replicas)


def test_a_batch_that_divides_is_accepted():
    check_batch(12, 4)
    check_batch(12, 2, accumulate=3)


def test_a_batch_that_does_not_divide_into_pieces_is_refused():
    with pytest.raises(TintmillError, match="by 2 replicas times --accumulate=4; give 8 or 16"):
        check_batch(12, 2, accumulate=4)
