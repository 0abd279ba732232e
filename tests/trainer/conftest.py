"""A run that was scored, and its exports by `tintmill export`, made once a session."""

from pathlib import Path

import pytest

from tests.support import helpers, training
from tintmill.model.export.formats import registry as formats
from tintmill.trainer.reporting import model_card


@pytest.fixture(scope="session")
def scored_run(dataset, tmp_path_factory) -> Path:
    """A run of a network that joins L* and embedding, scored on val."""
    run = training.trained(dataset, tmp_path_factory.mktemp("run") / "toy", "toy_fused", "--steps=5", "--seed=2")
    done = helpers.tintmill("evaluate", f"--run={run}", f"--data={dataset}", "--split=val", "--examples=0")
    assert done.returncode == 0, done.stderr
    return run


@pytest.fixture(scope="session")
def exported(scored_run, tmp_path_factory):
    """By format: the path of an export, made when first asked for; all in one folder."""
    folder = tmp_path_factory.mktemp("exports")

    def make(name: str) -> Path:
        path = folder / f"toy{formats.FORMATS[name].suffix or '_folder'}"
        if not path.exists():
            done = training.export(scored_run, name, path, "--terms=Free for all: even *commerce*.")
            assert done.returncode == 0, done.stderr
            assert done.stdout.strip().splitlines()[-1] == model_card.path_of(str(path))
        return path

    return make
