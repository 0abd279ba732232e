"""`tintmill report`: where the page goes, and what is refused."""

import json
from pathlib import Path

import pytest

from tests.support import helpers, run_folder
from tintmill.trainer.report import ReportArguments, report
from tintmill.trainer.reporting import page


@pytest.fixture
def run(tmp_path) -> Path:
    """A run that was evaluated on val."""
    folder = run_folder.make(tmp_path / "run")
    run_folder.evaluate(folder)
    return folder


def test_names_that_are_not_text_can_be_written(run):
    """File names are bytes; Python holds those that are not UTF-8 as lone surrogates, JSON keeps them."""
    path = run / "evaluation" / "val" / "metrics.json"
    examples = json.loads(path.read_text())["examples"]
    examples[0]["id"] = "\udcff.png"
    run_folder.change(run, examples=examples)
    assert report(ReportArguments((str(run),))) == f"{run}/report.html"
    assert "\\udcff.png" in (run / "report.html").read_text()


def test_the_command_writes_into_the_run_or_where_it_is_told(run, tmp_path):
    done = helpers.tintmill("report", run)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == f"{run}/report.html"
    assert (run / "report.html").read_text() == page.render([str(run)])
    second = run_folder.make(tmp_path / "second")
    done = helpers.tintmill("report", run, second, cwd=tmp_path, env={"PYTHONPATH": str(helpers.ROOT)})
    assert (done.returncode, done.stdout.strip()) == (0, "report.html"), done.stderr
    assert (tmp_path / "report.html").read_text() == page.render([str(run), str(second)])
    done = helpers.tintmill("report", run, f"--output={tmp_path}/nowhere/page.html")
    helpers.assert_one_line_error(done, "nowhere/page.html cannot be written", "another --output")


def test_it_refuses_in_one_line(run, tmp_path):
    helpers.assert_one_line_error(helpers.tintmill("report"), "tintmill report RUN")
    helpers.assert_one_line_error(
        helpers.tintmill("report", tmp_path), f"{tmp_path}: no settings.json", "tintmill train"
    )
    (run / "dataset.json").write_text(json.dumps({"embedder": None, "splits": {}}))
    helpers.assert_one_line_error(helpers.tintmill("report", run), "dataset.json is damaged", "train again")
