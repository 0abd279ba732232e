"""Reading, listing and atomically publishing files, local or remote.

Local paths go through the standard library, URLs (gs://...) through Beam's FileSystems. Two branches, one door:
importing Beam takes 5 s, and `verify` and `peek` on a local dataset should start in one.
"""

import contextlib
import fcntl
import glob
import os
import re
import stat as stat_module
import uuid
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple


class FileStat(NamedTuple):
    """One listed file: `name` relative to the root (posix separators), `size` in bytes, `modified` in seconds."""

    name: str
    path: str
    size: int
    modified: float


def is_remote(path: str) -> bool:
    return "://" in path


def absolute(path: str) -> str:
    """`path` so that it means the same in a worker process with another working directory."""
    return path.rstrip("/") if is_remote(path) else os.path.abspath(os.path.expanduser(path))


def join(root: str, *parts: str) -> str:
    return "/".join([root.rstrip("/"), *parts]) if is_remote(root) else os.path.join(root, *parts)


def _filesystems():
    from apache_beam.io.filesystems import FileSystems

    return FileSystems


def open_read(path: str) -> BinaryIO:
    """Opens a file for reading bytes as they are (no decompression by extension)."""
    if not is_remote(path):
        return open(path, "rb")
    return _filesystems().open(path, "application/octet-stream", "uncompressed")


def read(path: str) -> bytes:
    """All bytes of a regular file.

    Raises:
      OSError: it cannot be read; also for pipes and devices, which would block or never end.
    """
    if not is_remote(path) and not stat_module.S_ISREG(os.stat(path).st_mode):
        raise OSError(f"{path} is not a regular file")
    with open_read(path) as f:
        return f.read()


def stat(path: str) -> FileStat:
    """One file, named by its path's last part.

    Raises:
      OSError: there is none, or it is no regular file.
    """
    name = path.rstrip("/").rpartition("/")[2]
    if is_remote(path):
        matches = _filesystems().match([path])[0].metadata_list
        if not matches:
            raise FileNotFoundError(path)
        return FileStat(name, path, matches[0].size_in_bytes, matches[0].last_updated_in_seconds or 0.0)
    info = os.stat(path)
    if not stat_module.S_ISREG(info.st_mode):
        raise OSError(f"{path} is not a regular file")
    return FileStat(name, path, info.st_size, info.st_mtime)


def is_pattern(path: str) -> bool:
    """Whether `path` is a glob pattern; an existing file with a * in its name is not."""
    return any(sign in path for sign in "*?[") and (is_remote(path) or not os.path.lexists(path))


def match(pattern: str) -> Iterator[FileStat]:
    """What a glob pattern matches and is no folder, in a stable order; names are relative to its first fixed folders.

    `**` matches any number of folders. A local pattern does not match names that begin with a dot.
    """
    root = pattern_root(pattern)
    if is_remote(pattern):
        found = _filesystems().match([pattern])[0].metadata_list
        entries = ((m.path, m.size_in_bytes, m.last_updated_in_seconds or 0.0) for m in found)
    else:
        paths = (path for path in glob.iglob(pattern, recursive=True) if not os.path.isdir(path))
        entries = ((path, info.st_size, info.st_mtime) for path in paths for info in [_stat_or_lstat(path)])
    for path, size_in_bytes, modified in sorted(entries):
        if not path.endswith("/"):
            yield FileStat(path[len(root) :].lstrip("/"), path, size_in_bytes, modified)


def pattern_root(pattern: str) -> str:
    """The folders of a pattern before its first wildcard: gs://bucket/a/*/x.jpg -> gs://bucket/a."""
    fixed = re.split(r"[*?\[]", pattern)[0]
    return fixed.rpartition("/")[0] or "/"


def exists(path: str) -> bool:
    return _filesystems().exists(path) if is_remote(path) else os.path.exists(path)


def size(path: str) -> int:
    """Size in bytes; raises OSError where there is no such file."""
    if not is_remote(path):
        return os.path.getsize(path)
    matches = _filesystems().match([path])[0].metadata_list
    if not matches:
        raise FileNotFoundError(path)
    return matches[0].size_in_bytes


def make_folder(path: str) -> None:
    if not is_remote(path):
        os.makedirs(path, exist_ok=True)


def remove(path: str) -> None:
    if is_remote(path):
        _filesystems().delete([path])
    else:
        os.remove(path)


@contextlib.contextmanager
def atomic_writer(path: str) -> Iterator[BinaryIO]:
    """Opens `path` for writing so that a reader sees the whole new file or none of it.

    Locally: a temporary file in the same folder, flushed to disk, then renamed over `path`. Remotely: a bucket shows
    an object only once its upload is closed, and never shows one whose upload failed.
    """
    if is_remote(path):
        with _filesystems().create(path, "application/octet-stream", "uncompressed") as f:
            yield f
        return
    temporary = os.path.join(os.path.dirname(path), f".tmp-{uuid.uuid4().hex}")
    try:
        with open(temporary, "wb") as f:
            with contextlib.suppress(OSError):  # some network file systems know no locks
                fcntl.flock(f, fcntl.LOCK_EX)  # tells `remove_leftovers` of another run that this writer lives
            yield f
            f.flush()
            os.fsync(f.fileno())
            os.replace(temporary, path)  # while it is locked
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.remove(temporary)


def write(path: str, data: bytes | str) -> None:
    """Publishes `data` at `path` atomically."""
    with atomic_writer(path) as f:
        f.write(data.encode() if isinstance(data, str) else data)


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
    prefix = root.rstrip("/") + "/"
    found = _filesystems().match([prefix + "**"])[0].metadata_list
    for entry in sorted(found, key=lambda m: m.path):
        if not entry.path.endswith("/"):
            name = entry.path[len(prefix) :]
            yield FileStat(name, entry.path, entry.size_in_bytes, entry.last_updated_in_seconds or 0.0)


def _raise(error: OSError):
    raise error
