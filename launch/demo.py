"""History coloured by the built-in model; then the whole way on a handful of photographs.

    tintmill demo                   the photographs that come inside scikit-image and scikit-learn
    tintmill demo --photos=DIR      your own

First the built-in model colours two photographs of 1905 to 1915 and those of the libraries, in less than a minute. Then
the small way: prepare, verify, train, evaluate, colorize, report, in about three minutes on two cores. Everything goes
to demo/ (see --output), which is made anew each time.
"""

import dataclasses
import os
import shutil
import sys

from tintmill.launch.experiments.demo_photos import (
    HISTORY,
    Photos,
    choose_splits,
    copy_bundled_photos,
    find_own_photos,
    is_default_there,
)
from tintmill.launch.experiments.subcommand import preset_flag, tintmill
from tintmill.launch.experiments.weights import find_weights
from tintmill.pipeline.common import command, options
from tintmill.pipeline.common.options import option
from tintmill.trainer.run.folder import RunFolder

_MOST = 400  # pictures of one's own: more would take more than the demo's minutes


@dataclasses.dataclass(frozen=True)
class DemoArguments:
    """What `tintmill demo` is asked for; an empty text stands for what the demo finds itself."""

    photos: str = option("", "Folder of your own photographs.", "Input and output")
    output: str = option("demo", "Folder for all of it.", "Input and output")
    embedder_weights: str = option("", "imagenet, random or a file; by default what can be had.", "Weights")


FLAGS = options.define(DemoArguments)
TOPICS = options.list_topics(DemoArguments)


def main(words: list[str]) -> None:
    command.refuse_words(words)
    run_demo(options.read(DemoArguments, FLAGS))


def run_demo(arguments: DemoArguments) -> None:
    """Starts the commands one after the other, each in a process of its own, and prints where their results are.

    Raises:
      TintmillError: --photos is no folder, or a command failed.
    """
    folder = os.path.abspath(arguments.output)
    weights = arguments.embedder_weights or find_weights()
    photos = find_own_photos(arguments.photos) if arguments.photos else copy_bundled_photos(_remove(folder, "photos"))
    splits = choose_splits(photos.prepared)
    datasets, run, coloured = (_remove(folder, name) for name in ("datasets", "run", "coloured"))
    by_default = colour_history(_remove(folder, "history"), photos)
    data = os.path.join(datasets, "demo", "1.0.0")

    tintmill(
        "prepare",
        preset_flag("demo_prepare"),
        f"--input={photos.prepared}",
        f"--output={datasets}",
        f"--splits={splits.shares}",
        f"--limit={_MOST}",
        f"--embedder_weights={weights}",
    )
    tintmill("verify", data)
    tintmill("train", preset_flag("demo_train"), f"--data={data}", f"--run={run}")
    tintmill("evaluate", f"--run={run}", f"--data={data}", f"--split={splits.scored}")
    tintmill("colorize", f"--run={run}", f"--output={coloured}", photos.coloured)
    tintmill("report", run)
    print(f"\nBy the built-in model: {by_default}")
    print(f"Report:                {RunFolder(run).report_file}\nBy the new run:        {coloured}")


def colour_history(output: str, photos: Photos) -> str:
    """Colours the historical photographs, then the demo's own, by the built-in model; returns the folder of them.

    Raises:
      TintmillError: the model is damaged, or a file could not be coloured.
    """
    if not is_default_there():
        print("NOTE: this checkout holds no built-in model; history is left out.", file=sys.stderr)
        return "none"
    tintmill("colorize", f"--output={output}", HISTORY, photos.coloured)
    return output


def _remove(folder: str, name: str) -> str:
    """The path of a folder that an earlier demo may have left, and that is gone now."""
    path = os.path.join(folder, name)
    if os.path.exists(path):
        shutil.rmtree(path)
    return path


def run_command(argv: list[str]) -> int:
    return command.run("demo", FLAGS, main, argv, __doc__, TOPICS)


if __name__ == "__main__":
    sys.exit(run_command(sys.argv[1:]))
