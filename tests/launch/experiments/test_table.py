"""Experiments: what a table says, which flags reach the commands, and one experiment as a whole."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.helpers import tintmill
from tintmill.launch import experiment
from tintmill.launch.experiments.catalogue import EXPERIMENTS, Data, Experiment, Run
from tintmill.model.networks import registry as networks
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.prepare import FLAGS as PREPARE
from tintmill.trainer.train import FLAGS as TRAIN


@pytest.fixture
def flags():
    """The command's flags at their defaults, to be changed by a test."""
    values = experiment.FLAGS
    values(["experiment", "--input=photos"])
    yield values
    values.unparse_flags()
    for name in list(values):
        values[name].unparse()


def row(**values) -> dict:
    return {"row": "any", "pictures": 9} | dict.fromkeys(experiment.COLUMNS, 1.0) | values


def score(label: str, test: str = "one", **values) -> experiment.Score:
    metrics = {"rows": [row(**values), row(row="grey", psnr=20.0)], "steps": 5, "embedder": None, "protocol": "as said"}
    metrics |= {"dataset": {"name": test, "size": 64}, "parameters": 1234, "multiply_adds": 5678e6}
    return experiment.Score(label, metrics, step_ms=9.0)


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


def test_a_row_is_the_mean_over_the_seeds_with_half_their_range(flags):
    assert experiment.over_seeds([row(psnr=20.0), row(psnr=21.0), row(psnr=22.0)], "psnr") == "21.00 ± 1.00"
    assert experiment.over_seeds([row(psnr=None)], "psnr") == "-"


def test_a_table_has_a_row_a_label_and_the_trivial_answers_once(flags):
    scores = [score("a", psnr=30.0), score("a", psnr=31.0), score("b", psnr=10.0)]
    lines = experiment.format_table("x", Experiment("about", (), ()), scores).splitlines()
    names = [line.split(" | ")[0] for line in lines if line.startswith("| ")][1:]
    assert names == ["| a", "| b", "| *grey*"]
    assert any(line.startswith("| a | 30.50 ± 0.50 |") and line.endswith("| 1,234 | 5,678 | 9 |") for line in lines)


def test_tests_on_other_datasets_have_their_own_trivial_rows(flags):
    scores = [score("a, tested on one", "one"), score("a, tested on two", "two")]
    table = experiment.format_table("x", Experiment("about", (), (), tests=("one", "two")), scores)
    assert "*grey (one)*" in table
    assert "*grey (two)*" in table


def test_a_table_says_what_was_scaled_down(flags):
    assert "at full size" in experiment.format_table("x", Experiment("about", (), ()), [score("a")])
    flags.steps, flags.size = 5, 64
    assert "scaled down by --size=64 --steps=5" in experiment.format_table("x", Experiment("", (), ()), [score("a")])


def test_smaller_steps_take_the_place_of_epochs(flags):
    run = Run("a", "one", ("--network=tint", "--epochs=50", "--global_batch=100"))
    assert "--epochs=50" in experiment.train_flags(run)
    flags.steps, flags.encoder_weights, flags.vgg_weights, flags.train = 5, "tint.h5", "vgg.h5", ["--log_every=5"]
    assert experiment.train_flags(run) == [
        "--network=tint",
        "--global_batch=100",
        "--encoder_weights=tint.h5",
        "--steps=5",
        "--log_every=5",
    ]


def test_weights_of_the_real_embedder_leave_the_others_as_they_are(flags):
    flags.embedder, flags.embedder_weights = "mobilenet_v2", "real.h5"
    given = ["--embedder=mobilenet_v2", "--embedder_weights=real.h5"]
    assert experiment.prepare_flags(Data("real", ("--size=8",))) == ["--size=8", *given]
    zeros = Data("zero", ("--embedder_weights=zeros",))
    assert experiment.prepare_flags(zeros) == ["--embedder_weights=zeros", "--embedder=mobilenet_v2"]
    assert experiment.prepare_flags(Data("none", ("--embedder=none",))) == ["--embedder=none"]


def test_only_names_runs_of_the_experiment(flags):
    flags.only = ["tint"]
    assert [run.name for run in experiment.chosen(EXPERIMENTS["networks"])] == ["tint"]
    flags.only = ["nonesuch"]
    with pytest.raises(TintmillError, match=r"--only=nonesuch: wanted of koalarization"):
        experiment.chosen(EXPERIMENTS["networks"])


@pytest.mark.slow
def test_an_experiment_prepares_trains_scores_and_reports(tmp_path):
    """And a second time finds all of it done."""
    folder = tmp_path / "in" / "Linnaeus 5 32X32"
    random = np.random.default_rng(0)
    for split, count in (("train", 24), ("test", 4)):
        for i in range(count):
            path = folder / split / "flower" / f"{i + 1}_32.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = random.integers(0, 256, (4, 4, 3), dtype=np.uint8)
            Image.fromarray(pixels).resize((32, 32), Image.Resampling.BICUBIC).save(
                path.with_suffix(".jpg"), quality=95
            )
    flags = (f"--input={tmp_path}/in", f"--output={tmp_path}/out", "--size=16", "--steps=2", "--global_batch=4")
    done = tintmill("experiment", "linnaeus_flower", *flags)
    assert done.returncode == 0, done.stderr
    root = Path(tmp_path, "out", "linnaeus_flower")
    table = (root / "table.md").read_text()
    assert "4 pictures of `test` at 16x16, 2 steps" in table
    assert "scaled down by --size=16" in table
    assert {"jain", "*grey*", "*dataset mean*"} <= {
        line.split(" | ")[0][2:] for line in table.splitlines() if "|" in line
    }
    assert (root / "runs" / "jain-0" / "report.html").exists()
    again = tintmill("experiment", "linnaeus_flower", *flags)
    assert "$ tintmill train" not in again.stdout
    assert (root / "table.md").read_text() == table
