"""Two evaluations of the same pictures."""

import json

import numpy as np
import pytest

from tests.support import helpers
from tintmill.pipeline.common.errors import TintmillError
from tintmill.trainer.evaluation import compare
from tintmill.trainer.evaluation.results import MetricsFile


def evaluation(psnr, difference, **more) -> dict:
    """The content of a metrics.json of so many pictures."""
    pictures = [
        {"id": f"{i}.jpg", "psnr": p, "ciede2000": d, "auc_rebalanced": 50.0 + (p or 0), "auc_weight": 1.0 + i}
        | {"colourfulness_truth": 10.0 + i}
        | {name: values[i] for name, values in more.items()}
        for i, (p, d) in enumerate(zip(psnr, difference, strict=True))
    ]
    return {"pictures": pictures}


@pytest.fixture(scope="module")
def pair() -> tuple[dict, dict]:
    """Pictures between 10 and 40 dB; the second's are 0.5 dB better, give or take 1."""
    generator = np.random.default_rng(0)
    psnr = generator.uniform(10, 40, 80)
    better = psnr + generator.normal(0.5, 1, 80)
    return evaluation(psnr, 30 - psnr / 2), evaluation(better, 30 - better / 2)


def by_name(found: list[compare.Difference]) -> dict[str, compare.Difference]:
    return {difference.metric: difference for difference in found}


def test_differences_of_each_picture_tell_what_the_means_do_not(pair):
    """The means' intervals overlap widely: pictures differ by 30 dB, the two evaluations by half of one."""
    found = by_name(compare.compare(*pair))["psnr"]
    differences = np.array([a["psnr"] - b["psnr"] for a, b in zip(*(e["pictures"] for e in pair), strict=True)])
    generator = np.random.default_rng(7)
    means = [generator.choice(differences, 80).mean() for _ in range(5000)]
    assert found.mean == pytest.approx(differences.mean())
    assert found.interval == pytest.approx(np.percentile(means, [2.5, 97.5]), abs=0.03)
    assert found.interval[1] < 0
    assert found.first == pytest.approx((differences > 0).mean())
    assert found.second == pytest.approx((differences < 0).mean())
    assert found.sentence == "PSNR: the interval excludes 0; the second is better"


def test_less_is_better_where_it_is(pair):
    found = by_name(compare.compare(*pair))["ciede2000"]
    assert found.interval[0] > 0
    assert found.second > found.first
    assert found.sentence.endswith("the second is better")


def test_the_rebalanced_auc_is_weighed_by_its_pixels(pair):
    found = by_name(compare.compare(*pair))["auc_rebalanced"]
    one, other = (e["pictures"] for e in pair)
    weights = [p["auc_weight"] for p in one]
    wanted = np.average([a["psnr"] - b["psnr"] for a, b in zip(one, other, strict=True)], weights=weights)
    assert found.mean == pytest.approx(wanted)


def test_an_interval_that_holds_0_tells_nothing(pair):
    one, _ = pair
    noise = np.random.default_rng(1).normal(0, 1, 80)
    other = evaluation([p["psnr"] + n for p, n in zip(one["pictures"], noise, strict=True)], [0] * 80)
    found = by_name(compare.compare(one, other))["psnr"]
    assert found.interval[0] < 0 < found.interval[1]
    assert "holds 0" in found.sentence


def test_the_same_evaluation_twice_differs_in_nothing(pair):
    for found in compare.compare(pair[0], pair[0]):
        assert (found.mean, found.interval, found.first, found.second) == (0, [0, 0], 0, 0)
        assert found.sentence.endswith("the same in every picture")


def test_more_colour_is_called_greater_and_not_better():
    one, other = (evaluation([20, 21, 22], [1, 1, 1], colourfulness=values) for values in ([9, 9, 9], [1, 2, 3]))
    assert by_name(compare.compare(one, other))["colourfulness"].sentence.endswith("the first is greater")


def test_infinite_psnrs_are_left_out_of_psnr_alone():
    one, other = evaluation([20, None, 22], [1, 2, 3]), evaluation([21, 25, None], [1, 2, 3])
    found = by_name(compare.compare(one, other))
    assert (found["psnr"].pictures, found["psnr"].mean) == (1, -1)
    assert found["ciede2000"].pictures == 3


def test_other_pictures_are_refused_with_how_many(pair):
    one, other = pair[0], evaluation([20] * 5, [1] * 5)
    with pytest.raises(TintmillError, match="75 of 80 are in the first alone, 0 of 5 in the second"):
        compare.compare(one, other)


def test_other_truths_of_the_same_names_are_refused(pair):
    other = json.loads(json.dumps(pair[1]))
    for picture in other["pictures"][:7]:
        picture["colourfulness_truth"] += 3
    with pytest.raises(TintmillError, match="the truths of 7 of 80 pictures are not the same"):
        compare.compare(pair[0], other)


def test_an_evaluation_is_found_by_its_file_its_folder_or_its_run(tmp_path, pair):
    run = tmp_path / "run"
    folder = run / "evaluation" / "val"
    folder.mkdir(parents=True)
    (folder / "metrics.json").write_text(json.dumps(pair[0]))
    for path in (run, folder, folder / "metrics.json"):
        assert compare.find_evaluation(str(path), "val") == MetricsFile(str(folder / "metrics.json"), pair[0])
    with pytest.raises(TintmillError, match="nor in its evaluation/test"):
        compare.find_evaluation(str(run), "test")


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"pictures": []}', '{"pictures": [3]}'])
def test_a_damaged_evaluation_is_refused_in_one_line(tmp_path, content):
    (tmp_path / "metrics.json").write_text(content)
    with pytest.raises(TintmillError, match="is damaged"):
        compare.find_evaluation(str(tmp_path), "test")


def test_the_command_prints_and_writes_what_differs(tmp_path, pair):
    for name, content in zip(("one", "two"), pair, strict=True):
        (tmp_path / name).mkdir()
        (tmp_path / name / "metrics.json").write_text(json.dumps(content))
    folders = [tmp_path / "one", tmp_path / "two"]
    done = helpers.tintmill("evaluate", "--compare", *folders, f"--output={tmp_path / 'differences'}")
    assert done.returncode == 0, done.stderr
    assert "PSNR: the interval excludes 0; the second is better" in done.stdout
    stored = json.loads((tmp_path / "differences" / "comparison.json").read_text())
    assert stored["first"] == str(tmp_path / "one" / "metrics.json")
    assert [row["metric"] for row in stored["differences"]] == ["psnr", "ciede2000", "auc_rebalanced"]
    found = by_name(compare.compare(*pair))["psnr"]
    assert stored["differences"][0]["interval"] == pytest.approx(found.interval)


def test_few_pictures_are_warned_of(pair):
    few = [{"pictures": found["pictures"][:4]} for found in pair]
    assert "WARNING: of fewer than 20 pictures" in compare.format_differences(compare.compare(*few))
    assert "WARNING" not in compare.format_differences(compare.compare(*pair))


def test_one_evaluation_is_no_comparison(tmp_path):
    helpers.assert_one_line_error(helpers.tintmill("evaluate", "--compare", tmp_path), "wanted two", "got 1")
