"""Colours picture files and folders with a trained run.

    tintmill colorize --run=RUN --output=COLOURED PHOTO.jpg FOLDER

Each picture comes out at its own size with its own L*: JPEGs as JPEG (quality 95, 4:4:4), all others as PNG. Folders
keep their structure. `colorize.jsonl` in the output says for each file what became of it; a picture that cannot be
coloured is named with its reason and makes the exit code 1, it is never copied uncoloured.
"""

import io
import json
import os
import sys
from collections.abc import Iterator

from absl import flags
from PIL import Image

from pipeline import command, files, photo
from pipeline.errors import TintmillError

FLAGS = flags.FlagValues()
flags.DEFINE_string("run", None, "Run directory of `tintmill train`.", flag_values=FLAGS, required=True)
flags.DEFINE_string("output", None, "Folder for the coloured pictures.", flag_values=FLAGS, required=True)
flags.DEFINE_string("embedder_weights", None, "Where the embedder's weights file is now.", flag_values=FLAGS)
flags.DEFINE_float(
    "temperature", None, "Of a network with bins: 1 is the mean, near 0 the mode; by default 0.38.", flag_values=FLAGS
)
flags.DEFINE_integer("max_pixels", 100_000_000, "Refuse pictures with more pixels (memory).", flag_values=FLAGS)


def main(arguments: list[str]) -> None:
    pictures = list(list_inputs(arguments))
    check_inputs_stay(pictures, FLAGS.output)
    limits = photo.Limits(max_pixels=FLAGS.max_pixels, min_side=1)
    _make_output(FLAGS.output)
    from pipeline.quiet import import_tensorflow

    import_tensorflow()
    from model import colorizer

    colorize = colorizer.load(FLAGS.run, FLAGS.embedder_weights, FLAGS.temperature)
    taken: set[str] = set()
    failed = sum(not _colour_one(colorize, path, name, limits, taken) for path, name in _progress(pictures))
    print(f"{len(pictures) - failed} of {len(pictures)} pictures coloured, in {FLAGS.output}")
    if failed:
        raise TintmillError(f"{failed} of {len(pictures)} pictures were not coloured; {_log_path()} says why")


def list_inputs(arguments: list[str]) -> Iterator[tuple[str, str]]:
    """(path, name below the output) of every file given or found in a given folder.

    Raises:
      TintmillError: nothing given, or something that does not exist.
    """
    if not arguments:
        raise TintmillError("wanted picture files or folders after the flags; got none")
    found = False
    for argument in arguments:
        if os.path.isdir(argument):
            for entry in files.list_files(argument):
                found = True
                yield entry.path, entry.name
        elif os.path.exists(argument):
            found = True
            yield argument, os.path.basename(argument)
        else:
            raise TintmillError(f"{argument}: no such file or folder")
    if not found:
        raise TintmillError(f"{', '.join(arguments)}: no files in it; wanted pictures")


def check_inputs_stay(pictures: list[tuple[str, str]], output: str) -> None:
    """Raises TintmillError where a coloured picture would be written over an input."""
    inputs = {os.path.realpath(path) for path, _ in pictures}
    for _, name in pictures:
        target = os.path.realpath(os.path.join(output, name))
        if target in inputs:
            raise TintmillError(f"--output={output}: would write over the input {target}; give another folder")


def output_name(name: str, picture_format: str) -> str:
    """The file name of the coloured picture: unchanged for JPEG and PNG named so, else with an extension added."""
    extension = os.path.splitext(name)[1].lower()
    if picture_format in ("JPEG", "MPO"):
        return name if extension in (".jpg", ".jpeg") else f"{name}.jpg"
    return name if extension == ".png" else f"{name}.png"


def encode(pixels, picture_format: str) -> bytes:
    """uint8 [H, W, 3] as JPEG (for JPEG sources) or PNG bytes."""
    data = io.BytesIO()
    if picture_format in ("JPEG", "MPO"):
        Image.fromarray(pixels).save(data, "JPEG", quality=95, subsampling=0)
    else:
        Image.fromarray(pixels).save(data, "PNG")
    return data.getvalue()


def _colour_one(colorize, path: str, name: str, limits: photo.Limits, taken: set[str]) -> bool:
    """Colours a file and logs it; `taken` holds the names written so far."""
    try:
        data = _read(path)
        picture_format = photo.sniff(data)
        pixels = colorize(photo.decode(data, limits))
    except photo.Rejected as rejected:
        print(f"NOT COLOURED {path}: {rejected.code} ({photo.REASONS[rejected.code]})", file=sys.stderr)
        _log({"input": path, "output": None, "code": rejected.code})
        return False
    target = os.path.join(FLAGS.output, _free_name(output_name(name, picture_format), taken))
    _write(target, encode(pixels, picture_format))
    _log({"input": path, "output": target, "code": "coloured"})
    return True


def _free_name(name: str, taken: set[str]) -> str:
    # Two inputs may come to one name (a/1.jpg and b/1.jpg, or a PNG named 1 beside 1.png): neither is lost.
    while name in taken:
        name += os.path.splitext(name)[1]
    taken.add(name)
    return name


def _write(target: str, data: bytes) -> None:
    try:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        files.write(target, data)
    except OSError as error:
        raise TintmillError(f"{target}: cannot be written: {error}; the pictures before it are done") from error


def _read(path: str) -> bytes:
    try:
        return files.read(path)
    except OSError as error:
        raise photo.Rejected("unreadable") from error


def _make_output(folder: str) -> None:
    try:
        os.makedirs(folder, exist_ok=True)
        files.write(_log_path(), "")
    except OSError as error:
        raise TintmillError(f"--output={folder}: cannot be written: {error}") from error


def _log_path() -> str:
    return os.path.join(FLAGS.output, "colorize.jsonl")


def _log(line: dict) -> None:
    with open(_log_path(), "a") as f:
        f.write(json.dumps(line) + "\n")


def _progress(pictures: list) -> Iterator:
    from tqdm import tqdm

    return tqdm(pictures, unit=" pictures", disable=len(pictures) < 2)


def run_command(argv: list[str]) -> int:
    return command.run("colorize", FLAGS, main, argv, __doc__)


if __name__ == "__main__":
    sys.exit(run_command(sys.argv[1:]))
