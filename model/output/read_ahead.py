"""The bytes of what is to be coloured, the next file read while one is coloured."""

import contextlib
import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from typing import BinaryIO

from tintmill.model.files.not_coloured import NotColoured
from tintmill.model.output.task import Task
from tintmill.pipeline.common import files
from tintmill.pipeline.imaging.photo import Rejected
from tintmill.pipeline.listing import archive, reading

LARGE = 1 << 26  # bytes of a picture's file from which on it is not read ahead: memory counts for more

Content = bytes | Rejected | None  # None: the file is read in its turn, because it is a video or large


def read_ahead(tasks: list[Task], largest: int) -> Iterator[tuple[Task, Content]]:
    """Each task with its file's bytes, or why there are none; the next one is read while one is worked on.

    Args:
      largest: files of more bytes are refused, unread.
    """
    items = _read_each(tasks, largest)
    with ThreadPoolExecutor(1, "read") as pool:
        coming = pool.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = pool.submit(next, items, None)
            yield item


def _read_each(tasks: list[Task], largest: int) -> Iterator[tuple[Task, Content]]:
    by_stream = groupby(tasks, lambda task: task.reference.path if archive.is_stream(task.reference.kind) else None)
    for stream, group in by_stream:
        if stream:  # a compressed tar, whose members are read in one pass
            members = list(group)
            contents = reading.read_stream([task.reference for task in members], largest)
            yield from ((task, data) for task, (_, data) in zip(members, contents, strict=True))
        else:
            yield from ((task, _read_one(task, largest)) for task in group)


def _read_one(task: Task, largest: int) -> Content:
    reference = task.reference
    if (reference.kind == "file") if task.is_video else (reference.size > LARGE):
        return None
    try:
        return reading.read(reference, largest)[1]
    except Rejected as rejected:
        return rejected


def read_now(task: Task, content: bytes | None, largest: int) -> bytes:
    """What was read ahead, or is read now. Raises photo.Rejected."""
    return reading.read(task.reference, largest)[1] if content is None else content


@contextlib.contextmanager
def open_video(task: Task, content: bytes | None) -> Iterator[BinaryIO]:
    """A video as a file to read and seek in, by what was listed. Raises NotColoured where it is no longer that."""
    if content is not None:
        yield io.BytesIO(content)
        return
    reference = task.reference
    try:
        if not files.is_remote(reference.path):
            found = files.stat(reference.path)
            if (found.size, found.version) != (reference.size, reference.version):
                raise NotColoured("changed")
        source = files.open_read(reference.path, reference.version)
    except OSError as error:
        raise NotColoured("unreadable") from error
    with source:
        yield source
