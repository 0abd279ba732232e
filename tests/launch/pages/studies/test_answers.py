"""The answers of a study: nothing about a person is stored."""

import sqlite3

import pytest

from tests.support import pages, studies
from tintmill.launch.pages.studies.answers import Answers
from tintmill.pipeline.common.errors import TintmillError


def test_the_database_holds_codes_and_answers_and_nothing_about_a_person(prepared, tmp_path):
    with studies.running(prepared["2afc"], tmp_path / "answers.db") as (address, _):
        studies.go_through(pages.Visitor(address), lambda question: "a")
    database = sqlite3.connect(tmp_path / "answers.db")
    columns = {
        row[1]
        for table in ("participants", "trials", "answers")
        for row in database.execute(f"PRAGMA table_info({table})")
    }
    assert columns == {"code", "number", "part", "picture", "a", "b", "token_a", "token_b", "answer", "milliseconds"}


def test_a_file_that_is_no_database_is_one_line(tmp_path):
    (tmp_path / "answers.db").write_text("not a database, and long enough to be told from an empty one" * 20)
    with pytest.raises(TintmillError, match=r"answers\.db: file is not a database"):
        Answers(str(tmp_path / "answers.db"))
