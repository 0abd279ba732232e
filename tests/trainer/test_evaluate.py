"""Scores beside the trivial answers."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from model import artefact
from pipeline import fidelity, lab
from pipeline.dataset import open_dataset
from tests import helpers, training
from trainer import evaluate, shards


@pytest.fixture(scope="module")
def toy(dataset, tmp_path_factory) -> Path:
    """A run of a network that joins L* and embedding."""
    return training.trained(dataset, tmp_path_factory.mktemp("evaluated") / "toy", "toy_fused", "--steps=5", "--seed=2")


def run_evaluate(run: Path, dataset: Path, *flags):
    return helpers.tintmill("evaluate", f"--run={run}", f"--data={dataset}", *flags)


@pytest.fixture(scope="module")
def evaluated(toy, dataset) -> dict:
    """metrics.json of the toy run on val, with three example pictures."""
    done = run_evaluate(toy, dataset, "--split=val", "--pictures=3", "--batch=4")
    assert done.returncode == 0, done.stderr
    path = toy / "evaluation" / "val" / "metrics.json"
    assert done.stdout.strip().splitlines()[-1] == str(path)
    return json.loads(path.read_text()) | {"stdout": done.stdout}


@pytest.fixture(scope="module")
def records(dataset) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """(Lab float32 [S, S, 3], embedding float32 [E]) of every record of val, by id."""
    opened = open_dataset(str(dataset))
    index = shards.index_records(opened, "val")
    reader = shards.RecordReader(index)
    data = [reader(i) for i in range(len(index))]
    reader.close()
    parsed = shards.parse_batch(opened, data)
    pairs = zip(lab.unpack(parsed["lab"], "lab8"), parsed["embedding"].astype(np.float32), strict=True)
    return dict(zip(shards.parse_ids(data), pairs, strict=True))


@pytest.fixture(scope="module")
def truth(records) -> dict[str, np.ndarray]:
    """Lab of every record of val, by id."""
    return {name: values for name, (values, _) in records.items()}


def with_ab(values: np.ndarray, ab) -> np.ndarray:
    return lab.lab_to_rgb8(np.concatenate([values[..., :1], np.broadcast_to(ab, (*values.shape[:2], 2))], axis=-1))


def mean_psnr(truth: dict, answer) -> float:
    return float(
        np.mean([fidelity.psnr(lab.lab_to_rgb8(values), answer(name, values)) for name, values in truth.items()])
    )


def row_of(metrics: dict, name: str) -> dict:
    return next(row for row in metrics["rows"] if row["row"] == name)


def test_every_table_holds_the_trivial_answers_and_the_ceiling(evaluated):
    """Without them nobody can read it: halving the true chroma scores better than most networks do."""
    rows = {row["row"]: row for row in evaluated["rows"]}
    assert list(rows) == ["toy_fused", *evaluate.TRIVIAL_ROWS, evaluate.TRUTH_ROW]
    assert all(row in evaluated["stdout"] for row in rows)
    grey, halved, another = (rows[name] for name in ("grey", "true ab halved", "another picture's ab"))
    assert halved["psnr"] > grey["psnr"] + 3
    assert halved["auc"] > grey["auc"] > another["auc"]
    assert halved["colourfulness"] == pytest.approx(rows[evaluate.TRUTH_ROW]["colourfulness"] / 2, rel=0.1)
    assert another["colourfulness_gap_each"] >= another["colourfulness_gap"] - 1e-9


def test_every_picture_of_the_split_is_scored_once(evaluated, truth):
    assert sorted(picture["id"] for picture in evaluated["pictures"]) == sorted(truth)
    assert [row["pictures"] for row in evaluated["rows"][:3]] == [len(truth)] * 3


def test_the_grey_row_is_no_colour_at_all(evaluated, truth):
    wanted = mean_psnr(truth, lambda _, values: with_ab(values, (0, 0)))
    assert row_of(evaluated, "grey")["psnr"] == pytest.approx(wanted, abs=1e-3)
    assert row_of(evaluated, "grey")["colourfulness"] < 1


def test_the_mean_row_is_the_datasets_mean_colour(evaluated, truth, dataset):
    mean_ab = open_dataset(str(dataset)).mean_ab
    wanted = mean_psnr(truth, lambda _, values: with_ab(values, mean_ab))
    assert row_of(evaluated, "dataset mean")["psnr"] == pytest.approx(wanted, abs=1e-3)


def test_the_runs_row_is_the_networks_own_answer(evaluated, records, truth, toy):
    network = artefact.load_model(str(toy))

    def answer(name, values):
        inputs = {"l": values[None, ..., :1] / 50 - 1, "embedding": records[name][1][None]}
        predicted = np.asarray(network(inputs)["ab"])[0] * 128
        return with_ab(values, predicted)

    assert row_of(evaluated, "toy_fused")["psnr"] == pytest.approx(mean_psnr(truth, answer), abs=1e-2)


def test_the_gap_is_the_difference_of_mean_colourfulness(evaluated):
    ceiling = row_of(evaluated, evaluate.TRUTH_ROW)
    for row in evaluated["rows"]:
        assert row["colourfulness_gap"] == pytest.approx(abs(row["colourfulness"] - ceiling["colourfulness"]))


def test_each_picture_meets_another_ones_colours():
    assert list(evaluate.with_another(iter("abc"))) == [("b", "a"), ("c", "b"), ("a", "c")]


def test_metrics_say_what_they_were_measured_on(evaluated, toy, dataset):
    manifest = helpers.manifest(dataset)
    assert evaluated["split"] == "val"
    assert evaluated["same_pictures_as_training"] is False
    assert evaluated["dataset_fingerprint"] == manifest["fingerprint"]
    assert evaluated["steps"] == 5
    model = artefact.load_model(str(toy))
    assert evaluated["parameters"] == model.count_params()
    assert evaluated["multiply_adds"] > 0
    assert "infinite PSNRs left out" in evaluated["protocol"]


def test_example_pictures_are_grey_coloured_and_truth(evaluated, toy, truth):
    folder = toy / "evaluation" / "val"
    names = {f"{i:03d}_{kind}.png" for i in range(3) for kind in ("grey", "coloured", "truth")}
    assert {path.name for path in folder.iterdir()} == names | {"metrics.json"}
    for number, picture in enumerate(evaluated["pictures"][:3]):
        values = truth[picture["id"]]
        images = {kind: np.asarray(Image.open(folder / f"{number:03d}_{kind}.png")) for kind in ("grey", "truth")}
        np.testing.assert_array_equal(images["grey"], with_ab(values, (0, 0)))
        np.testing.assert_array_equal(images["truth"], lab.lab_to_rgb8(values))


def test_an_earlier_evaluation_leaves_no_pictures_behind(evaluated, toy, dataset, tmp_path):
    """Else a report would show old pictures beside new scores."""
    run = Path(shutil.copytree(toy, tmp_path / "run"))
    done = run_evaluate(run, dataset, "--split=val", "--pictures=1")
    assert done.returncode == 0, done.stderr
    assert len(list((run / "evaluation" / "val").glob("*.png"))) == 3


@pytest.mark.slow
def test_a_network_without_embedding_is_scored_on_a_dataset_that_has_one(dataset, tmp_path):
    run = training.trained(dataset, tmp_path / "run", "toy_norm", "--steps=5")
    done = run_evaluate(run, dataset, "--split=val")
    assert done.returncode == 0, done.stderr


def test_a_split_that_is_not_there_is_refused(toy, dataset):
    helpers.assert_one_line_error(run_evaluate(toy, dataset), "no split 'test'", "train, val")


def test_a_dataset_of_another_embedder_is_refused(toy, plain_dataset):
    helpers.assert_one_line_error(run_evaluate(toy, plain_dataset, "--split=val"), "embedder None", "mobilenet_v2")


def test_a_run_that_has_not_ended_is_refused(toy, dataset, tmp_path):
    run = Path(shutil.copytree(toy, tmp_path / "run"))
    (run / "model.keras").unlink()
    helpers.assert_one_line_error(run_evaluate(run, dataset, "--split=val"), "no model.keras", "tintmill train")


def test_a_folder_that_is_no_run_is_refused(dataset, tmp_path):
    helpers.assert_one_line_error(run_evaluate(tmp_path, dataset, "--split=val"), "no settings.json")


def test_a_damaged_dataset_is_not_scored(toy, dataset, tmp_path):
    data = Path(shutil.copytree(dataset, tmp_path / "data"))
    shard = helpers.shard_files(data)[-1]
    shard.write_bytes(shard.read_bytes()[:-1])
    helpers.assert_one_line_error(run_evaluate(toy, data, "--split=val"), shard.name, "is damaged")
