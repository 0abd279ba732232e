"""The answers of a study in SQLite: what each participant was shown, and each answer, committed as it is given.

A participant is a random code and nothing else: no name, no address, no time of day.
"""

import dataclasses
import secrets
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tintmill.launch.pages.studies.trials import Trial
from tintmill.pipeline.common.errors import TintmillError

_SCHEMA = """
CREATE TABLE IF NOT EXISTS participants (code TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS trials (
  code TEXT NOT NULL REFERENCES participants, number INTEGER NOT NULL, part TEXT NOT NULL, picture INTEGER NOT NULL,
  a TEXT NOT NULL, b TEXT NOT NULL, token_a TEXT NOT NULL UNIQUE, token_b TEXT NOT NULL UNIQUE,
  PRIMARY KEY (code, number));
CREATE TABLE IF NOT EXISTS answers (
  code TEXT NOT NULL, number INTEGER NOT NULL, answer TEXT NOT NULL, milliseconds INTEGER NOT NULL,
  PRIMARY KEY (code, number), FOREIGN KEY (code, number) REFERENCES trials);
"""
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
            self._database.executescript(_SCHEMA)

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
        """Stores an answer, unless the trial has one. Returns the trial, or None where there is no such trial."""
        with self._transaction() as database:
            row = database.execute(
                f"SELECT {_COLUMNS} FROM trials WHERE code = ? AND number = ?", (code, number)
            ).fetchone()
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

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._errors(), self._lock, self._database:
            self._database.execute("BEGIN IMMEDIATE")
            yield self._database

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise TintmillError(f"{self.path}: {error}; wanted a study's database on a disk with room") from error
