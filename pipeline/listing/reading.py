"""Reading pictures by their references: whole files, or slices of archives by offset.

Archives stay open, a few at a time and each thread its own, so that a picture costs a seek and a read. A compressed tar
has no random access: the members that a shard needs are taken in one pass over the stream; every shard costs one pass.
Where there are many shards, unpack the compressed tar to a plain tar first.

A picture that changed or vanished after it was listed is the reject `changed`, not the end of a run of hours. Where the
job lists something else than the plan did, nothing is published: the reports' parts of the listing's digest must add up
to the plan's. In both cases the same command builds the shards concerned again, once the input is as it was planned.
Times count as well as sizes; in a bucket generations count, the numbers that every writing makes anew.
"""

import atexit
import collections
import os
import struct
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import BinaryIO

from tintmill.pipeline.common import files
from tintmill.pipeline.imaging.photo import Rejected
from tintmill.pipeline.listing import archive
from tintmill.pipeline.listing.reference import Reference

Readers = Mapping[str, Callable[[Reference], tuple[Reference, object]]]

_MOST_OPEN = 16
_AHEAD = 8  # pictures that are on their way from a bucket
_LOCAL_HEADER = struct.Struct("<4sHHHHHIIIHH")  # zip: signature, version, flags, method, ..., name and extra lengths


class _OpenFiles(threading.local):
    """The files this thread read last, open."""

    def __init__(self):
        self._files: collections.OrderedDict[tuple[str, float], BinaryIO] = collections.OrderedDict()

    def close(self) -> None:
        while self._files:
            self._files.popitem()[1].close()

    def get(self, reference: Reference) -> BinaryIO:
        """Raises Rejected, where the archive is not the one that was listed, or cannot be opened."""
        key = reference.path, reference.version
        if key not in self._files:
            while len(self._files) >= _MOST_OPEN:
                self._files.popitem(last=False)[1].close()
            self._files[key] = _open(reference)
        self._files.move_to_end(key)
        if _changed(self._files[key], reference):
            self._files.pop(key).close()
            raise Rejected("changed")
        return self._files[key]


_open_files = _OpenFiles()
atexit.register(_open_files.close)


def read_many(
    references: list[Reference], largest: int, readers: Readers | None = None
) -> Iterator[tuple[Reference, bytes | Rejected]]:
    """Each reference with its picture's bytes, or with why there are none; in the given order, few held at a time.

    A TFDS record tells its label only when it is read: the reference comes back with it.

    Args:
      largest: pictures of more bytes are rejected as `too_large`, unread.
      readers: by kind of reference; None: `READERS`.
    """
    readers = readers or READERS
    is_streamed = [archive.is_stream(r.kind) and not _refusal(r, largest) for r in references]
    unstreamed = [r for r, by_stream in zip(references, is_streamed, strict=True) if not by_stream]
    others = _read_in_order(unstreamed, largest, readers)
    streamed: dict[tuple[str, int], bytes | Rejected] | None = None
    for reference, by_stream in zip(references, is_streamed, strict=True):
        if not by_stream:
            yield next(others)
            continue
        if streamed is None:
            streamed = _read_streams([r for r, one in zip(references, is_streamed, strict=True) if one], largest)
        yield reference, streamed.pop((reference.path, reference.offset))


def _read_in_order(
    references: list[Reference], largest: int, readers: Readers
) -> Iterator[tuple[Reference, bytes | Rejected]]:
    """One by one from a disk; from a bucket, which takes its time to answer, some ahead of what is asked for."""
    if not any(files.is_remote(reference.path) for reference in references):
        yield from (_try_read(reference, largest, readers) for reference in references)
        return
    with ThreadPoolExecutor(_AHEAD, "read") as pool:
        waiting: collections.deque[Future] = collections.deque()
        for reference in references:
            waiting.append(pool.submit(_try_read, reference, largest, readers))
            if len(waiting) == _AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _try_read(reference: Reference, largest: int, readers: Readers) -> tuple[Reference, bytes | Rejected]:
    try:
        return read(reference, largest, readers)
    except Rejected as rejected:
        return reference, rejected


def read(reference: Reference, largest: int, readers: Readers | None = None) -> tuple[Reference, bytes]:
    """One picture's bytes, and its reference, completed by what only the record itself tells.

    Raises:
      Rejected: the listing refused it, `too_large`, `unreadable`, `changed` or `damaged_member`.
    """
    refusal = _refusal(reference, largest)
    if refusal:
        raise Rejected(refusal)
    try:
        return (readers or READERS)[reference.kind](reference)
    except FileNotFoundError as error:  # a bucket has no longer what was listed
        raise Rejected("changed") from error
    except OSError as error:
        raise Rejected("unreadable") from error


def _refusal(reference: Reference, largest: int) -> str | None:
    return reference.refused or ("too_large" if reference.size > largest else None)


def _open(reference: Reference) -> BinaryIO:
    try:
        return files.open_read(reference.path, reference.version)
    except OSError as error:
        raise Rejected("unreadable") from error


def _changed(file: BinaryIO, reference: Reference) -> bool:
    """Whether a local archive was written since it was listed; of a bucket's, no other version is ever read."""
    return not files.is_remote(reference.path) and os.fstat(file.fileno()).st_mtime != reference.version


def _read_file(reference: Reference) -> tuple[Reference, bytes]:
    path = reference.path
    try:
        data = files.read(path, reference.version)
        version = reference.version if files.is_remote(path) else os.stat(path).st_mtime
    except FileNotFoundError as error:
        raise Rejected("unreadable" if _was_dead_link(reference) else "changed") from error
    if (len(data), version) != (reference.size, reference.version):
        raise Rejected("changed")
    return reference, data


def _was_dead_link(reference: Reference) -> bool:
    """Whether a link led nowhere when it was listed: then the link's own time was taken."""
    return os.path.islink(reference.path) and os.lstat(reference.path).st_mtime == reference.version


def _read_tar(reference: Reference) -> tuple[Reference, bytes]:
    return reference, _slice(_open_files.get(reference), reference.offset, reference.size)


def _read_zip(reference: Reference) -> tuple[Reference, bytes]:
    file = _open_files.get(reference)
    signature, _, _, method, *_, name_length, extra_length = _LOCAL_HEADER.unpack(
        _slice(file, reference.offset, _LOCAL_HEADER.size)
    )
    if signature != b"PK\3\4":
        raise Rejected("damaged_member")
    start = reference.offset + _LOCAL_HEADER.size + name_length + extra_length
    data = _slice(file, start, reference.stored)
    if method:
        data = _inflate(data, reference.size)
    if len(data) != reference.size or zlib.crc32(data) != reference.crc:
        raise Rejected("damaged_member")
    return reference, data


def _inflate(data: bytes, size: int) -> bytes:
    """At most one byte more than the directory says: a member that lies about its size is not inflated whole."""
    try:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, size + 1)
    except zlib.error as error:
        raise Rejected("damaged_member") from error


def read_stored(reference: Reference) -> bytes:
    """The `stored` bytes at the reference's offset in its file, as they are.

    Raises:
      Rejected: `changed` or `unreadable`.
    """
    return _slice(_open_files.get(reference), reference.offset, reference.stored)


def _slice(file: BinaryIO, offset: int, length: int) -> bytes:
    file.seek(offset)
    data = file.read(length)
    if len(data) != length:
        raise Rejected("changed")
    return data


def _read_streams(references: list[Reference], largest: int) -> dict[tuple[str, int], bytes | Rejected]:
    """The members of compressed tars by (path, offset), in one pass over each; they are held at once."""
    found: dict[tuple[str, int], bytes | Rejected] = {}
    for path in sorted({r.path for r in references}):
        wanted = sorted((r for r in references if r.path == path), key=lambda r: r.offset)
        found |= {(path, r.offset): data for r, data in read_stream(wanted, largest)}
    return found


def read_stream(references: list[Reference], largest: int) -> Iterator[tuple[Reference, bytes | Rejected]]:
    """As `read_many` for members of one compressed tar, in the order of their offsets: one pass, one held at a time."""
    waiting, first = collections.deque(references), references[0]
    why = "unreadable"
    try:
        with files.open_read(first.path, first.version) as f, archive.open_stream(first.kind, f) as stream:
            while waiting:
                refusal = _refusal(waiting[0], largest)
                if not refusal:
                    stream.seek(waiting[0].offset)
                    data = stream.read(waiting[0].size)
                    refusal = "changed" if len(data) != waiting[0].size or _changed(f, waiting[0]) else None
                yield waiting.popleft(), Rejected(refusal) if refusal else data
    except FileNotFoundError:  # a bucket has no longer what was listed
        why = "changed"
    except (OSError, *archive.STREAM_ERRORS):
        pass
    yield from ((reference, Rejected(why)) for reference in waiting)  # what was not reached


# By kind of reference. A source whose references are of a kind of its own hands its reader over (`sources.READERS`).
READERS: Readers = {"file": _read_file, "tar": _read_tar, "zip": _read_zip}
