"""The folder of coloured files: their names, what earlier runs have left to do, and that nobody's file is lost.

A file is done when the log says so for the same input (path, size, time of its last writing; in a bucket its
generation), the same model and the same settings, and what was written is there with the size that was logged.

Names: two inputs that come to one name get two (`1.jpg`, `1-2.jpg`), the same ones in every run. A file that no run has
logged is somebody else's and is not replaced, but with `overwrite`; an input never is. A kill between a picture and its
line leaves a picture that the log does not know: it is known again by its bytes.
"""

import contextlib
import dataclasses
import errno
import hashlib
import itertools
import os
import posixpath
from collections.abc import Iterator
from typing import BinaryIO

from tintmill.model.files.not_coloured import NotColoured
from tintmill.model.output.log import Log, open_log
from tintmill.model.output.task import Order, Task
from tintmill.pipeline.common import files
from tintmill.pipeline.common.display import display_name, escape_controls
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.listing.reference import stable_text

_LONGEST = 255  # bytes of a name, on the usual file systems
_LONGEST_OBJECT = 1024  # bytes of a name in a bucket, folders included
_SAME = {".jpg": (".jpg", ".jpeg", ".jpe", ".jfif"), ".tif": (".tif", ".tiff")}

# What a file system says to a name, and not of a disk.
_BAD_NAME = (errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL)


def with_extension(name: str, extension: str) -> str:
    """`name` as it is where it ends in the extension or another one of the same format, else with it added."""
    known = _SAME.get(extension, (extension,))
    return name if os.path.splitext(name)[1].lower() in known else name + extension


@dataclasses.dataclass(frozen=True)
class Written:
    """A file in the output: its name below the folder, and its size in bytes."""

    name: str
    size: int


@dataclasses.dataclass(frozen=True)
class _Made:
    """What a run made of an input: the digest of its order, and the files that were written."""

    digest: bytes
    written: list[Written]


class ColouredFolder:
    """See `open_output`. Files go in by their orders; an order's `key` says which file it is."""

    def __init__(self, root: str, log: Log, tasks: list[Task], overwrite: bool):
        self.log_path = log.path
        self.root, self._log, self._overwrite = root, log, overwrite
        self._remote = files.is_remote(root)
        self._inputs = {_real_path(task.reference.path) for task in tasks}
        self._made: dict[tuple[str, str], _Made] = {}
        self._owners: dict[str, tuple[str, str]] = {}
        self._read_log(log)
        self._objects = {e.name: (e.size, int(e.version)) for e in files.list_files(root)} if self._remote else {}
        self._folders: set[str] = set()

    def has(self, order: Order) -> bool:
        """Whether an earlier run has done this, and its files are still there."""
        made = self._made.get(order.key)
        if self._overwrite or made is None or made.digest != order.digest:
            return False
        return all(self._size(file.name) == file.size for file in made.written)

    def name(self, order: Order, extension: str) -> str:
        """How a coloured picture is called: as its source, with the extension of what it became."""
        return with_extension(order.name, extension)

    def write(self, order: Order, name: str, data: bytes) -> Written:
        """Publishes a file under `name`, or one like it where that is taken.

        Raises:
          NotColoured: no file can have this name.
          OSError: it cannot be written.
        """
        for candidate in self._candidates(order, name):
            with name_bad_names(candidate):
                if self._publish(candidate, data):
                    self._owners[candidate] = order.key
                    return Written(candidate, len(data))
        raise AssertionError("candidates do not end")

    @contextlib.contextmanager
    def open_writer(self, order: Order) -> Iterator[tuple[str, BinaryIO]]:
        """As `write` under the order's name, piece by piece.

        Yields:
          The name that was chosen, and a file that is published where the block ends without an error.
        """
        candidate = next(c for c in self._candidates(order, order.name) if self._is_free(c))
        with name_bad_names(candidate):
            path = self._make__real_path(candidate)
        with files.atomic_writer(path, self._generation(candidate)) as f:
            yield candidate, f
        self._owners[candidate] = order.key

    def log_done(self, order: Order, written: list[Written], more: dict) -> None:
        """A line for a coloured file; the first written one is the file itself. What it was before is removed."""
        self._remove_outdated(order, {file.name for file in written})
        self._remember(order, written)
        done = {
            "output": files.join(self.root, written[0].name),
            "code": "coloured",
            "written": [dataclasses.asdict(file) for file in written],
        }
        self._log.append(dataclasses.asdict(order) | done | more)

    def log_failure(self, order: Order, code: str, more: dict) -> None:
        self._log.append(dataclasses.asdict(order) | {"output": None, "code": code} | more)

    def _remove_outdated(self, order: Order, names: set[str]) -> None:
        """Removes what an earlier run made of the same input under other names, as an uncertainty map that is no longer
        asked for: it is not of these colours. What somebody has changed since is left, and so is any input.
        """
        made = self._made.get(order.key)
        for file in made.written if made else ():
            path = files.join(self.root, file.name)
            own = self._owners.get(file.name) == order.key and self._size(file.name) == file.size
            outdated = own and file.name not in names
            if outdated and _real_path(path) not in self._inputs:
                files.remove(path)

    def _read_log(self, log: Log) -> None:
        """Lines of failures, and of versions that logged less, say nothing of what is there."""
        for entry in log.lines():
            order = Order.from_log(entry)
            if order and entry.get("code") == "coloured" and "written" in entry:
                self._remember(order, [Written(file["name"], file["size"]) for file in entry["written"]])

    def _remember(self, order: Order, written: list[Written]) -> None:
        self._made[order.key] = _Made(order.digest, written)
        self._owners |= {file.name: order.key for file in written}

    def _candidates(self, order: Order, name: str) -> Iterator[str]:
        """Names like `name` that are no other input's output, no input and no folder."""
        name = escape_controls(posixpath.normpath(stable_text(name) if self._remote else name))
        stem, extension = os.path.splitext(name)
        for number in itertools.count(1):
            full = name if number == 1 else f"{stem}-{number}{extension}"
            candidate = "/".join(map(_shortened, full.split("/")))
            path = files.join(self.root, candidate)
            taken = self._owners.get(candidate, order.key) != order.key or _real_path(path) in self._inputs
            if not taken and (self._remote or not os.path.isdir(path)):
                yield candidate

    def _is_free(self, name: str) -> bool:
        """Whether a candidate may be written: nothing is there, or what an earlier run made of the same input."""
        there = name in self._objects if self._remote else os.path.lexists(files.join(self.root, name))
        return not there or self._overwrite or name in self._owners

    def _publish(self, name: str, data: bytes) -> bool:
        """False where somebody else's file is there."""
        path = self._make__real_path(name)
        if not self._remote and not self._is_free(name):
            return _holds(path, data)
        try:
            files.write(path, data, self._generation(name))
        except FileExistsError:  # in a bucket: written since it was listed
            return False
        return True

    def _generation(self, name: str) -> int | None:
        """What may be replaced in a bucket, see `files.write`."""
        if not self._remote:
            return None
        return self._objects.get(name, (0, 0))[1] if self._is_free(name) else 0

    def _make__real_path(self, name: str) -> str:
        """The path for a name; its folder is there, without what killed writers of earlier runs left in it."""
        path = files.join(self.root, name)
        if self._remote and len(path.split("/", 3)[3].encode()) > _LONGEST_OBJECT:
            raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG), path)
        folder = path.rpartition("/")[0]
        if folder not in self._folders:
            files.make_folder(folder)
            if not self._log.is_new:
                files.remove_leftovers(folder)
            self._folders.add(folder)
        return path

    def _size(self, name: str) -> int | None:
        if self._remote:
            return self._objects.get(name, (None, 0))[0]
        with contextlib.suppress(OSError):
            return os.stat(os.path.join(self.root, name)).st_size
        return None


@contextlib.contextmanager
def open_output(root: str, tasks: list[Task], overwrite: bool) -> Iterator[ColouredFolder]:
    """An output folder, made where there is none, kept from other runs until the block ends.

    Args:
      root: an absolute path, local or gs://.
      tasks: what is to be coloured; no input is ever written over.
      overwrite: nothing counts as done, and files that no run has logged are replaced.
    Raises:
      TintmillError: it is the folder of an input, it cannot be written, or another run writes there.
    """
    _check_inputs_stay(root, tasks)
    with open_log(root) as log:
        yield ColouredFolder(root, log, tasks, overwrite)


def _check_inputs_stay(root: str, tasks: list[Task]) -> None:
    """Raises TintmillError where a file's first name is that of an input; other names are looked at when chosen."""
    given = {_real_path(task.reference.path) for task in tasks}
    for task in tasks:
        target = _real_path(files.join(root, task.order.name))
        if target in given:
            raise TintmillError(
                f"--output={root}: would write over the input {display_name(target)}; give another folder"
            )


def _real_path(path: str) -> str:
    """What two paths of one file have in common."""
    return path if files.is_remote(path) else os.path.realpath(path)


def _holds(path: str, data: bytes) -> bool:
    """Whether a local file has just these bytes: then an earlier run of ours wrote it, or it makes no difference."""
    return os.path.isfile(path) and os.path.getsize(path) == len(data) and files.read(path) == data


def _shortened(part: str) -> str:
    """A name that file systems take; what is too long keeps its extension and gets a hash of the whole."""
    if len(os.fsencode(part)) <= _LONGEST:
        return part
    stem, extension = os.path.splitext(part)
    extension = extension if len(os.fsencode(extension)) < 20 else ""
    end = f"~{hashlib.blake2b(os.fsencode(part), digest_size=4).hexdigest()}{extension}"
    stem = stem[:_LONGEST]
    while len(os.fsencode(stem + end)) > _LONGEST:
        stem = stem[:-1]
    return stem + end


@contextlib.contextmanager
def name_bad_names(name: str) -> Iterator[None]:
    """What is wrong with a name is a failure of one file; what is wrong with the disk passes."""
    try:
        yield
    except ValueError as error:  # a NUL in it
        raise NotColoured("bad_name", str(error)) from error
    except OSError as error:
        if error.errno in _BAD_NAME:
            raise NotColoured("bad_name", f"{error.strerror}, {len(os.fsencode(name))} bytes") from error
        raise
