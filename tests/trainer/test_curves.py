"""What is read out of metrics.csv."""

import pytest

from trainer import curves

HEADER = "step,epoch,loss,pictures_per_second,waiting\n"


def test_the_share_waiting_is_of_the_time_and_not_of_the_rows(tmp_path):
    """The first row, which compiles, is left out. Then 10 steps of 4 in 1 s, none waited, and 5 in 2 s, half waited."""
    rows = "10,1,0.5,2,0.9\n20,2,0.4,40,0\n25,3,0.3,10,0.5\n"
    (tmp_path / "metrics.csv").write_text(HEADER + rows)
    found = curves.speed(str(tmp_path), global_batch=4)
    assert found == {"pictures_per_second": 25, "waiting": pytest.approx(1 / 3)}


def test_one_row_is_better_than_none(tmp_path):
    (tmp_path / "metrics.csv").write_text(HEADER + "10,1,0.5,2,0.25\n")
    assert curves.speed(str(tmp_path), 4) == {"pictures_per_second": 2, "waiting": pytest.approx(0.25)}


def test_a_run_without_rows_has_no_speed(tmp_path):
    assert curves.speed(str(tmp_path), 4) is None
    (tmp_path / "metrics.csv").write_text("step,epoch,loss,pictures_per_second\n10,1,0.5,2\n")  # of an older version
    assert curves.speed(str(tmp_path), 4) is None
