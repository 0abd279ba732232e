"""The answers of a study: nothing about a person is stored, no answer is lost, and a damaged file is called so."""

import contextlib
import json
import os
import random
import re
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import helpers, pages, studies
from tintmill.launch.pages.studies import result
from tintmill.launch.pages.studies.answers import Answers
from tintmill.launch.pages.studies.settings import Study
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
    with pytest.raises(TintmillError, match=r"answers\.db is damaged \(file is not a database\)"):
        Answers(str(tmp_path / "answers.db"))


def test_every_answer_that_was_acknowledged_is_there_after_a_power_loss(prepared, tmp_path):
    """At the level of the file: what SQLite did not sync is gone."""
    study = prepared["2afc"]
    line = [sys.executable, "-m", "tests.support.power_loss", study.folder, str(tmp_path)]
    done = subprocess.run(line, cwd=helpers.ROOT, capture_output=True, text=True, timeout=helpers.TIMEOUT)
    assert done.returncode == 0, done.stderr
    given = [tuple(answer) for answer in json.loads(done.stdout.splitlines()[-1])]
    assert len(given) == study.settings.pictures_needed
    for count in range(1, len(given) + 1):
        with contextlib.closing(Answers(str(tmp_path / f"after_{count}" / "answers.db"))) as after:
            rows = [(row.trial.number, row.answer, row.milliseconds) for row in after.all() if row.answer]
        assert rows == given[:count]


def test_the_databases_name_is_on_the_disk_before_the_first_answer(monkeypatch, tmp_path):
    synced = []
    original = os.fsync
    monkeypatch.setattr(os, "fsync", lambda file: synced.append(os.readlink(f"/proc/self/fd/{file}")) or original(file))
    with contextlib.closing(Answers(str(tmp_path / "answers.db"))):
        assert str(tmp_path) in synced


@pytest.fixture(scope="module")
def answered_bytes(prepared, tmp_path_factory) -> bytes:
    """A whole database in one file, with the answers of two people."""
    path = tmp_path_factory.mktemp("answered") / "answers.db"
    with studies.running(prepared["2afc"], path) as (address, _):
        for _ in range(2):
            studies.go_through(pages.Visitor(address), lambda question: "a")
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode = DELETE")
    return path.read_bytes()


@pytest.fixture
def answered(answered_bytes, tmp_path) -> Path:
    path = tmp_path / "answers.db"
    path.write_bytes(answered_bytes)
    return path


def read_all(study: Study, path: Path) -> str:
    """Reads and counts all answers; returns the error where the file is refused."""
    try:
        with contextlib.closing(Answers(str(path))) as answers:
            answers.check(study)
            result.summarise(study, answers.all())
        return ""
    except TintmillError as error:
        return str(error)


@pytest.mark.parametrize("seed", range(4))
def test_a_damaged_database_is_called_damaged_and_is_no_traceback(prepared, answered_bytes, tmp_path, seed):
    """400 files, each with a byte, a page or its end gone wrong; what still reads has the form of this study."""
    draw, called = random.Random(seed), 0
    for i in range(100):
        data = bytearray(answered_bytes)
        start = draw.randrange(len(data))
        if i % 3 == 0:
            data[start] ^= draw.randrange(1, 256)
        elif i % 3 == 1:
            data[start : start + 4096] = draw.randbytes(4096)
        else:
            del data[start:]
        damaged = tmp_path / f"damaged_{i}.db"
        damaged.write_bytes(data)
        error = read_all(prepared["2afc"], damaged)
        assert not error or re.search(r"damaged_\d+\.db is damaged \(.*\); wanted", error), error
        called += bool(error)
    assert called > 50


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE trials SET picture = 99",
        "UPDATE trials SET picture = 'x'",
        "UPDATE trials SET a = '../../etc/passwd' WHERE number = 3",
        "UPDATE trials SET part = x'ff' WHERE number = 3",
        "UPDATE answers SET answer = 'c' WHERE number = 3",
        "UPDATE answers SET milliseconds = 1e300 WHERE number = 3",
        "UPDATE answers SET milliseconds = -1 WHERE number = 3",
        "UPDATE trials SET a = CAST(x'ff' AS TEXT) WHERE number = 3",
    ],
)
def test_a_whole_database_with_rows_of_no_study_is_called_damaged(prepared, answered, change):
    with contextlib.closing(sqlite3.connect(answered)) as database, database:
        database.execute(change)
    assert "answers.db is damaged (" in read_all(prepared["2afc"], answered)


def test_a_database_of_something_else_is_named_by_its_tables(tmp_path):
    path = tmp_path / "answers.db"
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE bookmarks (url TEXT)")
    with pytest.raises(TintmillError, match=r"answers\.db is damaged \(its tables are bookmarks\)"):
        Answers(str(path))


def test_a_database_of_an_older_version_goes_on(prepared, answered):
    """It does not say what was shown; the first question without an answer is shown anew."""
    with contextlib.closing(sqlite3.connect(answered)) as database, database:
        database.execute("DROP TABLE shown")
    with studies.running(prepared["2afc"], answered) as (address, answers):
        studies.go_through(pages.Visitor(address), lambda question: "b")
        assert len({row.code for row in answers.all() if row.answer}) == 3
