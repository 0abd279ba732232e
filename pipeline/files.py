"""Reading, listing and atomically publishing files, local or remote.

Local paths go through the standard library, URLs (gs://...) through Beam's FileSystems. Two branches, one door:
importing Beam takes 5 s, and `verify` and `peek` on a local dataset should start in one.
"""

import contextlib
import fcntl
import os
import stat
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
    if not is_remote(path) and not stat.S_ISREG(os.stat(path).st_mode):
        raise OSError(f"{path} is not a regular file")
    with open_read(path) as f:
        return f.read()


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
        os.replace(temporary, path)
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
                info = os.lstat(path) if not os.path.exists(path) else os.stat(path)
                relative = os.path.relpath(path, root).replace(os.sep, "/")
                yield FileStat(relative, path, info.st_size, info.st_mtime)


def _list_remote(root: str) -> Iterator[FileStat]:
    prefix = root.rstrip("/") + "/"
    found = _filesystems().match([prefix + "**"])[0].metadata_list
    for entry in sorted(found, key=lambda m: m.path):
        if not entry.path.endswith("/"):
            name = entry.path[len(prefix) :]
            yield FileStat(name, entry.path, entry.size_in_bytes, entry.last_updated_in_seconds or 0.0)


def _raise(error: OSError):
    raise error
