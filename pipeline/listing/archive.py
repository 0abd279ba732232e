"""Listing archives: where each member's bytes lie, and which members are refused. Nothing is ever unpacked.

Python's zipfile and tarfile read the archives' directories; the members' bytes are read by `reading`, by offset. What
a hostile member would do when it is unpacked, it cannot do here, where its name is an id only; it is refused all the
same: an archive with such a member is not what its maker says it is.

A cut or damaged archive is an error and not a reject, because what it lost cannot be counted. So a tar must end in its
empty blocks.

In a bucket a zip is listed by its directory. A tar is listed by reading nearly all of it, unless its members are large.
Parts of an object have no checksum in a bucket. Members of a zip bring their own, members of a tar have none.
"""

import bz2
import collections
import dataclasses
import gzip
import lzma
import re
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from tintmill.pipeline.common import files
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.listing.reference import Reference, stable_text

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
_ZIP_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_REMEDY = "download or copy it again"

# Compressed tars by kind: their first bytes, and what reads them.
_STREAMS = {
    "targz": (b"\x1f\x8b", lambda file: gzip.GzipFile(fileobj=file)),
    "tarbz2": (b"BZh", bz2.BZ2File),
    "tarxz": (b"\xfd7zXZ\0", lzma.LZMAFile),
}

# What damaged bytes of a stream raise. bz2 has an OSError for them too, see `_is_damage`.
STREAM_ERRORS = (EOFError, zlib.error, gzip.BadGzipFile, lzma.LZMAError)

# What tarfile lets through on hostile bytes besides its own errors.
_TAR_ERRORS = (tarfile.TarError, *STREAM_ERRORS, ValueError, OverflowError, OSError)


def has_suffix(path: str) -> bool:
    return path.lower().endswith(SUFFIXES)


def stem(path: str) -> str:
    """The archive's name without folders and suffix."""
    name = path.rpartition("/")[2]
    suffix = next((s for s in sorted(SUFFIXES, key=len, reverse=True) if name.lower().endswith(s)), "")
    return name[: len(name) - len(suffix)]


def find_kind(path: str) -> str | None:
    """`zip`, `tar`, a kind of compressed tar, or None where the file's first bytes are no archive's."""
    with files.open_read(path) as f:
        head = f.read(512)
    if head[:4] in (b"PK\3\4", b"PK\5\6"):
        return "zip"
    for kind, (begin, _) in _STREAMS.items():
        if head.startswith(begin):
            return kind
    is_tar = head[257:262] == b"ustar" or path.lower().endswith(".tar")
    return "tar" if is_tar else None


def is_stream(kind: str) -> bool:
    """Whether a member's bytes are reached only through all those before it."""
    return kind in _STREAMS


def open_stream(kind: str, file: BinaryIO) -> BinaryIO:
    """The tar inside a compressed one."""
    return _STREAMS[kind][1](file)


def list_members(path: str) -> Iterator[Reference]:
    """The members of a zip file or a tar, compressed or not, that are no folders; ids are their names.

    Raises:
      TintmillError: no archive, or a damaged one.
      OSError: it cannot be read.
    """
    kind, entry = find_kind(path), files.stat(path)
    if kind is None:
        raise TintmillError(
            f"{path}: its content is neither zip nor tar, plain or by gzip, bzip2 or xz; {_REMEDY}, or convert it"
        )
    with files.open_read(path, entry.version) as f:
        if kind == "zip":
            listed = _list_zip_members(f, path, entry.version)
        elif kind == "tar":
            listed = list_tar_members(f, path, entry.version)
        else:
            listed = _list_stream_members(f, path, entry.version, kind)
        yield from refuse_duplicates(listed)


def list_tar_members(
    file: BinaryIO, path: str, version: float, kind: str = "tar", start: int = 0, length: int | None = None
) -> Iterator[Reference]:
    """The members of the tar that fills `length` bytes of `file` from `start` on; offsets are those in `file`.

    Raises:
      TintmillError: the tar is damaged or cut off.
    """
    window = _Window(file, start, length)
    try:
        tar = tarfile.TarFile(fileobj=window, mode="r")
        while info := tar.next():
            tar.members.clear()  # it would keep them all
            if not info.isdir():
                yield _tar_member(info, path, version, kind, start)
    except _TAR_ERRORS as error:
        _raise_unless_damage(error)
        raise TintmillError(
            f"{path}: damaged or cut off at byte {start + window.tell()} ({error}); {_REMEDY}"
        ) from error
    # tarfile takes both for the end; the first would lose the rest, the second what was cut off between two members.
    if window.last.strip(b"\0"):
        raise TintmillError(f"{path}: damaged header before byte {start + window.tell()}; {_REMEDY}")
    if not window.last:
        raise TintmillError(f"{path}: cut off at byte {start + window.tell()}, a tar ends in empty blocks; {_REMEDY}")


def _list_stream_members(file: BinaryIO, path: str, version: float, kind: str) -> Iterator[Reference]:
    stream = open_stream(kind, file)
    yield from list_tar_members(stream, path, version, kind)
    try:
        while stream.read(1 << 20):
            pass  # the stream's checksum stands behind its last byte
    except _TAR_ERRORS as error:
        _raise_unless_damage(error)
        raise TintmillError(f"{path}: damaged or cut off ({error}); {_REMEDY}") from error


def _raise_unless_damage(error: BaseException | None) -> None:
    """The disk's errors have a number; bz2's OSError about damaged bytes has none."""
    if isinstance(error, OSError) and error.errno is not None:
        raise error


def _tar_member(info: tarfile.TarInfo, path: str, version: float, kind: str, start: int) -> Reference:
    name = stable_text(info.name)
    refused = _refused_name(name)
    if not info.isreg() or info.issparse():
        refused = refused or "not_a_file"
    return Reference(name, path, info.size, version, kind=kind, offset=start + info.offset_data, refused=refused)


def _list_zip_members(file: BinaryIO, path: str, version: float) -> Iterator[Reference]:
    try:
        directory = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        _raise_unless_damage(error.__context__)  # zipfile takes an unreadable file for a damaged one
        raise TintmillError(f"{path}: damaged or cut off ({error}); {_REMEDY}") from error
    infos = collections.deque(directory.filelist)
    del directory  # a million members take 0.7 GB: each is let go once it is listed
    while infos:
        info = infos.popleft()
        if not info.filename.endswith("/"):  # is_dir() fails on a name that is empty
            yield _zip_member(info, path, version)


def _zip_member(info: zipfile.ZipInfo, path: str, version: float) -> Reference:
    name = stable_text(info.filename)
    refused, mode = _refused_name(name), info.external_attr >> 16
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        refused = refused or "not_a_file"
    elif info.flag_bits & 1:
        refused = refused or "encrypted"
    elif info.compress_type not in _ZIP_METHODS:
        refused = refused or "unsupported_compression"
    place = {"offset": info.header_offset, "stored": info.compress_size, "crc": info.CRC}
    return Reference(name, path, info.file_size, version, kind="zip", refused=refused, **place)


def _refused_name(name: str) -> str | None:
    """Windows' separators and drives count too: archives travel."""
    if ".." in name and ".." in re.split(r"[/\\]", name):
        return "unsafe_member"
    return "unsafe_member" if not name or re.match(r"[/\\]|[A-Za-z]:[/\\]", name) else None


def refuse_duplicates(listed: Iterator[Reference]) -> Iterator[Reference]:
    """Of several members with one name, the first is taken: which one an unpacker would keep, no standard says."""
    seen: set[str] = set()
    for reference in listed:
        if reference.id in seen:
            reference = dataclasses.replace(reference, refused=reference.refused or "duplicate_member")
        seen.add(reference.id)
        yield reference


class _Window:
    """A part of a file, as far as tarfile needs one; `last` is the last block read."""

    def __init__(self, file: BinaryIO, start: int, length: int | None):
        self._file, self._start, self._length = file, start, length
        self._position = 0
        self.last = b""

    def tell(self) -> int:
        return self._position

    def seek(self, position: int) -> None:
        self._position = position

    def read(self, size: int) -> bytes:
        if self._length is not None:
            size = max(0, min(size, self._length - self._position))
        if self._file.tell() != self._start + self._position:
            self._file.seek(self._start + self._position)
        self.last = self._file.read(size)
        self._position += len(self.last)
        return self.last
