"""`tintmill colorize`: colours pictures and videos with the built-in model, a trained run or an exported model.

    tintmill colorize PHOTO.jpg
    tintmill colorize --output=COLOURED PHOTO.jpg FOLDER 'SCANS/**/*.tif' ALBUM.zip gs://BUCKET/DIR FILM.mp4
    tintmill colorize --run=RUN --output=COLOURED FOLDER

Without --output a file is coloured beside itself: PHOTO.jpg becomes PHOTO_coloured.jpg. No file is ever replaced; where
that name is taken, the next one is PHOTO_coloured-2.jpg.

Each picture comes out at its own size with its own L*, in the format that it has; with --output folders and archives
keep their structure. --output may be gs:// too. `colorize.jsonl` in it says for each file what became of it. What
cannot be coloured is named with its reason and makes the exit code 1, it is never copied uncoloured. The same command
again does what is missing: an output is done where the log says so for the same input, model and settings, and it is
there with the size that was logged. Files that are not from colorize are never replaced without --overwrite, inputs
never.

Hints are colours that are known at places of pictures. --hints names a JSON file of them:

    {"PHOTO.jpg": [{"x": 120, "y": 80, "color": "#3a5f2b", "radius": 4}]}

Places are pixels of the upright picture, and the radius may be left out. The picture's own L* stays, and the colour
does not run over edges. PHOTO.jpg is the picture's name below the output, or its path where two have one name.

Videos (.mp4, .mov, .mkv, .webm) want PyAV: pip install '.[video]'. Colours are held steady from frame to frame,
sound is copied. H.264, in .webm VP9.
"""

import dataclasses
import os
import sys

from tintmill.model.colorizers.found import FoundModel, find_model
from tintmill.model.files import video
from tintmill.model.files.colour_file import Options
from tintmill.model.output import beside
from tintmill.model.output.colouring import Failure, Means, colour_tasks
from tintmill.model.output.folder import open_output
from tintmill.model.output.hinted import read_hints
from tintmill.model.output.inputs import list_inputs
from tintmill.model.output.task import Task, make_tasks
from tintmill.model.prediction.colouring import MOST_VARIANTS
from tintmill.pipeline.common import command, files, options
from tintmill.pipeline.common.display import display_name
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.common.options import between, option
from tintmill.pipeline.imaging import photo

_MODEL, _FILES = "Model", "Files"  # headings of the help


@dataclasses.dataclass(frozen=True)
class ColorizeArguments:
    """What `tintmill colorize` is asked for.

    Attributes:
      inputs: files, folders, patterns and archives, local or gs://.
      options: how pictures are coloured and written.
    """

    run: str | None = option(None, "Run directory of `tintmill train`, in place of the built-in model.", _MODEL)
    model: str | None = option(None, "File of `tintmill export`, or a name of `tintmill models`.", _MODEL)
    embedder_weights: str | None = option(None, "Where the embedder's weights file is now.", _MODEL)
    variants: int = option(
        1,
        "Colourings of each picture that differ on purpose, of a network with bins.",
        _FILES,
        check=between(1, MOST_VARIANTS),
    )
    hints: str | None = option(None, "JSON file of colours that are known at places of pictures.", _FILES)
    output: str | None = option(
        None, "Folder for the coloured files, local or gs://; without it beside each file.", _FILES
    )
    max_pixels: int = option(100_000_000, "Refuse pictures with more pixels (memory).", _FILES)
    overwrite: bool = option(False, "Colour all anew, and replace files that no run has logged.", _FILES)
    inputs: tuple[str, ...] = ()
    options: Options = dataclasses.field(default_factory=Options)

    def __post_init__(self):
        options.check(self)


@dataclasses.dataclass(frozen=True)
class ColorizeResult:
    """What became of the inputs.

    Attributes:
      output: the folder, absolute; None where files were coloured beside themselves.
      log_path: of colorize.jsonl in it, or None.
      written: paths of what was coloured beside its source.
      skipped: paths of files that an earlier run had coloured beside their sources.
      files: how many there were.
      done_before: how many of them an earlier run had coloured.
      failures: those that got no colours.
    """

    output: str | None
    log_path: str | None
    files: int
    done_before: int
    failures: list[Failure]
    written: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()


FLAGS = options.define(ColorizeArguments, Options)
TOPICS = options.list_topics(ColorizeArguments, Options)


def main(words: list[str]) -> None:
    told = options.read(ColorizeArguments, FLAGS, inputs=tuple(words), options=options.read(Options, FLAGS))
    result = colorize(told)
    failed, before = len(result.failures), result.done_before
    if result.output:
        earlier = f", {before} of them before" if before else ""
        done = f"{result.files - failed} of {result.files} files coloured{earlier}"
        print(f"{done}, in {display_name(result.output)}")
    for path in result.skipped:
        print(f"skipped {display_name(path)}: coloured from the file beside it", file=sys.stderr)
    for path in result.written:
        print(display_name(_shorten(path)))
    if failed:
        why = f"; {result.log_path} says why" if result.log_path else ""
        raise TintmillError(f"{failed} of {result.files} files were not coloured{why}")


def _shorten(path: str) -> str:
    """A path as it is seen from the working folder, where it lies below that."""
    relative = os.path.relpath(path)
    return path if relative.startswith(os.pardir) else relative


def colorize(arguments: ColorizeArguments) -> ColorizeResult:
    """Colours files into a folder. Files that cannot be coloured are among the result's failures.

    Raises:
      TintmillError: there is no such model or input, or the output cannot be written.
    """
    if arguments.output is None:
        return _colorize_beside(arguments)
    model, output = find_model(arguments.run, arguments.model), files.absolute(arguments.output)
    tasks = _list_tasks(arguments, model, output)
    with open_output(output, tasks, arguments.overwrite) as folder:
        missing = [task for task in tasks if not folder.has(task.order)]
        before = len(tasks) - len(missing)
        failures = colour_tasks(missing, folder, _load_means(arguments, model, missing), before) if missing else []
    return ColorizeResult(output, folder.log_path, len(tasks), before, failures)


def _colorize_beside(arguments: ColorizeArguments) -> ColorizeResult:
    """Colours files, each into its own folder."""
    beside.check_inputs(arguments.inputs)
    model = find_model(arguments.run, arguments.model)
    listed = _list_tasks(arguments, model, os.devnull)
    for task in listed:
        if task.reference.kind != "file":
            raise TintmillError(
                f"{display_name(task.reference.path)}: an archive; give --output=FOLDER for what is in it"
            )
    tasks, skipped = beside.skip_made(listed)
    folder = beside.Beside()
    failures = colour_tasks(tasks, folder, _load_means(arguments, model, tasks), 0) if tasks else []
    return ColorizeResult(None, None, len(tasks), 0, failures, tuple(folder.written), tuple(skipped))


def _list_tasks(arguments: ColorizeArguments, model: FoundModel, output: str) -> list[Task]:
    settings = _list_settings(arguments)
    references = list_inputs(list(arguments.inputs), output)
    hints = {} if arguments.hints is None else read_hints(arguments.hints, references)
    tasks = make_tasks(references, model.identity, settings, hints)
    if arguments.variants > 1 and (films := [task for task in tasks if task.is_video]):
        film = display_name(films[0].reference.id)
        raise TintmillError(f"--variants={arguments.variants}: {film} is a video; variants are made of pictures alone")
    return tasks


def _list_settings(arguments: ColorizeArguments) -> dict:
    """What decides colours besides model and hints, as the log has it."""
    variants = {"variants": arguments.variants} if arguments.variants > 1 else {}
    return dataclasses.asdict(arguments.options) | variants


def _load_means(arguments: ColorizeArguments, model: FoundModel, tasks: list[Task]) -> Means:
    if any(task.is_video for task in tasks):
        video.import_av()  # what it says must not come after an hour of pictures
    command.tell("Loading the model ...")
    given = {name: value for name, value in _list_settings(arguments).items() if value is not None}
    settings = ", ".join(f"{name}={value}" for name, value in given.items())
    colorizer = model.load(arguments.embedder_weights)
    if any(task.hints for task in tasks) and not colorizer.takes_hints:
        raise TintmillError(
            f"--hints={arguments.hints}: the model {model.identity.name} takes none, it was trained without; leave "
            "them out, or colour with another model"
        )
    return Means(
        colorizer,
        arguments.options,
        photo.Limits(max_pixels=arguments.max_pixels, min_side=1),
        model.identity.provenance | {"settings": settings},
        arguments.variants,
    )


def run_command(argv: list[str]) -> int:
    return command.run("colorize", FLAGS, main, argv, __doc__, TOPICS)


if __name__ == "__main__":
    sys.exit(run_command(sys.argv[1:]))
