"""The answers of a study in SQLite: what each participant was shown, and each answer, committed as it is given.

A participant is a random code and nothing else: no name, no address, no time of day.

A commit returns when its bytes are on the disk (`synchronous = FULL`), and the file's name is there before the first
answer is. So an answer that was acknowledged is still there after a power loss.
"""

import dataclasses
import os
import secrets
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tintmill.launch.pages.studies.settings import CHECK, REAL, Study
from tintmill.launch.pages.studies.trials import ANSWERS, PRACTICE, QUESTION, Trial
from tintmill.pipeline.common.errors import TintmillError

LONGEST = 24 * 3600 * 1000  # milliseconds that an answer may have taken
_SCHEMA = """
CREATE TABLE IF NOT EXISTS participants (code TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS trials (
  code TEXT NOT NULL REFERENCES participants, number INTEGER NOT NULL, part TEXT NOT NULL, picture INTEGER NOT NULL,
  a TEXT NOT NULL, b TEXT NOT NULL, token_a TEXT NOT NULL UNIQUE, token_b TEXT NOT NULL UNIQUE,
  PRIMARY KEY (code, number));
CREATE TABLE IF NOT EXISTS answers (
  code TEXT NOT NULL, number INTEGER NOT NULL, answer TEXT NOT NULL, milliseconds INTEGER NOT NULL,
  PRIMARY KEY (code, number), FOREIGN KEY (code, number) REFERENCES trials);
CREATE TABLE IF NOT EXISTS shown (
  code TEXT NOT NULL, number INTEGER NOT NULL,
  PRIMARY KEY (code, number), FOREIGN KEY (code, number) REFERENCES trials);
"""
_TABLES = ("participants", "trials", "answers", "shown")
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_COLUMNS = ", ".join(f"trials.{field.name}" for field in dataclasses.fields(Trial))


@dataclasses.dataclass(frozen=True)
class Answered:
    """A trial with its answer; `answer` and `milliseconds` are None until it is answered."""

    code: str
    trial: Trial
    answer: str | None
    milliseconds: int | None


class Answers:
    """The database of a study; safe to use from several threads.

    Raises:
      TintmillError: the file is no database of answers, or cannot be written.
    """

    def __init__(self, path: str):
        self.path = path
        self._lock = threading.Lock()
        with self._errors():
            self._database = sqlite3.connect(path, timeout=30, check_same_thread=False, isolation_level=None)
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = FULL")  # an answer is on the disk before it is acknowledged
            self._database.execute("PRAGMA foreign_keys = ON")
            self._check()
            self._database.executescript(_SCHEMA)
        _sync_folder(os.path.dirname(os.path.abspath(path)))

    def close(self) -> None:
        self._database.close()

    def begin(self, trials: list[Trial]) -> str:
        """Stores a new participant with these trials. Returns the participant's code."""
        code = secrets.token_hex(8)
        with self._transaction() as database:
            database.execute("INSERT INTO participants VALUES (?)", (code,))
            marks = ", ".join("?" * (1 + len(dataclasses.fields(Trial))))
            rows = [(code, *dataclasses.astuple(trial)) for trial in trials]
            database.executemany(f"INSERT INTO trials (code, {_COLUMNS.replace('trials.', '')}) VALUES ({marks})", rows)
        return code

    def show_next(self, code: str) -> tuple[Trial | None, int]:
        """As `next`; from now on the trial can be answered."""
        trial, total = self.next(code)
        if trial:
            with self._transaction() as database:
                database.execute("INSERT OR IGNORE INTO shown VALUES (?, ?)", (code, trial.number))
        return trial, total

    def next(self, code: str) -> tuple[Trial | None, int]:
        """A participant's first trial without an answer, or None, and the number of all trials (0: no such code)."""
        unanswered = (
            f"SELECT {_COLUMNS} FROM trials LEFT JOIN answers USING (code, number) "
            "WHERE code = ? AND answer IS NULL ORDER BY number LIMIT 1"
        )
        with self._transaction() as database:
            row = database.execute(unanswered, (code,)).fetchone()
            total = database.execute("SELECT count(*) FROM trials WHERE code = ?", (code,)).fetchone()[0]
        return Trial(*row) if row else None, total

    def give(self, code: str, number: int, answer: str, milliseconds: int) -> Trial | None:
        """Stores an answer, unless the trial has one.

        Returns:
          the trial; None where there is no such trial, or it was not shown.
        """
        shown = f"SELECT {_COLUMNS} FROM trials JOIN shown USING (code, number) WHERE code = ? AND number = ?"
        with self._transaction() as database:
            row = database.execute(shown, (code, number)).fetchone()
            if row:
                given = (code, number, answer, milliseconds)
                database.execute("INSERT OR IGNORE INTO answers VALUES (?, ?, ?, ?)", given)
        return Trial(*row) if row else None

    def find_version(self, token: str) -> tuple[int, str] | None:
        """(number of the picture, version) that a token stands for; None where there is no such token."""
        with self._transaction() as database:
            return database.execute(
                "SELECT picture, CASE WHEN token_a = :token THEN a ELSE b END FROM trials "
                "WHERE token_a = :token OR (token_b = :token AND b != '')",
                {"token": token},
            ).fetchone()

    def all(self) -> list[Answered]:
        """Every trial of every participant."""
        with self._transaction() as database:
            rows = database.execute(
                f"SELECT code, answer, milliseconds, {_COLUMNS} FROM trials LEFT JOIN answers USING (code, number) "
                "ORDER BY code, number"
            ).fetchall()
        return [Answered(code, Trial(*trial), answer, time) for code, answer, time, *trial in rows]

    def check(self, study: Study) -> None:
        """Raises TintmillError where a row cannot be of this study; a damaged file may still be a whole database."""
        versions = {REAL, CHECK, "", *study.settings.models}
        answers = ANSWERS[study.settings.mode]
        for row in self.all():
            trial = row.trial
            numbers = [(trial.number, study.settings.pictures_needed), (trial.picture, len(study.pictures))]
            if row.answer is not None:
                numbers.append((row.milliseconds, LONGEST + 1))
            right = (
                all(type(value) is int and 0 <= value < end for value, end in numbers)
                and {trial.a, trial.b} <= versions
                and trial.part in (PRACTICE, QUESTION)
                and row.answer in (None, *answers)
            )
            if not right:
                raise self._damaged(f"participant {row.code!r}, question {trial.number!r}: not of this study")

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._errors(), self._lock, self._database:
            self._database.execute("BEGIN IMMEDIATE")
            yield self._database

    def _check(self) -> None:
        """Raises TintmillError where the database is damaged, or is not one of answers."""
        for (fault,) in self._database.execute("PRAGMA quick_check(1)"):
            if fault != "ok":
                raise self._damaged(fault.splitlines()[-1])
        names = {name for (name,) in self._database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if names and not names.intersection(_TABLES):
            raise self._damaged(f"its tables are {', '.join(sorted(names)[:4])}")

    def _damaged(self, why: object) -> TintmillError:
        return TintmillError(
            f"{self.path} is damaged ({why}); wanted a study's database of answers: put a whole copy in its place, or "
            "save what `sqlite3 answers.db .recover` still reads"
        )

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the low byte is the kind
            if code in _DAMAGED or "UTF-8" in str(error):  # Python's own error, without a code
                raise self._damaged(error) from error
            raise TintmillError(f"{self.path}: {error}; wanted a study's database on a disk with room") from error


def _sync_folder(folder: str) -> None:
    """Puts the names in a folder on the disk: a new file's bytes are of no use without its name."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
