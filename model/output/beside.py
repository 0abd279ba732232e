"""Coloured files beside their sources: PHOTO.jpg becomes PHOTO_coloured.jpg, and nothing is ever replaced.

Where that name is taken the next free one is PHOTO_coloured-2.jpg, unless the file there has the very bytes that would
be written: colouring the same picture twice leaves one copy.
"""

import contextlib
import errno
import itertools
import os
import re
import tempfile
from collections.abc import Iterator
from typing import BinaryIO

from tintmill.model.output.folder import Written, name_bad_names, with_extension
from tintmill.model.output.inputs import display_name
from tintmill.model.output.task import Order, Task
from tintmill.pipeline.common import files
from tintmill.pipeline.common.errors import TintmillError

_SUFFIX = "_coloured"
_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)
_MADE = re.compile(rf"(.+){_SUFFIX}(-\d+)?")


def check_inputs(arguments: tuple[str, ...]) -> None:
    """Raises TintmillError where something else than single files of this machine is given."""
    for argument in arguments:
        what = "in a bucket" if files.is_remote(argument) else "a folder" if os.path.isdir(argument) else ""
        if not what and files.is_pattern(argument) and not os.path.exists(argument):
            what = "a pattern"
        if what:
            raise TintmillError(
                f"{display_name(argument)}: {what}; give --output=FOLDER for the coloured files. Without it, single "
                "files of this machine are coloured beside themselves"
            )


class Beside:
    """Writes coloured files beside their sources; keeps no log. It takes the place of a `folder.ColouredFolder`.

    Attributes:
      written: paths of the coloured files, in the order in which they were done.
    """

    root = ""

    def __init__(self):
        self.written: list[str] = []

    def name(self, order: Order, extension: str) -> str:
        """How a coloured file is called; its extension is the source's where that is of the same format."""
        stem, own = os.path.splitext(order.name)
        kept = with_extension(order.name, extension) == order.name
        return f"{stem}{_SUFFIX}{own if kept else extension}"

    def write(self, order: Order, name: str, data: bytes) -> Written:
        """Publishes a file under `name`, or the first free name like it.

        Raises:
          NotColoured: no file can have this name.
          OSError: it cannot be written.
        """
        with _temporary(order) as f:
            f.write(data)
            f.flush()
            for candidate in _list_candidates(name):
                path = os.path.join(os.path.dirname(order.input), candidate)
                with name_bad_names(candidate):
                    if _publish(f.name, path):
                        return Written(candidate, len(data))
                if _holds(path, data):
                    return Written(candidate, len(data))
        raise AssertionError("candidates do not end")

    @contextlib.contextmanager
    def open_writer(self, order: Order) -> Iterator[tuple[str, BinaryIO]]:
        """As `write`, piece by piece: yields the name that was chosen, and a file that is published at the end."""
        names = _list_candidates(self.name(order, os.path.splitext(order.name)[1]))
        folder = os.path.dirname(order.input)
        with _temporary(order) as f:
            name = next(each for each in names if not os.path.lexists(os.path.join(folder, each)))
            yield name, f
            f.flush()
            with name_bad_names(name):
                if not _publish(f.name, os.path.join(folder, name)):
                    raise FileExistsError(errno.EEXIST, "somebody made it meanwhile", name)

    def log_done(self, order: Order, written: list[Written], more: dict) -> None:
        """Remembers the coloured files: the first of those that were written, and its variants."""
        maps = f"{written[0].name}.uncertainty.png"
        names = [file.name for file in written if file.name != maps]
        self.written += [os.path.join(os.path.dirname(order.input), name) for name in names]

    def log_failure(self, order: Order, code: str, more: dict) -> None:
        """Nothing: the command tells it, and there is no log."""


def skip_made(tasks: list[Task]) -> tuple[list[Task], list[str]]:
    """Tasks without those of files that were made beside their sources before, and the paths of these.

    A second `tintmill colorize *.jpg` is given the coloured files of the first one too.
    """
    skipped = [task.order.input for task in tasks if _is_made(task.order.input)]
    return [task for task in tasks if task.order.input not in skipped], skipped


def _is_made(path: str) -> bool:
    """By its name, and by its source, which is beside it."""
    folder, name = os.path.split(path)
    found = _MADE.fullmatch(os.path.splitext(name)[0])
    if not found:
        return False
    source = found[1]
    return any(os.path.splitext(other)[0] == source for other in os.listdir(folder or "."))


def _list_candidates(name: str) -> Iterator[str]:
    """`name`, then `name` with -2, -3 and so on before its extension."""
    stem, extension = os.path.splitext(name)
    yield name
    for number in itertools.count(2):
        yield f"{stem}-{number}{extension}"


@contextlib.contextmanager
def _temporary(order: Order) -> Iterator[BinaryIO]:
    """A file in the folder of the source, with the rights of a new file; it is gone, or renamed, at the end."""
    with tempfile.NamedTemporaryFile("w+b", dir=os.path.dirname(order.input), prefix=".tmp-", delete=False) as f:
        try:
            os.fchmod(f.fileno(), 0o666 & ~_umask())
            yield f
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(f.name)


def _publish(made: str, path: str) -> bool:
    """Gives a finished file its name; False where there is something of that name already."""
    try:
        os.link(made, path)
        return True
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        return _publish_without_links(made, path)


def _publish_without_links(made: str, path: str) -> bool:
    """On file systems of cameras and sticks: an empty file takes the name first, as only one process can make it."""
    try:
        with open(path, "xb"):
            os.replace(made, path)
        return True
    except FileExistsError:
        return False


def _holds(path: str, data: bytes) -> bool:
    return os.path.isfile(path) and os.path.getsize(path) == len(data) and files.read(path) == data


def _umask() -> int:
    """The process's, which can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
