"""`tintmill runs`: what it lists of run directories, written by hand, and what it says of damaged ones."""

import dataclasses
import json
from pathlib import Path

import pytest

from tests.support import helpers
from tests.support.manifests import make_manifest
from tintmill.pipeline.common.errors import TintmillError
from tintmill.trainer import runs
from tintmill.trainer.run.settings import TrainSettings

ROWS = "step,loss,psnr,chroma\n10,0.5,18.0,1\n20,0.25,19.0,1\n30,0.3,21.0,1\n"


def make_run(folder: Path, step: int = 30, finished: bool = True, validation: str = ROWS, **settings) -> Path:
    """A run directory as training leaves it, of 30 steps; a setting of None is left out, as in an older run."""
    (folder / "checkpoints").mkdir(parents=True)
    values = dataclasses.asdict(TrainSettings(steps=30, validation_split="val", validate_every=10)) | settings
    values = {key: value for key, value in values.items() if value is not None}
    (folder / "settings.json").write_text(json.dumps(values))
    (folder / "dataset.json").write_text(make_manifest().to_text())
    (folder / "metrics.csv").write_text(f"step,epoch,loss,pictures_per_second\n10,0.1,0.5,9.0\n{step},0.2,0.4,9.0\n")
    (folder / "validation.csv").write_text(validation)
    if finished:
        (folder / "model.keras").write_bytes(b"a network")
    return folder


def evaluate(run: Path, split: str, **scores) -> None:
    folder = run / "evaluation" / split
    folder.mkdir(parents=True)
    (folder / "metrics.json").write_text(json.dumps({"rows": [{"row": "koalarization"} | scores, {"row": "grey"}]}))


def listed(*roots: Path) -> list[dict]:
    """The rows of the table, all of whose runs can be read."""
    found, left_out = runs.find([str(root) for root in roots])
    read, damaged = runs.read(found)
    assert not left_out + damaged
    return runs.make_rows(read)


def test_only_differing_settings_are_columns_and_the_others_are_said_once(tmp_path):
    make_run(tmp_path / "b", learning_rate=1e-4)
    make_run(tmp_path / "a", mirror=True)
    rows = listed(tmp_path)
    columns = ["name", "step", "steps", "state", "learning_rate", "mirror"]
    assert list(rows[0]) == [*columns, "best.step", "best.loss", "best.psnr"]
    assert [[row[key] for key in ("name", "learning_rate", "mirror")] for row in rows] == [
        ["a", 1e-3, True],
        ["b", 1e-4, False],
    ]
    (note,) = runs.make_notes(runs.read(runs.find([str(tmp_path)])[0])[0])
    assert note.startswith("Same in all: data=toy/1.0.0:01234567, loss=mse, rebalance=0.5, ")
    assert "seed=0" in note
    assert "learning_rate" not in note


def test_runs_of_several_datasets_say_which(tmp_path):
    make_run(tmp_path / "a")
    other = make_run(tmp_path / "b") / "dataset.json"
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
    make_run(tmp_path / "a", step, finished, **settings)
    (row,) = listed(tmp_path)
    assert (row["step"], row["steps"], row["state"]) == (step, settings.get("steps", 30), state)


@pytest.mark.parametrize(("best_by", "step", "loss", "psnr"), [("loss", 20, 0.25, 19.0), ("psnr", 30, 0.3, 21.0)])
def test_the_best_validation_is_by_the_runs_own_measure(tmp_path, best_by, step, loss, psnr):
    make_run(tmp_path / "a", best_by=best_by)
    (row,) = listed(tmp_path)
    assert [row[f"best.{key}"] for key in ("step", "loss", "psnr")] == [step, loss, psnr]


def test_scores_are_of_the_runs_row_by_split_and_absent_where_it_was_not_evaluated(tmp_path):
    evaluate(make_run(tmp_path / "a"), "test", psnr=21.5, ciede2000=12.5, auc_rebalanced=66.0, ssim=0.9)
    evaluate(make_run(tmp_path / "b"), "val", psnr=None, ciede2000=13.5)  # every PSNR was infinite; of an older version
    (make_run(tmp_path / "c", validation="") / "evaluation" / "test").mkdir(parents=True)  # interrupted
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
    make_run(tmp_path / "new", mirror=True)
    make_run(tmp_path / "old", mirror=None, crop=None, best_by=None)
    new, old = listed(tmp_path)
    assert (new["mirror"], old["mirror"]) == (True, None)
    assert "crop" not in new
    notes = runs.make_notes(runs.read(runs.find([str(tmp_path)])[0])[0])
    assert notes[1:] == ["Of an older version, without mirror, crop, best_by, taken as the defaults: old"]


def test_a_run_of_settings_that_are_refused_today_is_listed(tmp_path):
    make_run(tmp_path / "old", schedule="step-wise", unheard_of=3)
    assert [row["name"] for row in listed(tmp_path)] == ["old"]


def test_a_row_that_is_being_written_does_not_count(tmp_path):
    run = make_run(tmp_path / "a", validation=ROWS + "40,0.1")
    with open(run / "metrics.csv", "a") as f:
        f.write("4")
    (row,) = listed(tmp_path)
    assert (row["step"], row["best.step"]) == (30, 20)


def test_names_are_paths_below_the_folder_or_whole_where_there_are_several(tmp_path):
    deep, other = make_run(tmp_path / "a" / "deep" / "run"), make_run(tmp_path / "b")
    assert [row["name"] for row in listed(tmp_path)] == ["a/deep/run", "b"]
    assert [row["name"] for row in listed(tmp_path / "a", other, tmp_path / "a" / "deep")] == [str(deep), str(other)]


def test_damaged_and_half_made_runs_are_named_and_the_others_listed(tmp_path):
    make_run(tmp_path / "good")
    (make_run(tmp_path / "cut") / "settings.json").write_text('{"network": "koal')
    (make_run(tmp_path / "list") / "settings.json").write_text("[]")
    (make_run(tmp_path / "rows", validation="step,loss,psnr\n10,many,1\n"))
    (make_run(tmp_path / "scores") / "evaluation" / "test").mkdir(parents=True)
    (tmp_path / "scores" / "evaluation" / "test" / "metrics.json").write_text("")
    (make_run(tmp_path / "half") / "settings.json").unlink()
    (tmp_path / "editor").mkdir()
    (tmp_path / "editor" / "settings.json").write_text("{}")  # of another program
    done = helpers.tintmill("runs", tmp_path)
    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.split("\n\n")[0].splitlines()] == ["name", "good"]
    reasons = sorted(line.removeprefix(f"left out: {tmp_path}/") for line in done.stderr.splitlines())
    wanted = ("cut/settings.json is damaged", "half: no settings.json", "list is damaged", "rows/validation.csv is")
    assert len(reasons) == 5
    assert all(
        reason.startswith(begin) for reason, begin in zip(reasons, (*wanted, "scores/evaluation/test/"), strict=True)
    )


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["{}"], ["no runs below", "wanted folders of `tintmill train`"]),
        (["{}/none"], ["/none: no such folder"]),
        ([], ["tintmill runs DIR..."]),
    ],
)
def test_no_runs_are_an_error(tmp_path, arguments, parts):
    done = helpers.tintmill("runs", *(argument.format(tmp_path) for argument in arguments))
    helpers.assert_one_line_error(done, *parts)


def test_it_answers_without_tensorflow(tmp_path):
    make_run(tmp_path / "a")
    program = (
        "import sys; from tintmill.trainer import runs; code = runs.run_command(sys.argv[1:]);"
        "assert not {'tensorflow', 'keras', 'matplotlib', 'jinja2'} & set(sys.modules); sys.exit(code)"
    )
    assert helpers.run_python(program, tmp_path).startswith("name  step  steps  state ")


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
    assert "".join(row["name"] for row in runs.sort(table, by)) == order


def test_an_unknown_column_is_refused_with_the_columns():
    with pytest.raises(TintmillError, match="--sort=-speed: wanted one of name, seed, or"):
        runs.sort(rows(name=["a"], seed=[0]), "-speed")


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
    assert runs.format_table(TABLE, None).splitlines() == wide
    assert runs.format_table(TABLE, len(wide[0])).splitlines() == wide


def test_a_table_too_wide_for_the_terminal_goes_on_below_with_its_names():
    assert runs.format_table(TABLE, 40).splitlines() == [
        "name    state         mirror  split",
        "first   finished      false   train",
        "second  not finished  -       ''",
        "",
        "name    best.loss  test.psnr",
        "first     0.01235      21.46",
        "second          -       9.00",
    ]
    assert len(runs.format_table(TABLE, 1).split("\n\n")) == 5  # a column at a time
