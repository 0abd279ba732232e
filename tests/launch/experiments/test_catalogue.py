"""The catalogue: every flag of an experiment is one of its command, and every run has its data."""

from pathlib import Path

import pytest

from tintmill.launch.experiments.catalogue import EXPERIMENTS, choose_runs
from tintmill.model.networks import registry as networks
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.prepare import FLAGS as PREPARE
from tintmill.trainer.train import FLAGS as TRAIN


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_flag_of_an_experiment_is_one_of_its_command(name):
    for known, parts in ((PREPARE, EXPERIMENTS[name].data), (TRAIN, EXPERIMENTS[name].runs)):
        for part in parts:
            assert {flag[2:].split("=")[0] for flag in part.flags} <= {*known, "flagfile"}
            presets = [flag.split("=")[1] for flag in part.flags if flag.startswith("--flagfile=")]
            assert all(Path(preset).exists() for preset in presets)


def test_every_run_has_its_data_and_every_network_is_compared():
    for found in EXPERIMENTS.values():
        assert {run.data for run in found.runs} | set(found.tests) <= {data.name for data in found.data}
    compared = {flag for run in EXPERIMENTS["networks"].runs for flag in run.flags if flag.startswith("--network=")}
    assert compared == {f"--network={name}" for name in networks.NETWORKS}


def test_only_names_runs_of_the_experiment():
    assert [run.name for run in choose_runs(EXPERIMENTS["networks"], ["tint"])] == ["tint"]
    assert choose_runs(EXPERIMENTS["networks"], []) == EXPERIMENTS["networks"].runs
    with pytest.raises(TintmillError, match=r"--only=nonesuch: wanted of koalarization"):
        choose_runs(EXPERIMENTS["networks"], ["nonesuch"])
