"""What a manifest says of all shards together follows from plan.json and the reports, or is not believed."""

import json

import pytest

from tests.support import helpers, small_dataset
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.dataset import totals
from tintmill.pipeline.dataset.manifest import open_dataset

VERIFY = "import sys, json; from tintmill.pipeline import verify; print(json.dumps(verify.verify(sys.argv[1])))"


@pytest.fixture
def folder(tmp_path):
    return small_dataset.write(tmp_path / "small")


def change(path, *keys, value) -> None:
    """Puts a value into a JSON file; all else stays."""
    content = inner = json.loads(path.read_text())
    for key in keys[:-1]:
        inner = inner[key]
    inner[keys[-1]] = value
    path.write_text(json.dumps(content))


def defects(folder) -> list[str]:
    return list(totals.find_defects(open_dataset(str(folder))))


def verified(folder) -> list[str]:
    return json.loads(helpers.run_python(VERIFY, folder, cwd=helpers.ROOT))


def test_a_dataset_that_agrees_has_no_defects(folder):
    assert defects(folder) == []
    totals.check(open_dataset(str(folder)))


LIES = [
    (("mean_ab",), [1.0, 2.0], "mean_ab"),
    (("mean_chroma",), 1.0, "mean_chroma"),
    (("fingerprint",), "b" * 64, "fingerprint"),
    (("settings", "fit"), "pad", "settings"),
    (("settings", "drop_grey"), False, "settings"),
    (("class_names",), ["dog", "cat"], "class_names"),
    (("versions",), {"tintmill": "9.9.9"}, "versions"),
    (("source", "listing_sha256"), "b" * 64, "source.listing_sha256"),
    (("pictures", "rejected"), {"not_a_picture": 2}, "pictures"),
    (("encoding_fidelity", "train", "psnr"), 99.0, "encoding_fidelity"),
    (("shards", 0, "sha256"), "b" * 64, "its sha256"),
    (("embedder", "weights_sha256"), "b" * 64, "its embedder"),
    (("embedder", "golden_vector"), [3.0, 2.0, 1.0], "its embedder"),
]


@pytest.mark.parametrize(("keys", "value", "said"), LIES, ids=[".".join(map(str, keys)) for keys, _, _ in LIES])
def test_a_false_field_is_named(folder, keys, value, said):
    change(folder / "manifest.json", *keys, value=value)
    assert any(said in defect for defect in defects(folder))
    with pytest.raises(TintmillError, match=rf"{folder} is damaged: .*; `tintmill verify` lists all of it"):
        totals.check(open_dataset(str(folder)))


def test_a_histogram_of_other_bins_is_named(folder):
    told = helpers.manifest(folder)["ab_histogram"]["train"]
    change(folder / "manifest.json", "ab_histogram", "train", value=told[::-1])
    assert any("ab_histogram" in defect for defect in defects(folder))


@pytest.mark.parametrize(
    ("keys", "value", "said"),
    [
        (("splits", "train"), 999_999, "splits.train: found 999999, wanted 5, the records of its shards"),
        (("shards", 0, "records"), 999_999, "splits.train: found 5, wanted 1000001"),
        (("pictures", "kept"), 8, "pictures.kept: found 8, wanted 7"),
        (("pictures", "read"), 70, "pictures.read: found 70, wanted 9"),
        (("embedder", "name"), "inception_resnet_v2", "embedder.name: found 'inception_resnet_v2'"),
        (("embedder",), None, "embedder: found None, wanted mobilenet_v2"),
        (
            ("shards", 0, "file"),
            "small-train.tfrecord-00001-of-00002",
            r"shards\[0\].file: found .*, wanted small-train",
        ),
        (("shards", 0, "split"), "test", r"shards\[0\].split: found 'test', wanted one of train, val"),
        (("shards",), [], r"shards: found \[\], wanted one or more"),
        (("source", "kind"), "celeba", "source.kind: found 'celeba'"),
    ],
)
def test_a_manifest_whose_fields_do_not_agree_is_refused(folder, keys, value, said):
    change(folder / "manifest.json", *keys, value=value)
    with pytest.raises(TintmillError, match=rf"manifest\.json is damaged \({said}"):
        open_dataset(str(folder))


def test_a_missing_report_is_named(folder):
    (folder / "reports" / "val-00000.json").unlink()
    (found,) = defects(folder)
    assert found.startswith("reports/val-00000.json: missing or damaged")


def test_a_copy_without_plan_and_reports_is_taken_at_its_word_with_a_warning(folder, capsys):
    (folder / "plan.json").unlink()
    for path in (folder / "reports").iterdir():
        path.unlink()
    (folder / "reports").rmdir()
    totals.check(open_dataset(str(folder)))
    assert f"WARNING {folder}: neither plan.json nor reports/ in it" in capsys.readouterr().err
    assert len(defects(folder)) == 4


def test_verify_counts_the_colours_in_the_records_themselves(folder):
    """Where manifest and reports tell the same lie, the records tell it from the truth."""
    assert verified(folder) == []
    for path in (folder / "reports").glob("*.json"):
        report = json.loads(path.read_text())
        change(path, "ab_histogram", value=report["ab_histogram"][::-1])
        change(path, "ab_sums", value={key: total / 2 for key, total in report["ab_sums"].items()})
    told = helpers.manifest(folder)
    means = {
        "mean_ab": [round(mean / 2, 6) for mean in told["mean_ab"]],
        "mean_chroma": round(told["mean_chroma"] / 2, 6),
    }
    bins = {"ab_histogram": {split: counts[::-1] for split, counts in told["ab_histogram"].items()}}
    (folder / "manifest.json").write_text(json.dumps(told | means | bins))
    found = "\n".join(verified(folder))
    for field in ("ab_histogram.train", "ab_histogram.val", "mean a*", "mean b*", "mean_chroma"):
        assert f"manifest.json: {field} is" in found
