"""The table of runs: what it says of run directories, which are written by hand."""

from pathlib import Path

import pytest

from tests.support import run_folder
from tintmill.pipeline.common.errors import TintmillError
from tintmill.trainer.reporting import run_table


def listed(*roots: Path) -> list[dict]:
    """The rows of the table, all of whose runs can be read."""
    found, left_out = run_table.find([str(root) for root in roots])
    read, damaged = run_table.read(found)
    assert not left_out + damaged
    return run_table.make_rows(read)


def test_only_differing_settings_are_columns_and_the_others_are_said_once(tmp_path):
    run_folder.make_small(tmp_path / "b", learning_rate=1e-4)
    run_folder.make_small(tmp_path / "a", mirror=True)
    rows = listed(tmp_path)
    columns = ["name", "step", "steps", "state", "learning_rate", "mirror"]
    assert list(rows[0]) == [*columns, "best.step", "best.loss", "best.psnr"]
    assert [[row[key] for key in ("name", "learning_rate", "mirror")] for row in rows] == [
        ["a", 1e-3, True],
        ["b", 1e-4, False],
    ]
    (note,) = run_table.make_notes(run_table.read(run_table.find([str(tmp_path)])[0])[0])
    assert note.startswith("Same in all: data=toy/1.0.0:01234567, loss=mse, rebalance=0.5, ")
    assert "seed=0" in note
    assert "learning_rate" not in note


def test_runs_of_several_datasets_say_which(tmp_path):
    run_folder.make_small(tmp_path / "a")
    other = run_folder.make_small(tmp_path / "b") / "dataset.json"
    other.write_text(other.read_text().replace("01234567", "98764567"))
    assert [row["data"] for row in listed(tmp_path)] == ["toy/1.0.0:01234567", "toy/1.0.0:98764567"]


@pytest.mark.parametrize(
    ("step", "settings", "finished", "state"),
    [
        (30, {}, True, "finished"),
        (20, {}, False, "not finished"),
        (30, {}, False, "not finished"),  # killed before it wrote model.keras
        (30, {"steps": 60}, True, "not finished"),  # gone on with, after it had finished
        (30, {"steps": 60, "patience": 1}, True, "finished early"),
    ],
)
def test_a_run_is_finished_by_its_network_and_its_steps(tmp_path, step, settings, finished, state):
    run_folder.make_small(tmp_path / "a", step, finished, **settings)
    (row,) = listed(tmp_path)
    assert (row["step"], row["steps"], row["state"]) == (step, settings.get("steps", 30), state)


@pytest.mark.parametrize(("best_by", "step", "loss", "psnr"), [("loss", 20, 0.25, 19.0), ("psnr", 30, 0.3, 21.0)])
def test_the_best_validation_is_by_the_runs_own_measure(tmp_path, best_by, step, loss, psnr):
    run_folder.make_small(tmp_path / "a", best_by=best_by)
    (row,) = listed(tmp_path)
    assert [row[f"best.{key}"] for key in ("step", "loss", "psnr")] == [step, loss, psnr]


def test_scores_are_of_the_runs_row_by_split_and_absent_where_it_was_not_evaluated(tmp_path):
    run_folder.score(
        run_folder.make_small(tmp_path / "a"), "test", psnr=21.5, ciede2000=12.5, auc_rebalanced=66.0, ssim=0.9
    )
    run_folder.score(
        run_folder.make_small(tmp_path / "b"), "val", psnr=None, ciede2000=13.5
    )  # every PSNR was infinite; of an older version
    (run_folder.make_small(tmp_path / "c", validation="") / "evaluation" / "test").mkdir(parents=True)  # interrupted
    a, b, c = listed(tmp_path)
    names = ["test.psnr", "test.ciede2000", "test.auc_rebalanced", "val.ciede2000"]
    assert [name for name in a if "." in name] == ["best.step", "best.loss", "best.psnr", *names]
    assert [[row[name] for name in names] for row in (a, b, c)] == [
        [21.5, 12.5, 66.0, None],
        [None, None, None, 13.5],
        [None] * 4,
    ]
    assert c["best.loss"] is None


def test_a_setting_that_an_older_run_lacks_counts_as_its_default(tmp_path):
    """`crop` is 0 where it is known, `mirror` is not: only the second is a difference."""
    run_folder.make_small(tmp_path / "new", mirror=True)
    run_folder.make_small(tmp_path / "old", mirror=None, crop=None, best_by=None)
    new, old = listed(tmp_path)
    assert (new["mirror"], old["mirror"]) == (True, None)
    assert "crop" not in new
    notes = run_table.make_notes(run_table.read(run_table.find([str(tmp_path)])[0])[0])
    assert notes[1:] == ["Of an older version, without mirror, crop, best_by, taken as the defaults: old"]


def test_a_run_of_settings_that_are_refused_today_is_listed(tmp_path):
    run_folder.make_small(tmp_path / "old", schedule="step-wise", unheard_of=3)
    assert [row["name"] for row in listed(tmp_path)] == ["old"]


def test_a_row_that_is_being_written_does_not_count(tmp_path):
    run = run_folder.make_small(tmp_path / "a", validation=run_folder.VALIDATIONS + "40,0.1")
    with open(run / "metrics.csv", "a") as f:
        f.write("4")
    (row,) = listed(tmp_path)
    assert (row["step"], row["best.step"]) == (30, 20)


def test_names_are_paths_below_the_folder_or_whole_where_there_are_several(tmp_path):
    deep, other = run_folder.make_small(tmp_path / "a" / "deep" / "run"), run_folder.make_small(tmp_path / "b")
    assert [row["name"] for row in listed(tmp_path)] == ["a/deep/run", "b"]
    assert [row["name"] for row in listed(tmp_path / "a", other, tmp_path / "a" / "deep")] == [str(deep), str(other)]


def rows(**columns: list) -> list[dict]:
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


@pytest.mark.parametrize(
    ("by", "order"),
    [
        ("name", "abcd"),
        ("-name", "dcba"),
        ("test.psnr", "cabd"),
        ("-test.psnr", "acbd"),
        ("crop", "bdac"),
    ],
)
def test_rows_are_sorted_by_a_column_those_without_a_value_last(by, order):
    psnr = [21.0, None, 19.5, float("nan")]
    table = rows(name=list("abcd"), crop=[224, 96, "none", 96], **{"test.psnr": psnr})
    assert "".join(row["name"] for row in run_table.sort(table, by)) == order


def test_an_unknown_column_is_refused_with_the_columns():
    with pytest.raises(TintmillError, match="--sort=-speed: wanted one of name, seed, or"):
        run_table.sort(rows(name=["a"], seed=[0]), "-speed")


TABLE = rows(
    name=["first", "second"],
    state=["finished", "not finished"],
    mirror=[False, None],
    split=["train", ""],
    **{"best.loss": [0.0123456, None], "test.psnr": [21.456, 9.0]},
)


def test_a_table_is_one_line_a_run_where_it_fits():
    wide = ["name    state         mirror  split  best.loss  test.psnr"]
    wide += ["first   finished      false   train    0.01235      21.46"]
    wide += ["second  not finished  -       ''             -       9.00"]
    assert run_table.format_table(TABLE, None).splitlines() == wide
    assert run_table.format_table(TABLE, len(wide[0])).splitlines() == wide


def test_a_table_too_wide_for_the_terminal_goes_on_below_with_its_names():
    assert run_table.format_table(TABLE, 40).splitlines() == [
        "name    state         mirror  split",
        "first   finished      false   train",
        "second  not finished  -       ''",
        "",
        "name    best.loss  test.psnr",
        "first     0.01235      21.46",
        "second          -       9.00",
    ]
    assert len(run_table.format_table(TABLE, 1).split("\n\n")) == 5  # a column at a time
