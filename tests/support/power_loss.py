"""What of SQLite's files is on the disk after a power loss: what the file system was told to sync, and no byte more.

SQLite reaches files through a table of functions. `recording` puts a function of its own in the place of the one that
syncs. It keeps what a file holds when a sync of it ends. Whatever is written later may be lost with the power.

    python -m tests.support.power_loss STUDY FOLDER

answers all questions of a study. After answer number N it writes to FOLDER/after_N what a power loss would leave. At
its end it prints the answers as JSON. It is a process of its own, because SQLite's functions are those of a process.
"""

import contextlib
import ctypes
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.support import pages, studies
from tintmill.launch.pages.studies.settings import load

_OPEN = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.POINTER(ctypes.c_int)
)
_SYNC = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int)
_METHODS = 19  # words of sqlite3_io_methods, version 3
_SYNC_PLACE = 5  # among them
_alive = []  # SQLite calls these until the last file is closed


class _FileSystem(ctypes.Structure):
    """The beginning of sqlite3_vfs."""

    _fields_ = (
        ("version", ctypes.c_int),
        ("file_size", ctypes.c_int),
        ("longest_path", ctypes.c_int),
        ("next", ctypes.c_void_p),
        ("name", ctypes.c_char_p),
        ("data", ctypes.c_void_p),
        ("open", _OPEN),
    )


class Disk:
    """The files that were synced, with what they held then, by path."""

    def __init__(self):
        self.synced: dict[str, bytes] = {}

    def write_what_is_left(self, folder: Path) -> Path:
        """Writes the synced files into an empty folder, by their names, but those that SQLite has deleted since.

        SQLite syncs the folder when it deletes a journal.
        """
        folder.mkdir()
        for path, data in self.synced.items():
            if Path(path).exists():
                (folder / Path(path).name).write_bytes(data)
        return folder


@contextlib.contextmanager
def recording() -> Iterator[Disk]:
    """The disk of all databases that are opened meanwhile."""
    library = ctypes.CDLL("libsqlite3.so.0")
    library.sqlite3_vfs_find.restype = ctypes.POINTER(_FileSystem)
    system = library.sqlite3_vfs_find(None).contents
    disk, original = Disk(), _OPEN.from_buffer_copy(system.open)

    def open_recorded(this, name, file, flags, flags_out):
        code = original(this, name, file, flags, flags_out)  # SQLite keeps the address of the name: no copy of ours
        if code == 0 and name:
            _record_syncs(file, os.fsdecode(ctypes.string_at(name)), disk)
        return code

    replacement = _OPEN(open_recorded)
    _alive.append(replacement)
    system.open = replacement
    try:
        yield disk
    finally:
        system.open = original


def _record_syncs(file: int, path: str, disk: Disk) -> None:
    """Gives an open sqlite3_file a table of functions that differs in the one that syncs."""
    place = ctypes.c_void_p.from_address(file)  # the first word leads to the table
    table = (ctypes.c_void_p * _METHODS).from_buffer_copy((ctypes.c_void_p * _METHODS).from_address(place.value))
    original = _SYNC(table[_SYNC_PLACE])

    def sync(this, flags):
        code = original(this, flags)
        if code == 0:
            disk.synced[path] = Path(path).read_bytes()
        return code

    replacement = _SYNC(sync)
    table[_SYNC_PLACE] = ctypes.cast(replacement, ctypes.c_void_p).value
    _alive.append((table, original, replacement))
    place.value = ctypes.addressof(table)


def main(study: str, folder: Path) -> None:
    given = []
    with recording() as disk, studies.running(load(study), folder / "answers.db") as (address, _):
        visitor = pages.Visitor(address)
        question = visitor.post("begin", {}).json
        while "done" not in question:
            answer = {"number": question["number"], "answer": "ab"[len(given) % 2], "milliseconds": len(given)}
            assert visitor.post("answer", answer).status == 200
            given.append((answer["number"], answer["answer"], answer["milliseconds"]))
            disk.write_what_is_left(folder / f"after_{len(given)}")
            question = visitor.ask("next").json
    print(json.dumps(given))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
