"""Colours files one after the other into an output folder, and logs what became of each."""

import contextlib
import dataclasses
import os
import sys
import time

from tqdm import tqdm

from tintmill.model.colorizers.found import Colorizer
from tintmill.model.files import colour_file, video
from tintmill.model.files.not_coloured import NotColoured
from tintmill.model.output.beside import Beside
from tintmill.model.output.folder import ColouredFolder, Written
from tintmill.model.output.read_ahead import Content, open_video, read_ahead, read_now
from tintmill.model.output.task import Task
from tintmill.pipeline.common import files
from tintmill.pipeline.common.display import display_name
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.imaging import photo
from tintmill.pipeline.listing import archive

_BYTES_A_PIXEL = 8  # at most, in a file
_ARCHIVE = "an archive; give it itself, or by a pattern, to colour what is in it"


@dataclasses.dataclass(frozen=True)
class Means:
    """What every file is coloured with.

    Attributes:
      colorizer: who colours.
      options: how pictures are coloured and written.
      limits: of pictures that are taken.
      provenance: what a coloured file says of itself: the model, its digest, the settings.
      variants: how many colourings of each picture are made.
    """

    colorizer: Colorizer
    options: colour_file.Options
    limits: photo.Limits
    provenance: dict[str, str]
    variants: int = 1

    @property
    def largest(self) -> int:
        """Bytes: a longer file holds no picture within the limits."""
        return _BYTES_A_PIXEL * self.limits.max_pixels


@dataclasses.dataclass(frozen=True)
class Failure:
    """A file that got no colours: its path, a code of `not_coloured.REASONS`, and the reason for people."""

    input: str
    code: str
    reason: str


def colour_tasks(tasks: list[Task], folder: ColouredFolder | Beside, means: Means, done_before: int) -> list[Failure]:
    """Colours every task's file into the folder.

    Args:
      done_before: files of the same command that an earlier run has coloured, for the progress bar.
    Returns:
      Those that could not be coloured.
    Raises:
      TintmillError: the output takes no more.
    """
    failures, count = [], done_before + len(tasks)
    with tqdm(total=count, initial=done_before, unit=" files", disable=None if count > 1 else True) as bar:
        for task, content in read_ahead(tasks, means.largest):
            start = time.monotonic()
            try:
                written, facts = _colour(task, content, folder, means)
            except NotColoured as failure:
                tqdm.write(
                    f"NOT COLOURED {display_name(task.order.input)}: {failure.code} ({failure.reason})", sys.stderr
                )
                failures.append(Failure(task.order.input, failure.code, failure.reason))
                folder.log_failure(task.order, failure.code, {"reason": failure.reason, "seconds": _since(start)})
            except OSError as error:
                raise TintmillError(
                    f"{display_name(files.join(folder.root, task.order.name))}: cannot be written: {error}; the files "
                    "before it are done"
                ) from error
            else:
                folder.log_done(task.order, written, {"seconds": _since(start), "facts": facts})
            bar.update()
    return failures


def _colour(task: Task, content: Content, folder: ColouredFolder | Beside, means: Means) -> tuple[list[Written], dict]:
    """What was written, the coloured file first, and facts for the log.

    Raises:
      NotColoured: something is wrong with the file.
      OSError: something is wrong with the output.
    """
    if not files.is_remote(task.reference.path) and os.path.isdir(task.reference.path):
        raise NotColoured("linked_folder")
    with _rejections_named(task):
        if isinstance(content, photo.Rejected):
            raise content
        if task.is_video:
            return _colour_video(task, content, folder, means)
        hints = task.hints.hints if task.hints else ()
        said = task.hints.provenance if task.hints else {}
        coloured = colour_file.colour_bytes(
            read_now(task, content, means.largest),  # held by nobody else, for it may be large
            means.colorizer,
            means.options,
            means.limits,
            means.provenance | said,
            hints,
            means.variants,
        )
    name = folder.name(task.order, coloured.extension)
    names = [name] if means.variants == 1 else colour_file.name_variants(name, means.variants)
    written = [folder.write(task.order, name, one) for name, one in zip(names, coloured.variants, strict=True)]
    if coloured.uncertainty is not None:
        written.append(folder.write(task.order, f"{written[0].name}.uncertainty.png", coloured.uncertainty))
    return written, coloured.facts | said


def _colour_video(
    task: Task, content: bytes | None, folder: ColouredFolder | Beside, means: Means
) -> tuple[list[Written], dict]:
    with open_video(task, content) as source:
        container = video.container_of(task.order.name, source)
        with folder.open_writer(task.order) as (name, target):
            facts = video.colour(
                source, target, container, means.colorizer, means.options, means.limits, means.provenance
            )
            size = target.seek(0, os.SEEK_END)
    return [Written(name, size)], facts


@contextlib.contextmanager
def _rejections_named(task: Task):
    """A picture that is refused is a file that gets no colours."""
    try:
        yield
    except photo.Rejected as rejected:
        raise NotColoured(rejected.code, _ARCHIVE if archive.has_suffix(task.order.name) else "") from rejected


def _since(start: float) -> float:
    return round(time.monotonic() - start, 3)
