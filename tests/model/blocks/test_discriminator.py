"""The critic of the adversarial loss."""

import numpy as np
import pytest
import tensorflow as tf

from tintmill.model.blocks import discriminator

GREY = {"l": np.zeros((2, 16, 16, 1), np.float32), "ab": np.zeros((2, 16, 16, 2), np.float32)}


def test_the_patchgan_is_that_of_its_table():
    critic = discriminator.patchgan()
    assert critic.count_params() == 2_764_737
    assert critic(np.zeros((1, 37, 64, 3), np.float32)).shape == (1, 5, 8, 1)
    assert not [v for v in critic.variables if not v.trainable]  # no statistics that replicas would have to share


def test_a_verdict_depends_on_a_patch_of_70_pixels():
    critic, picture = discriminator.patchgan(), tf.zeros((1, 160, 160, 3))
    with tf.GradientTape() as tape:
        tape.watch(picture)
        verdict = critic(picture)[0, 10, 10]
    seen = np.abs(tape.gradient(verdict, picture)).sum(axis=-1)[0] > 0
    assert [seen.any(axis=0).sum(), seen.any(axis=1).sum()] == [70, 70]


def test_both_sides_of_the_game_by_hand():
    """A critic that says log 3 of true and -log 3 of coloured pictures believes 3/4 and 1/4."""

    def critic(lab, training):
        return np.log(3) * (1 - 2 * np.asarray(lab)[..., 1:2])  # a* is 0 in the truth and 1 in the answer

    coloured = {"ab": np.ones((2, 16, 16, 2), np.float32)}
    adversarial, caught = discriminator.judge(critic, GREY, coloured)
    np.testing.assert_allclose(adversarial, [-np.log(1 / 4)] * 2, rtol=1e-5)
    np.testing.assert_allclose(caught, [-np.log(3 / 4)] * 2, rtol=1e-5)


def test_an_undecided_critic_costs_log_2():
    adversarial, caught = discriminator.judge(lambda lab, training: np.zeros((2, 2, 2, 1), np.float32), GREY, GREY)
    assert np.asarray(adversarial) == pytest.approx(np.log(2))
    assert np.asarray(caught) == pytest.approx(np.log(2))
