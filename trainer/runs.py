"""Lists run directories side by side: how far they are, in what they differ, what they came to.

    tintmill runs
    tintmill runs RUNS --sort=-test.psnr

Without a folder it looks at runs/. A run is a directory, at any depth below RUNS, that holds settings.json and
dataset.json; links to folders are not followed. Its line has the settings in which the listed runs differ, its best
validation by its own --best_by, and its scores where it was evaluated. What is the same in all is said once, below. Too
wide for the terminal, the table is continued in a second one below it; into a file or a pipe it goes as it is.
"""

import dataclasses
import sys
import textwrap

from tintmill.pipeline.common import command, options
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.common.options import option
from tintmill.trainer.evaluation import table
from tintmill.trainer.reporting import run_table

_LINE = 120  # characters, where there is no terminal
_DEFAULT = ("runs",)  # folders, where none is named


@dataclasses.dataclass(frozen=True)
class RunsArguments:
    """The folders whose runs are listed, and in which order."""

    folders: tuple[str, ...]
    sort: str = option("name", "Column to sort by; with a - before it, highest first.", "Order")


@dataclasses.dataclass(frozen=True)
class RunList:
    """What was found below folders.

    Attributes:
      rows: of the table, by column; all have the same columns, None where a run has no value.
      notes: what all runs have in common, and what some lack.
      left_out: why folders that look like runs are not in the table.
    """

    rows: list[dict]
    notes: list[str]
    left_out: list[str]


FLAGS = options.define(RunsArguments)
TOPICS = options.list_topics(RunsArguments)


def main(words: list[str]) -> None:
    folders = tuple(words) or _DEFAULT
    found = runs(options.read(RunsArguments, FLAGS, folders=folders))
    for reason in found.left_out:
        print(f"left out: {reason}", file=sys.stderr)
    if not found.rows:
        raise TintmillError(f"no runs below {', '.join(folders)}; wanted folders of `tintmill train`")
    width = table.terminal_width()
    command.show(run_table.format_table(found.rows, width))
    for note in found.notes:
        command.show("\n" + textwrap.fill(note, width or _LINE, break_long_words=False, break_on_hyphens=False))


def runs(arguments: RunsArguments) -> RunList:
    """Finds the runs below folders, and what tells them apart.

    Raises:
      TintmillError: no folders are given, one of them is none, or there is no such column to sort by.
    """
    if not arguments.folders:
        raise TintmillError("wanted folders that hold runs: tintmill runs DIR...")
    found, left_out = run_table.find(list(arguments.folders))
    read, damaged = run_table.read(found)
    rows = run_table.sort(run_table.make_rows(read), arguments.sort) if read else []
    return RunList(rows, run_table.make_notes(read) if read else [], [*left_out, *damaged])


def run_command(argv: list[str]) -> int:
    return command.run("runs", FLAGS, main, argv, __doc__, TOPICS)


if __name__ == "__main__":
    sys.exit(run_command(sys.argv[1:]))
