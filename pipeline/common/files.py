"""Reading, listing and atomically publishing files, local or remote.

Local paths go through the standard library, gs:// URLs through `gcs`: two branches, one door.
"""

import contextlib
import fcntl
import fnmatch
import glob
import io
import os
import re
import stat as stat_module
import tempfile
import uuid
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from tintmill.pipeline.common import gcs

_SPOOLED = 16 << 20  # bytes of an upload that are held in memory; more go to a temporary file


class FileStat(NamedTuple):
    """One listed file: `name` relative to the root (posix separators), `size` in bytes.

    `version`: what tells that it was written since: the seconds of its last writing; in a bucket its generation.
    `crc32c`: 8 hex digits that a bucket knows of its objects; None for local files.
    """

    name: str
    path: str
    size: int
    version: float
    crc32c: str | None = None


def is_remote(path: str) -> bool:
    """Raises TintmillError for URLs that are not gs://."""
    if "://" not in path:
        return False
    gcs.split(path)
    return True


def absolute(path: str) -> str:
    """`path` so that it means the same in a worker process with another working directory."""
    return path.rstrip("/") if is_remote(path) else os.path.abspath(os.path.expanduser(path))


def absolute_or_empty(path: str) -> str:
    """As `absolute`, for the value of a flag that may be left out."""
    return path and absolute(path)


def cache_folder() -> str:
    """Where this user's machine keeps what can be fetched again."""
    return os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "tintmill")


def join(root: str, *parts: str) -> str:
    return "/".join([root.rstrip("/"), *parts]) if is_remote(root) else os.path.join(root, *parts)


def open_read(path: str, version: float | None = None) -> BinaryIO:
    """Opens a file for reading bytes as they are (no decompression by extension).

    Of a bucket's object the given version is read, or the one that the first read meets, and no other: reading raises
    FileNotFoundError once it is gone. A local file is opened whatever its version; the reader compares.
    """
    return gcs.open_read(path, version) if is_remote(path) else open(path, "rb")


def read(path: str, version: float | None = None, largest: int | None = None) -> bytes:
    """All bytes of a regular file. Of a bucket's object, of the given version, and their checksum is checked.

    Args:
      largest: bytes that are read at most; None: however many there are.
    Raises:
      OSError: it cannot be read; also for pipes and devices, which would block or never end.
      ValueError: there are more than `largest` bytes.
    """
    if is_remote(path):
        into = _Bounded(largest)
        gcs.download(path, into, version)
        return into.getvalue()
    info = os.stat(path)
    if not stat_module.S_ISREG(info.st_mode):
        raise OSError(f"{path} is not a regular file")
    _check_size(info.st_size, largest)
    with open_read(path) as f:
        return f.read()


class _Bounded(io.BytesIO):
    """Bytes in memory, at most so many."""

    def __init__(self, largest: int | None):
        super().__init__()
        self._largest = largest

    def write(self, data) -> int:
        _check_size(self.tell() + len(data), self._largest)
        return super().write(data)


def _check_size(size: int, largest: int | None) -> None:
    if largest is not None and size > largest:
        raise ValueError(f"more than {largest} bytes")


def stat(path: str) -> FileStat:
    """One file, named by its path's last part.

    Raises:
      OSError: there is none, or it is no regular file.
    """
    name = path.rstrip("/").rpartition("/")[2]
    if is_remote(path):
        return _stat_of(name, path, gcs.stat(path))
    info = os.stat(path)
    if not stat_module.S_ISREG(info.st_mode):
        raise OSError(f"{path} is not a regular file")
    return FileStat(name, path, info.st_size, info.st_mtime)


def is_pattern(path: str) -> bool:
    """Whether `path` is a glob pattern; an existing file with a * in its name is not."""
    return any(sign in path for sign in "*?[") and (is_remote(path) or not os.path.lexists(path))


def match(pattern: str) -> Iterator[FileStat]:
    """What a glob pattern matches and is no folder, in a stable order; names are relative to its first fixed folders.

    `**` matches any number of folders. A local pattern does not match names that begin with a dot. A bucket's pattern
    is matched here, by the local rules, from a listing of the folders before the first wildcard.
    """
    root = pattern_root(pattern)
    if is_remote(pattern):
        matches = re.compile(_pattern_expression(pattern)).fullmatch
        yield from (entry for entry in _list_remote(root) if matches(entry.path))
        return
    for path in sorted(path for path in glob.iglob(pattern, recursive=True) if not os.path.isdir(path)):
        info = _stat_or_lstat(path)
        yield FileStat(path[len(root) :].lstrip("/"), path, info.st_size, info.st_mtime)


def _pattern_expression(pattern: str) -> str:
    """A bucket's pattern as a regular expression; its own matching knows other rules than the local one."""
    parts = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    found = ""
    for part in re.findall(r"\*\*/|\*\*|\[!?\]?[^\]]*\]|.", pattern, re.DOTALL):
        is_set = part.startswith("[") and len(part) > 1
        found += parts.get(part) or (_set_expression(part) if is_set else re.escape(part))
    return found


def _set_expression(part: str) -> str:
    """[a-z] or [!a-z] by the standard library's rules, [z-a] matching nothing; a set never matches a slash."""
    return "(?!/)" + fnmatch.translate(part).removesuffix(r"\Z")


def pattern_root(pattern: str) -> str:
    """The folders of a pattern before its first wildcard: gs://bucket/a/*/x.jpg -> gs://bucket/a."""
    fixed = re.split(r"[*?\[]", pattern)[0]
    return fixed.rpartition("/")[0] or "/"


def exists(path: str) -> bool:
    """Whether there is such a file or folder; in a bucket, a folder is what has objects below it."""
    if not is_remote(path):
        return os.path.exists(path)
    try:
        gcs.stat(path)
        return True
    except FileNotFoundError:
        return next(_list_remote(path), None) is not None


def generation(path: str) -> int | None:
    """What `write` must find at `path` to replace nobody else's file; 0: nothing. None for a local path: disks have no
    such number.
    """
    if not is_remote(path):
        return None
    try:
        return gcs.stat(path).generation
    except FileNotFoundError:
        return 0


def make_folder(path: str) -> None:
    if not is_remote(path):
        os.makedirs(path, exist_ok=True)


def remove(path: str) -> None:
    if is_remote(path):
        gcs.delete(path)
    else:
        os.remove(path)


@contextlib.contextmanager
def atomic_writer(path: str, generation: int | None = None) -> Iterator[BinaryIO]:
    """Opens `path` for writing, and reading back, so that others see the whole new file or none of it.

    Locally: a temporary file in the same folder, flushed to disk, then renamed over `path`. Remotely: a temporary file
    here, uploaded once it is whole; a bucket never shows an object whose upload failed.

    Args:
      generation: as for `write`.
    """
    if is_remote(path):
        with tempfile.SpooledTemporaryFile(_SPOOLED) as f:
            yield f
            gcs.write(path, f, generation)
        return
    temporary = os.path.join(os.path.dirname(path), f".tmp-{uuid.uuid4().hex}")
    try:
        with open(temporary, "w+b") as f:
            with contextlib.suppress(OSError):  # some network file systems know no locks
                fcntl.flock(f, fcntl.LOCK_EX)  # tells `remove_leftovers` of another run that this writer lives
            yield f
            f.flush()
            os.fsync(f.fileno())
            os.replace(temporary, path)  # while it is locked
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.remove(temporary)


def write(path: str, data: bytes | str, generation: int | None = None) -> None:
    """Publishes `data` at `path` atomically.

    Args:
      generation: replaces only what had this number when `generation` was asked; None: whatever is there.

    Raises:
      FileExistsError: somebody else has written there since, and not the same.
    """
    data = data.encode() if isinstance(data, str) else data
    if generation is not None:
        gcs.write(path, io.BytesIO(data), generation)
        return
    with atomic_writer(path) as f:
        f.write(data)


def remove_leftovers(folder: str) -> None:
    """Deletes what killed writers left in a local `folder`; a bucket keeps no part of a failed upload.

    A file that is still being written, by another run of the same command, is locked and left alone.
    """
    if is_remote(folder) or not os.path.isdir(folder):
        return
    for name in os.listdir(folder):
        if name.startswith(".tmp-"):
            path = os.path.join(folder, name)
            with contextlib.suppress(FileNotFoundError, BlockingIOError), open(path, "rb") as f:
                fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.remove(path)


def list_names(folder: str) -> list[str]:
    """What lies directly in a folder, files and folders, sorted; in a bucket by listing all below it."""
    if is_remote(folder):
        return sorted({entry.name.split("/")[0] for entry in list_files(folder)})
    return sorted(os.listdir(folder))


def list_files(root: str) -> Iterator[FileStat]:
    """Everything below `root` that is not a folder, in a stable order. Links to folders are not followed (loops).

    Raises:
      OSError: a folder cannot be listed. Skipping it would lose a class without a word.
    """
    if is_remote(root):
        yield from _list_remote(root)
        return
    for folder, subfolders, names in os.walk(root, onerror=_raise):
        subfolders.sort()
        for name in sorted(names):
            path = os.path.join(folder, name)
            with contextlib.suppress(FileNotFoundError):  # deleted while we list: it was never there
                info = _stat_or_lstat(path)
                relative = os.path.relpath(path, root).replace(os.sep, "/")
                yield FileStat(relative, path, info.st_size, info.st_mtime)


def _stat_or_lstat(path: str) -> os.stat_result:
    """Of the link itself where it leads nowhere."""
    return os.stat(path) if os.path.exists(path) else os.lstat(path)


def _list_remote(root: str) -> Iterator[FileStat]:
    """By name, as buckets list."""
    bucket, name = gcs.split(root.rstrip("/"))
    prefix = name and name + "/"
    for entry in gcs.list_objects(root, prefix):
        yield _stat_of(entry.name[len(prefix) :], f"gs://{bucket}/{entry.name}", entry)


def _stat_of(name: str, path: str, entry: gcs.Object) -> FileStat:
    return FileStat(name, path, entry.size, entry.generation, entry.crc32c)


def _raise(error: OSError):
    raise error
