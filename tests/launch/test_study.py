"""The study command: no answer is lost, mistakes are one line, and the report has the published shares."""

import json
import re
import signal
from pathlib import Path

import pytest

from tests.support import helpers, pages, studies
from tintmill.launch.pages.studies import settings
from tintmill.launch.pages.studies.answers import Answers

SMALL = ("--questions=6", "--practice=2", "--checks=2", "--side=64")


def flags_for(folders: Path, output: Path) -> list[str]:
    coloured = [f"--coloured={name}={folders / name}" for name in ("mine", "other")]
    return [f"--real={folders / 'real'}", *coloured, f"--output={output}"]


def start_server(*flags) -> tuple:
    """A server in a process of its own, and its address."""
    process = helpers.start(helpers.command_line("study", "--port=0", *flags))
    for line in process.stdout:
        if found := re.search(r"http://127\.0\.0\.1:\d+/", line):
            assert "this machine only" in line
            return process, found.group()
    raise AssertionError(process.communicate()[1])


def test_a_killed_server_loses_no_answer_and_goes_on(folders, tmp_path):
    process, address = start_server(*flags_for(folders, tmp_path), *SMALL)
    visitor = pages.Visitor(address)
    visitor.post("begin", {})
    for number in range(5):
        assert visitor.ask("next").json["number"] == number
        assert visitor.post("answer", {"number": number, "answer": "a", "milliseconds": 700}).status == 200
    helpers.kill_group(process)  # SIGKILL

    process, again = start_server(f"--output={tmp_path}")
    visitor.address = again
    assert visitor.ask("next").json["number"] == 5
    studies.go_through(visitor, lambda question: "a", begin=False)
    helpers.kill_group(process, signal.SIGINT)
    assert process.returncode == 130
    rows = Answers(str(tmp_path / "answers.db")).all()
    assert [row.answer for row in rows] == ["a"] * 10
    assert [row.milliseconds for row in rows][:5] == [700] * 5


def test_other_settings_are_refused_for_a_study_that_was_begun(folders, prepared):
    folder = prepared["2afc"].folder
    refused = helpers.tintmill("study", f"--output={folder}", "--seconds=2", "--coloured=mine=elsewhere", "--mode=2afc")
    helpers.assert_one_line_error(refused, folder, "--seconds=2.0 is 1.0 there", "--coloured=", "give another folder")
    assert "--mode" not in refused.stderr


@pytest.mark.parametrize(
    ("flags", "parts"),
    [
        (["--coloured=mine={folders}/mine"], ["--real=DIR"]),
        (["--report"], ["no study in it"]),
        (["--real={folders}/real", "--coloured=mine"], ["--coloured=mine: wanted NAME=DIR"]),
        (["--real={folders}/real", "--coloured=real={folders}/mine"], ["--coloured=real="]),
        (["--real={folders}/real", "--coloured=mine={folders}/mine"], ["--questions=40", "want 54 pictures", "12 are"]),
        (["--real={folders}/real", "--coloured=a={folders}/mine", "--coloured=a={folders}/other"], ["two models 'a'"]),
    ],
)
def test_mistakes_are_one_line_with_the_remedy(folders, tmp_path, flags, parts):
    flags = [flag.format(folders=folders) for flag in flags]
    helpers.assert_one_line_error(helpers.tintmill("study", f"--output={tmp_path}", *flags), *parts)


def test_a_damaged_study_file_is_one_line(tmp_path):
    (tmp_path / "study.json").write_text('{"id": "1"}')
    helpers.assert_one_line_error(helpers.tintmill("study", f"--output={tmp_path}"), "study.json is damaged")


@pytest.mark.parametrize("mode", settings.MODES)
def test_the_report_sets_the_shares_beside_the_published_ones(prepared, tmp_path, mode):
    study = prepared[mode]
    for _ in range(2):
        with studies.running(study, Path(study.answers_path)) as (address, answers):
            visitor = pages.Visitor(address)
            question = visitor.post("begin", {}).json
            right = {
                token: row.trial.right for row in answers.all() for token in (row.trial.token_a, row.trial.token_b)
            }
            assert question["number"] == 0
            studies.go_through(visitor, lambda asked, right=right: right[asked["pictures"][0].split("/")[1]])
    done = helpers.tintmill("study", f"--output={study.folder}", "--report")
    assert done.returncode == 0, done.stderr
    for part in ("45.87 %", "32.3 %", "2 participants counted", "0 left out", "mine", "other", "0.0 % to "):
        assert part in done.stdout
    summary = json.loads((Path(study.folder) / "result.json").read_text())
    assert summary["models"]["mine"]["share"] == 0
    page = (Path(study.folder) / "study.html").read_text()
    assert "45.87 %" in page
    assert "data:image/jpeg" in page
    assert not re.search(r'(src|href)="(?!data:)', page)
