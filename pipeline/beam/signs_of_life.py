"""Signs of life of worker processes: what each of them does, in a file of its own, rewritten at most once a second.

A process that runs may still stand still: on a file system that no longer answers, or on a lock. So a sign is given by
the work itself, for each picture and each reference, and by no thread beside it.
"""

import contextlib
import os
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

FOLDER = "TINTMILL_SIGNS_OF_LIFE"  # environment variable of a worker: where its file goes
IDLE = "idle"  # a worker that waits for work; only those that have work are waited for
_EVERY = 1.0  # seconds
_last = 0.0  # by the monotonic clock, when this process wrote last

_Element = TypeVar("_Element")


def give(doing: str) -> None:
    """Says what this process does now; a process that nobody watches says nothing.

    Where the sign cannot be written (a full disk, a folder that was cleaned away) the work goes on: it may still
    succeed, and who watches takes the silence for what it is.
    """
    folder = os.environ.get(FOLDER)
    if folder:
        global _last
        _last = time.monotonic()
        path = os.path.join(folder, str(os.getpid()))
        with contextlib.suppress(OSError):
            with open(f"{path}.new", "w", errors="backslashreplace") as f:
                f.write(f"{_last} {doing}")
            os.replace(f"{path}.new", path)


def give_now_and_then(doing: str) -> None:
    """As `give`, at most once a second."""
    if time.monotonic() - _last >= _EVERY:
        give(doing)


def give_for_each(elements: Iterable[_Element], doing: str) -> Iterator[_Element]:
    """The elements, with signs while they are taken."""
    for element in elements:
        give_now_and_then(doing)
        yield element


def read(folder: str, process: int) -> tuple[str, str]:
    """(stamp that changes with every sign, what the process does); empty before its first sign."""
    try:
        with open(os.path.join(folder, str(process))) as f:
            stamp, _, doing = f.read().partition(" ")
    except OSError:
        return "", ""
    return stamp, doing
