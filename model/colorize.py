"""`tintmill colorize`: colours pictures and videos with a trained run or an exported model.

    tintmill colorize --run=RUN --output=COLOURED PHOTO.jpg FOLDER 'SCANS/**/*.tif' ALBUM.zip gs://BUCKET/DIR FILM.mp4

Each picture comes out at its own size with its own L*, in the format that it has; folders and archives keep their
structure. --output may be gs:// too. `colorize.jsonl` in it says for each file what became of it: what cannot be
coloured is named with its reason and makes the exit code 1, it is never copied uncoloured. The same command again does
what is missing: an output is done where the log says so for the same input, model and settings, and it is there with
the size that was logged. Files that are not from colorize are never replaced without --overwrite, inputs never.

Videos (.mp4, .mov, .mkv, .webm) want PyAV: pip install 'tintmill[video]'. Colours are held steady from frame to frame,
sound is copied. H.264, in .webm VP9.
"""

import contextlib
import dataclasses
import io
import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from typing import BinaryIO, NamedTuple

from absl import flags
from tqdm import tqdm

from tintmill.model.colorizers import identity
from tintmill.model.files import video
from tintmill.model.files.colour_file import Options, colour_bytes
from tintmill.model.files.not_coloured import NotColoured
from tintmill.model.output import colour_inputs, coloured_folder
from tintmill.model.output.colour_inputs import shown
from tintmill.model.output.coloured_folder import ColouredFolder, place, with_extension
from tintmill.pipeline.common import command, files
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.imaging import photo
from tintmill.pipeline.listing import archive, reading
from tintmill.pipeline.listing.reference import Reference

FLAGS = flags.FlagValues()
flags.DEFINE_string("run", None, "Run directory of `tintmill train`; or give --model.", flag_values=FLAGS)
flags.DEFINE_string("model", None, "Model of `tintmill export`; or give --run.", flag_values=FLAGS)
flags.DEFINE_string("output", None, "Folder for the coloured files, local or gs://.", flag_values=FLAGS, required=True)
flags.DEFINE_string("embedder_weights", None, "Where the embedder's weights file is now.", flag_values=FLAGS)
flags.DEFINE_float(
    "temperature", None, "Of a network with bins: 1 is the mean, near 0 the mode; by default 0.38.", flag_values=FLAGS
)
flags.DEFINE_float("chroma", 1.0, "Factor on the colours' strength: 0 is grey.", flag_values=FLAGS)
flags.DEFINE_string(
    "upsample",
    "bilinear",
    "How colours come to the picture's size: bilinear, or guided by its edges.",
    flag_values=FLAGS,
)
flags.DEFINE_integer("quality", 95, "Of JPEG and WebP, 1 to 100.", flag_values=FLAGS)
flags.DEFINE_bool(
    "uncertainty",
    False,
    "Also write NAME.uncertainty.png: how unsure a network with bins is. Pictures only.",
    flag_values=FLAGS,
)
flags.DEFINE_integer("max_pixels", 100_000_000, "Refuse pictures with more pixels (memory).", flag_values=FLAGS)
flags.DEFINE_bool("overwrite", False, "Colour all anew, and replace files that no run has logged.", flag_values=FLAGS)

_LARGE = 1 << 26  # bytes of a picture's file from which on it is not read ahead: memory counts for more
_BYTES_A_PIXEL = 8  # at most, in a file
_ARCHIVE = "an archive; give it itself, or by a pattern, to colour what is in it"


@dataclasses.dataclass(frozen=True)
class Job:
    """What is done to every file."""

    options: Options
    limits: photo.Limits
    model: identity.Identity

    @property
    def largest(self) -> int:
        """Bytes: a longer file holds no picture within the limits."""
        return _BYTES_A_PIXEL * self.limits.max_pixels

    def order(self, reference: Reference) -> dict:
        """What decides a file's colours, see `ColouredFolder`."""
        return {
            "input": colour_inputs.told(reference),
            "name": reference.id,
            "size": reference.size,
            "version": reference.version,
            "model": self.model.name,
            "model_sha256": self.model.sha256,
            "settings": dataclasses.asdict(self.options),
        }

    def provenance(self) -> dict[str, str]:
        """What a coloured file says of itself."""
        given = {name: value for name, value in dataclasses.asdict(self.options).items() if value is not None}
        settings = ", ".join(f"{name}={value}" for name, value in given.items())
        return {"model": self.model.name, "model_sha256": self.model.sha256, "settings": settings}


class Outcome(NamedTuple):
    """A coloured file: (name, size) of what was written, itself first, and facts for the log."""

    written: list[tuple[str, int]]
    facts: dict


def main(arguments: list[str]) -> None:
    job, output = _job(), files.absolute(FLAGS.output)
    inputs = colour_inputs.listed(arguments, output)
    check_inputs_stay(inputs, output)
    with coloured_folder.opened(output, inputs, FLAGS.overwrite) as folder:
        missing = [reference for reference in inputs if not folder.has(job.order(reference))]
        failed = _colour_all(job, folder, missing, len(inputs)) if missing else 0
    before = f", {len(inputs) - len(missing)} of them before" if len(missing) < len(inputs) else ""
    print(f"{len(inputs) - failed} of {len(inputs)} files coloured{before}, in {shown(output)}")
    if failed:
        raise TintmillError(f"{failed} of {len(inputs)} files were not coloured; {folder.log_path} says why")


def check_inputs_stay(inputs: list[Reference], output: str) -> None:
    """Raises TintmillError where the output is the inputs' own folder; other names are looked at as they are chosen."""
    given = {place(reference.path) for reference in inputs}
    for reference in inputs:
        target = place(files.join(output, reference.id))
        if target in given:
            raise TintmillError(f"--output={output}: would write over the input {shown(target)}; give another folder")


def _job() -> Job:
    """Raises TintmillError for flags that do not go together or have no such value."""
    if (FLAGS.run is None) == (FLAGS.model is None):
        raise TintmillError(f"--run={FLAGS.run} --model={FLAGS.model}: wanted one of the two")
    options = Options(
        temperature=FLAGS.temperature,
        chroma=FLAGS.chroma,
        upsample=FLAGS.upsample,
        quality=FLAGS.quality,
        uncertainty=FLAGS.uncertainty,
    )
    limits = photo.Limits(max_pixels=FLAGS.max_pixels, min_side=1)
    model = identity.of_run(FLAGS.run) if FLAGS.run else identity.of_export(FLAGS.model)
    return Job(options, limits, model)


def _load_model():
    command.tell("Loading the model ...")
    from tintmill.pipeline.common.tensorflow import import_tensorflow

    if FLAGS.model:
        from tintmill.model.export import reader

        return reader.load(FLAGS.model)
    import_tensorflow()
    from tintmill.model.prediction import colorizer

    return colorizer.load(FLAGS.run, FLAGS.embedder_weights)


def _colour_all(job: Job, folder: ColouredFolder, missing: list[Reference], count: int) -> int:
    """Colours what is missing of `count` files; returns how many could not be."""
    if any(video.is_named_so(reference.id) for reference in missing):
        video.import_av()  # what it says must not come after an hour of pictures
    colorizer = _load_model()
    failed = 0
    with tqdm(total=count, initial=count - len(missing), unit=" files", disable=None if count > 1 else True) as bar:
        for reference, data in _one_ahead(_contents(missing, job.largest)):
            failed += not _colour_one(job, colorizer, folder, reference, data)
            bar.update()
    return failed


def _colour_one(job: Job, colorizer, folder: ColouredFolder, reference: Reference, data) -> bool:
    """Colours a file and logs it. Raises TintmillError where the output takes no more."""
    order, start = job.order(reference), time.monotonic()
    try:
        outcome = _colour(job, colorizer, folder, reference, data)
    except NotColoured as failure:
        tqdm.write(f"NOT COLOURED {shown(order['input'])}: {failure.code} ({failure.reason})", sys.stderr)
        folder.log_failure(order, failure.code, {"reason": failure.reason, "seconds": _since(start)})
        return False
    except OSError as error:
        raise TintmillError(
            f"{shown(files.join(folder.root, reference.id))}: cannot be written: {error}; the files before it are done"
        ) from error
    folder.log_done(order, outcome.written, {"seconds": _since(start), "facts": outcome.facts})
    return True


def _colour(job: Job, colorizer, folder: ColouredFolder, reference: Reference, data) -> Outcome:
    """Raises NotColoured for what is wrong with the file, OSError for what is wrong with the output."""
    if not files.is_remote(reference.path) and os.path.isdir(reference.path):
        raise NotColoured("linked_folder")
    about = _ARCHIVE if archive.has_suffix(reference.id) else ""
    if isinstance(data, photo.Rejected):
        raise NotColoured(data.code, about)
    if video.is_named_so(reference.id):
        with _opened(reference, data) as source:
            return _colour_video(job, colorizer, folder, reference, source)
    try:
        coloured = colour_bytes(_bytes_of(job, reference, data), colorizer, job.options, job.limits, job.provenance())
    except photo.Rejected as rejected:
        raise NotColoured(rejected.code, about) from rejected
    order = job.order(reference)
    written = [folder.write(order, with_extension(reference.id, coloured.extension), coloured.data)]
    if coloured.uncertainty is not None:
        written.append(folder.write(order, f"{written[0][0]}.uncertainty.png", coloured.uncertainty))
    return Outcome(written, coloured.facts)


def _bytes_of(job: Job, reference: Reference, data: bytes | None) -> bytes:
    """What was read ahead, or is read now: then only `colour_bytes` holds it, which lets go of what is decoded."""
    return reading.read(reference, job.largest)[1] if data is None else data


def _colour_video(job: Job, colorizer, folder: ColouredFolder, reference: Reference, source: BinaryIO) -> Outcome:
    container = video.container_of(reference.id, source)
    with folder.writer(job.order(reference), reference.id) as (name, target):
        facts = video.colour(source, target, container, colorizer, job.options, job.limits, job.provenance())
        size = target.seek(0, os.SEEK_END)
    return Outcome([(name, size)], facts)


def _contents(references: list[Reference], largest: int) -> Iterator[tuple[Reference, bytes | photo.Rejected | None]]:
    """Each file with its bytes, or why there are none; None where it is read in its turn: a video, a large picture."""
    for stream, group in groupby(references, lambda r: r.path if archive.is_stream(r.kind) else None):
        if stream:
            yield from reading.read_stream(list(group), largest)
        else:
            yield from (_content(reference, largest) for reference in group)


def _content(reference: Reference, largest: int) -> tuple[Reference, bytes | photo.Rejected | None]:
    is_video = video.is_named_so(reference.id)
    if (reference.kind == "file") if is_video else (reference.size > _LARGE):
        return reference, None
    try:
        return reading.read(reference, largest)
    except photo.Rejected as rejected:
        return reference, rejected


def _one_ahead(items: Iterator) -> Iterator:
    """The same items, the next one being made while one is worked on."""
    with ThreadPoolExecutor(1, "read") as pool:
        coming = pool.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = pool.submit(next, items, None)
            yield item


@contextlib.contextmanager
def _opened(reference: Reference, data: bytes | None) -> Iterator[BinaryIO]:
    """A video as a file to read and seek in, by what was listed. Raises NotColoured where it is no longer that."""
    if data is not None:
        yield io.BytesIO(data)
        return
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


def _since(start: float) -> float:
    return round(time.monotonic() - start, 3)


def run_command(argv: list[str]) -> int:
    return command.run("colorize", FLAGS, main, argv, __doc__)


if __name__ == "__main__":
    sys.exit(run_command(sys.argv[1:]))
