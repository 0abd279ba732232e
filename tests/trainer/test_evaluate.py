"""Scores beside the trivial answers."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support import helpers, known_models, training
from tintmill.model.metrics import lpips
from tintmill.model.metrics.ab_histogram import ab_histogram
from tintmill.model.prediction import colorizer, saved_model
from tintmill.pipeline.dataset.manifest import open_dataset
from tintmill.pipeline.imaging import fidelity, lab
from tintmill.trainer.evaluation import scoring
from tintmill.trainer.input import shards


@pytest.fixture(scope="module")
def toy(dataset, tmp_path_factory) -> Path:
    """A run of a network that joins L* and embedding."""
    return training.trained(dataset, tmp_path_factory.mktemp("evaluated") / "toy", "toy_fused", "--steps=5", "--seed=2")


def run_evaluate(run: Path, dataset: Path, *flags):
    return helpers.tintmill("evaluate", f"--run={run}", f"--data={dataset}", *flags)


@pytest.fixture(scope="module")
def evaluated(toy, dataset) -> dict:
    """metrics.json of the toy run on val, with three example pictures."""
    done = run_evaluate(toy, dataset, "--split=val", "--examples=3", "--batch=4")
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


def example_names(metrics: dict) -> set[str]:
    return {name for example in metrics["examples"] for name in example["files"].values()}


def test_every_table_holds_the_trivial_answers_and_the_ceiling(evaluated):
    """Without them nobody can read it: halving the true chroma scores better than most networks do."""
    rows = {row["row"]: row for row in evaluated["rows"]}
    trivial = ["grey", "dataset mean", "another picture's ab", "true ab halved"]
    assert list(rows) == ["toy_fused", *trivial, scoring.TRUTH_ROW]
    assert all(row in evaluated["stdout"] for row in rows)
    grey, halved, another = (rows[name] for name in ("grey", "true ab halved", "another picture's ab"))
    assert halved["psnr"] > grey["psnr"] + 3
    assert halved["auc"] > grey["auc"] > another["auc"]
    assert halved["colourfulness"] == pytest.approx(rows[scoring.TRUTH_ROW]["colourfulness"] / 2, rel=0.1)
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
    network = saved_model.load_model(str(toy))

    def answer(name, values):
        inputs = {"l": values[None, ..., :1] / 50 - 1, "embedding": records[name][1][None]}
        predicted = np.asarray(network(inputs)["ab"])[0] * 128
        return with_ab(values, predicted)

    assert row_of(evaluated, "toy_fused")["psnr"] == pytest.approx(mean_psnr(truth, answer), abs=1e-2)


def test_the_gap_is_the_difference_of_mean_colourfulness(evaluated):
    ceiling = row_of(evaluated, scoring.TRUTH_ROW)
    for row in evaluated["rows"]:
        assert row["colourfulness_gap"] == pytest.approx(abs(row["colourfulness"] - ceiling["colourfulness"]))


def test_each_picture_meets_another_ones_colours():
    assert list(scoring.pair_with_another(iter("abc"))) == [("b", "a"), ("c", "b"), ("a", "c")]


def test_metrics_say_what_they_were_measured_on(evaluated, toy, dataset):
    manifest = helpers.manifest(dataset)
    assert evaluated["split"] == "val"
    assert evaluated["same_pictures_as_training"] is False
    assert evaluated["dataset_fingerprint"] == manifest["fingerprint"]
    assert evaluated["steps"] == 5
    model = saved_model.load_model(str(toy))
    assert evaluated["parameters"] == model.count_params()
    assert evaluated["multiply_adds"] > 0
    assert "infinite PSNRs left out" in evaluated["protocol"]


def test_example_pictures_are_grey_coloured_and_truth(evaluated, toy, truth):
    folder = toy / "evaluation" / "val"
    assert {path.name for path in folder.iterdir()} == example_names(evaluated) | {"metrics.json"}
    assert [e["id"] for e in evaluated["examples"] if e["why"] == "first"] == [
        picture["id"] for picture in evaluated["pictures"][:3]
    ]
    for example in evaluated["examples"]:
        values = truth[example["id"]]
        images = {kind: np.asarray(Image.open(folder / name)) for kind, name in example["files"].items()}
        np.testing.assert_array_equal(images["grey"], with_ab(values, (0, 0)))
        np.testing.assert_array_equal(images["truth"], lab.lab_to_rgb8(values))
        found = fidelity.ciede2000(images["truth"], images["coloured"])
        assert found == pytest.approx(example["scores"]["ciede2000"], abs=0.02)  # another batch, other last bits


def test_the_best_the_median_and_the_worst_are_kept_too(evaluated):
    order = [s["id"] for s in sorted(evaluated["pictures"], key=lambda s: s["ciede2000"])]
    middle = (len(order) - 4) // 2
    wanted = {"best": order[:4], "median": order[middle : middle + 4], "worst": order[::-1][:4]}
    for why, ids in wanted.items():
        assert [e["id"] for e in evaluated["examples"] if e["why"] == why] == ids


def test_the_ab_histograms_are_of_all_pictures(evaluated, truth):
    found = np.array(evaluated["ab_histograms"]["truth"])
    np.testing.assert_array_equal(found, sum(ab_histogram(lab.lab_to_rgb8(v)) for v in truth.values()))
    assert np.sum(evaluated["ab_histograms"]["run"]) == found.sum()


def test_every_mean_has_its_interval(evaluated):
    for row in evaluated["rows"][:-1]:
        assert set(row["intervals"]) == set(row) - {"row", "pictures", "infinite_psnr", "intervals"}
        low, high = row["intervals"]["ciede2000"]
        assert low < row["ciede2000"] < high
    assert set(evaluated["rows"][-1]["intervals"]) == {"colourfulness", "colourfulness_abs"}


def test_the_card_says_how_the_run_was_measured(evaluated, dataset):
    card, rejected = evaluated["protocol_card"], helpers.manifest(dataset)["pictures"]["rejected"]
    assert "crop to 32x32" in card["resize"]
    assert "lab8" in card["truth"]
    assert all(f"{count} {code}" in card["left_out"] for code, count in rejected.items())
    assert "not computed" in card["frechet"]


@pytest.mark.slow
def test_feature_networks_score_the_run_grey_and_the_mean(toy, dataset, tmp_path):
    helpers.write_lpips_weights(tmp_path / "lpips.npz", lpips.ALEX.shapes())
    networks = ["--frechet_network=mobilenet_v2", "--frechet_weights=random", f"--lpips_weights={tmp_path}/lpips.npz"]
    done = run_evaluate(toy, dataset, "--split=val", *networks, f"--output={tmp_path / 'scores'}")
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "scores" / "metrics.json").read_text())
    for row in found["rows"]:
        judged = row["row"] in ("toy_fused", "grey", "dataset mean")
        assert ("lpips" in row) == ("lpips" in row["intervals"]) == ("frechet" in row) == judged
    assert row_of(found, "grey")["lpips"] > 0
    assert row_of(found, "grey")["frechet"] > 0
    assert "RANDOM" in found["protocol_card"]["frechet"]
    assert "WARNING" in found["protocol_card"]["frechet"]
    assert "AlexNet" in found["protocol_card"]["lpips"]
    for text in ("Frechet", "LPIPS", "RANDOM"):
        assert text in done.stdout


@pytest.fixture(scope="module")
def on_photos(toy, photos) -> dict:
    """metrics.json of the toy run on the folder of photographs itself."""
    done = helpers.tintmill("evaluate", f"--run={toy}", f"--truth={photos}", "--examples=1")
    assert done.returncode == 0, done.stderr
    path = toy / "evaluation" / f"truth-{photos.name}" / "metrics.json"
    assert done.stdout.strip().splitlines()[-1] == str(path)
    found = json.loads(path.read_text()) | {"stderr": done.stderr}
    shutil.rmtree(path.parent)  # the report of other tests shows every evaluation of the run
    return found


def test_a_run_is_scored_on_a_folder_as_colorize_colours_it(on_photos, toy, photos):
    colorize = colorizer.load(str(toy))
    assert len(on_photos["pictures"]) == 41
    for scores in on_photos["pictures"][:3]:
        with Image.open(photos / scores["id"]) as image:
            truth = np.asarray(image.convert("RGB"))
        coloured = colorize(Image.fromarray(np.repeat(lab.to_grey(truth)[..., None], 3, axis=-1)))
        found = fidelity.ciede2000(truth, coloured)
        assert scores["ciede2000"] == pytest.approx(found, abs=0.3)  # its L* comes from the grey picture's 8 bits here
    assert on_photos["protocol_card"]["pictures"].startswith("coloured by the run at the picture's full size")


def test_whether_colours_depend_on_a_pictures_size_is_in_the_card(on_photos, toy, tmp_path):
    assert on_photos["protocol_card"]["size_stability"].startswith("not measured: no picture has a shorter side of 512")
    (tmp_path / "photos").mkdir()
    Image.fromarray(helpers.photo_pixels(0, 520, 600)).save(tmp_path / "photos" / "large.png")
    done = helpers.tintmill("evaluate", f"--run={toy}", f"--truth={tmp_path}/photos", f"--output={tmp_path / 'scores'}")
    assert done.returncode == 0, done.stderr
    card = json.loads((tmp_path / "scores" / "metrics.json").read_text())["protocol_card"]
    assert re.search(r"shorter side of 256 from 512: \d\.\d\d \(1 pictures\)", card["size_stability"])


def test_a_run_on_a_folder_says_what_it_left_out(on_photos):
    assert on_photos["left_out"] == [
        {"file": "truth dog/notes.jpg", "reason": "no supported picture format recognises the content", "detail": ""}
    ]
    assert "LEFT OUT truth dog/notes.jpg" in on_photos["stderr"]
    assert on_photos["same_pictures_as_training"] is None
    assert [row["row"] for row in on_photos["rows"]][2] == "mean ab of the truths"


@pytest.mark.slow
@pytest.mark.real_data
def test_plates_of_three_colours_are_a_test_set(real_data, toy, tmp_path):
    """Photographs of 1905 to 1915 whose colour is true: where colorizers are used, and are rarely measured."""
    plates = real_data / "prokudin_color"
    done = helpers.tintmill("evaluate", f"--run={toy}", f"--truth={plates}", f"--output={tmp_path / 'scores'}")
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "scores" / "metrics.json").read_text())
    assert len(found["pictures"]) == len(list(plates.glob("*.png"))) == 3
    assert found["left_out"] == []
    assert "WARNING" in found["protocol_card"]["intervals"]
    assert row_of(found, "true ab halved")["psnr"] > row_of(found, "grey")["psnr"] + 3
    for example in found["examples"]:
        size = Image.open(plates / example["id"]).size
        assert {Image.open(tmp_path / "scores" / name).size for name in example["files"].values()} == {size}


def test_an_earlier_evaluation_leaves_no_pictures_behind(evaluated, toy, dataset, tmp_path):
    """Else a report would show old pictures beside new scores."""
    run = Path(shutil.copytree(toy, tmp_path / "run"))
    done = run_evaluate(run, dataset, "--split=val", "--examples=1")
    assert done.returncode == 0, done.stderr
    folder = run / "evaluation" / "val"
    kept = example_names(json.loads((folder / "metrics.json").read_text()))
    assert {path.name for path in folder.glob("*.png")} == kept
    assert len([e for e in json.loads((folder / "metrics.json").read_text())["examples"] if e["why"] == "first"]) == 1


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


def test_the_default_model_is_scored_on_a_folder_without_a_run(tmp_path):
    env = known_models.install(tmp_path / "data", version="5")
    helpers.write_photos(tmp_path / "photos", 3)
    given = ["evaluate", f"--truth={tmp_path / 'photos'}", f"--output={tmp_path / 'scores'}", "--hints=2"]
    done = helpers.tintmill(*given, env=env)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "scores" / "metrics.json").read_text())
    assert (found["model"], found["model_version"], found["parameters"], found["hints"]) == ("default", "5", 321, 2)
    assert [row["row"] for row in found["rows"]][:2] == ["default", "grey"]


def test_a_models_scores_want_an_output(tmp_path):
    env = known_models.install(tmp_path)
    helpers.assert_one_line_error(helpers.tintmill("evaluate", f"--truth={tmp_path}", env=env), "--output is not given")
