"""`colorize.jsonl`, the log of an output folder: one line for each file that was coloured or could not be.

On disk each line is there once its picture is; a killed run leaves at most a cut last line, which reading passes over.
In a bucket, where nothing can be appended, the log is uploaded whole once a minute and at the end: a killed run loses
the lines of at most a minute.

Of two runs with one output the second is refused: here by a lock, at once; in a bucket when its log meets the other's.
"""

import contextlib
import fcntl
import io
import json
import os
import tempfile
import time
from collections.abc import Iterator
from typing import BinaryIO

from tintmill.pipeline.common import checked_json, files, gcs
from tintmill.pipeline.common.checked_json import anything, mapping, number, record, sequence, text, whole
from tintmill.pipeline.common.errors import TintmillError

NAME = "colorize.jsonl"
# A file below the output folder: what a line names may be replaced or removed.
_OUTPUT = text(r"(?!/)(?!(?:.*/)?\.\.?(?:/|$))[^\0]+", "the name of a file below the folder", is_path=True)
_PATH = text(is_path=True)
_LINE = record(
    {},
    {
        "input": _PATH,
        "name": _PATH,
        "size": whole(-1),
        "version": number(),
        "model": text(),
        "model_sha256": text(),
        "settings": mapping(anything),
        "code": text(),
        "written": sequence(record({"name": _OUTPUT, "size": whole(0)})),
    },
)
UPLOAD_EVERY = 60.0  # seconds; a bucket takes one writing of an object a second


class Log:
    """The lines of earlier runs, and an end to append to. `is_new`: whether there was no log before this run."""

    def __init__(self, path: str, file: BinaryIO, is_new: bool):
        self.path, self.is_new, self._file = path, is_new, file

    def lines(self) -> Iterator[dict]:
        self._file.seek(0)
        reader = io.BufferedReader(self._file)
        try:
            for line in reader:
                with contextlib.suppress(ValueError):  # a line that a kill has cut, or that is none of ours
                    yield checked_json.parse(line, _LINE)
        finally:
            reader.detach()

    def append(self, entry: dict) -> None:
        """Raises TintmillError where the disk is full."""
        try:
            _write_all(self._file, json.dumps(entry).encode() + b"\n")
        except OSError as error:
            raise TintmillError(f"{self.path}: cannot be written: {error}; the pictures before it are done") from error


class _RemoteLog(Log):
    def __init__(self, path: str, file: BinaryIO, generation: int, upload_every: float):
        super().__init__(path, file, is_new=not generation)
        self._generation, self._uploaded, self._upload_every = generation, 0.0, upload_every
        self.upload()  # what this run may not write, it learns before it begins

    def append(self, entry: dict) -> None:
        super().append(entry)
        if time.monotonic() - self._uploaded > self._upload_every:
            self.upload()

    def upload(self) -> None:
        size = self._file.seek(0, os.SEEK_END)
        try:
            gcs.write(self.path, self._file, self._generation)
            written = gcs.stat(self.path)
        except FileNotFoundError as error:
            raise TintmillError(f"{self.path}: was deleted; run the same command again to go on") from error
        except FileExistsError as error:
            raise _describe_other_writer(self.path) from error
        if written.size != size:
            raise _describe_other_writer(self.path)
        self._generation, self._uploaded = written.generation, time.monotonic()


@contextlib.contextmanager
def open_log(folder: str, upload_every: float = UPLOAD_EVERY) -> Iterator[Log]:
    """The log of an output folder, which is made where there is none.

    Args:
      upload_every: seconds between two uploads of a log in a bucket.
    Raises:
      TintmillError: it cannot be written, or another run is writing it.
    """
    path = files.join(folder, NAME)
    if files.is_remote(folder):
        with tempfile.TemporaryFile(buffering=0) as f:
            generation = files.generation(path)
            if generation:
                gcs.download(path, f, generation)
            _end_line(f)
            log = _RemoteLog(path, f, generation, upload_every)
            try:
                yield log
            finally:
                log.upload()
        return
    with contextlib.ExitStack() as stack:
        is_new = not os.path.exists(path)
        try:
            os.makedirs(folder, exist_ok=True)
            f = stack.enter_context(open(path, "a+b", buffering=0))
            _lock(path, f)
            _end_line(f)
        except OSError as error:
            raise TintmillError(f"--output={folder}: cannot be written: {error}") from error
        yield Log(path, f, is_new)


def _lock(path: str, file: BinaryIO) -> None:
    """Until the file is closed, by whatever ends this process."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise _describe_other_writer(path) from error
    except OSError:
        pass  # some network file systems know no locks


def _describe_other_writer(path: str) -> TintmillError:
    return TintmillError(
        f"{path}: another `tintmill colorize` writes there; wait for its end, or give another --output"
    )


def _end_line(file: BinaryIO) -> None:
    """After a cut line a new one begins."""
    size = file.seek(0, os.SEEK_END)
    if size:
        file.seek(size - 1)
        if file.read(1) != b"\n":
            _write_all(file, b"\n")


def _write_all(file: BinaryIO, data: bytes) -> None:
    file.seek(0, os.SEEK_END)
    while data:
        data = data[file.write(data) :]
