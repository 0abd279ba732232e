"""The report of a shard, on disk."""

import json

import pytest

from tests.support.manifests import make_identity, make_shard_report
from tintmill.pipeline.dataset.shard_report import ShardReport, read_report, write_report

REPORT = make_shard_report(
    "train", 3, records=2, rejected={"grey": 1}, inputs=[["a.jpg", 5, 1.5]], embedder=make_identity()
)


def test_a_report_is_the_same_after_it_was_written_and_read(tmp_path):
    path = str(tmp_path / "train-00003.json")
    write_report(path, REPORT)
    assert read_report(path) == REPORT


def test_a_written_report_says_how_many_pictures_were_kept(tmp_path):
    write_report(str(tmp_path / "report"), REPORT)
    assert json.loads((tmp_path / "report").read_text())["kept"] == 2


def test_keys_of_a_later_version_are_left_out():
    assert ShardReport.from_json(REPORT.to_json() | {"of_a_later_version": 1}) == REPORT


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (None, "the whole file: found None, wanted an object"),
        ([], "the whole file: found .*, wanted an object"),
        ({"file": "a"}, "wanted an object with split, shard, bytes, sha256"),
        (REPORT.to_json() | {"embedder": {"name": "a"}}, "embedder: found .*, wanted an object with layer"),
        (REPORT.to_json() | {"file": "../x"}, r"file: found '../x', wanted a shard's name"),
        (REPORT.to_json() | {"records": 1e999}, "records: found inf, wanted a finite number"),
        (REPORT.to_json() | {"ab_histogram": [0]}, r"ab_histogram: found \[0\], wanted a list of 313"),
    ],
)
def test_values_that_are_no_report_are_refused(values, said):
    with pytest.raises(ValueError, match=said):
        ShardReport.from_json(values)


def test_a_cut_report_is_refused(tmp_path):
    (tmp_path / "report").write_text('{"file": ')
    with pytest.raises(ValueError, match="Expecting value"):
        read_report(str(tmp_path / "report"))
