"""The flags with which an experiment starts its commands."""

import dataclasses

import pytest

from tintmill.launch.experiments.arguments import ExperimentArguments
from tintmill.launch.experiments.catalogue import EXPERIMENTS, Data, Run
from tintmill.launch.experiments.command_flags import list_prepare_flags, list_train_flags
from tintmill.launch.experiments.subcommand import list_given
from tintmill.model.networks.registry import NETWORKS

FULL_SIZE = ExperimentArguments("networks", "photos")


def test_smaller_steps_take_the_place_of_epochs():
    run = Run("a", "one", ("--network=tint", "--epochs=50", "--global_batch=100"))
    assert "--epochs=50" in list_train_flags(run, FULL_SIZE)
    weights = {"encoder_weights": "tint.h5", "vgg_weights": "vgg.h5"}
    smaller = dataclasses.replace(FULL_SIZE, steps=5, train=("--log_every=5",), **weights)
    assert list_train_flags(run, smaller) == [
        "--network=tint",
        "--global_batch=100",
        "--encoder_weights=tint.h5",
        "--steps=5",
        "--log_every=5",
    ]


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_a_warm_up_fits_into_few_steps(name):
    small = ExperimentArguments(name, "photos", steps=8)
    for run in EXPERIMENTS[name].runs:
        warm_up = list_given(list_train_flags(run, small), "warmup_steps")
        assert not warm_up or int(warm_up[-1]) <= 2


def test_a_warm_up_is_the_experiment_s_own_where_it_fits():
    run = Run("a", "one", ("--network=tint", "--steps=20000", "--warmup_steps=20"))
    flags = list_train_flags(run, dataclasses.replace(FULL_SIZE, steps=400))
    assert list_given(flags, "warmup_steps") == ["20"]


def test_weights_of_an_encoder_go_to_the_networks_that_begin_with_it():
    arguments = dataclasses.replace(FULL_SIZE, encoder_weights="m.h5", vgg_weights="v.h5", lite_weights="l.h5")
    weights = {"tint": "m.h5", "vgg": "v.h5", "glaze": "l.h5"}
    found = {name: list_train_flags(Run(name, "one", (f"--network={name}",)), arguments) for name in NETWORKS}
    assert [flags[1:] for flags in found.values()] == [
        [f"--encoder_weights={weights[name]}"] if name in weights else [] for name in NETWORKS
    ]


def test_weights_of_the_real_embedder_leave_the_others_as_they_are():
    arguments = dataclasses.replace(FULL_SIZE, embedder="mobilenet_v2", embedder_weights="real.h5")
    given = ["--embedder=mobilenet_v2", "--embedder_weights=real.h5"]
    assert list_prepare_flags(Data("real", ("--size=8",)), arguments) == ["--size=8", *given]
    zeros = Data("zero", ("--embedder_weights=zeros",))
    assert list_prepare_flags(zeros, arguments) == ["--embedder_weights=zeros", "--embedder=mobilenet_v2"]
    assert list_prepare_flags(Data("none", ("--embedder=none",)), arguments) == ["--embedder=none"]
