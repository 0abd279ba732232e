"""`prepare --dry_run`: how much there is and what it will take, and nothing written."""

import pytest

from tests.support import helpers
from tintmill.pipeline.shards.estimate import Estimate

FOUND = Estimate({"train": 900, "val": 100}, 2, 50, {"grey": 5}, bytes=2e9, seconds=7200.0)


def test_records_are_what_is_left_of_the_pictures():
    assert FOUND.pictures == 1000
    assert FOUND.records == pytest.approx(900)


def test_an_estimate_names_hours_and_their_price():
    assert list(FOUND.describe(0.5)) == [
        "1,000 pictures (train 900, val 100) in 2 shards",
        "of 50 that were tried here, left out: 5 grey",
        "about 900 records, 2 GB",
        "about 2 CPU-hours at 7,200 CPU-ms a picture, as on this machine, cost 1.00 at 0.5 a CPU-hour",
    ]
    assert "cost" not in list(FOUND.describe())[-1]


@pytest.mark.slow
def test_a_dry_run_counts_and_writes_nothing(photos, plain_dataset, tmp_path):
    """Here all pictures are the sample, so that bytes are those of the dataset."""
    done = helpers.tintmill("prepare", *helpers.prepare_flags(photos, tmp_path / "out"), "--dry_run")
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.iterdir()) == []
    size = sum(path.stat().st_size for path in plain_dataset.glob("*.tfrecord-*"))
    shards = len(list(plain_dataset.glob("*.tfrecord-*")))
    lines = done.stdout.splitlines()
    assert lines[0].startswith("42 pictures (train ")
    assert lines[0].endswith(f" in {shards} shards")
    assert lines[1] == "of 42 that were tried here, left out: 1 grey, 1 not_a_picture"
    assert lines[2] == f"about 40 records, {size / 1e9:,.3g} GB"


def test_a_price_without_a_dry_run_is_a_wrong_flag(photos, tmp_path):
    done = helpers.tintmill("prepare", *helpers.prepare_flags(photos, tmp_path), "--cpu_hour_price=1")
    helpers.assert_one_line_error(done, "--cpu_hour_price=1.0: wanted with --dry_run", code=2)
