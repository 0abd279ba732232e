"""A run, or several side by side, as one self-contained HTML page.

    tintmill report RUNS/first
    tintmill report RUNS/first RUNS/second --output=both.html

Of one run it writes RUN/report.html, of several report.html here; --output says otherwise. The page opens offline:
curves, scores with intervals, pictures with sliders, maps of colours, settings and data are inside it. The pictures are
JPEGs of quality 92, at most 448 pixels long, for their size; all scores were taken from the exact pixels.
"""

import dataclasses
import sys

from tintmill.pipeline.common import command, files, options
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.common.options import option
from tintmill.trainer.reporting import page
from tintmill.trainer.run.folder import REPORT, RunFolder


@dataclasses.dataclass(frozen=True)
class ReportArguments:
    """The run directories that a page shows, and where it goes: by default into the one run, of several to here."""

    runs: tuple[str, ...]
    output: str | None = option(None, "File to write.", "Results")


FLAGS = options.define(ReportArguments)
TOPICS = options.list_topics(ReportArguments)


def main(words: list[str]) -> None:
    print(report(options.read(ReportArguments, FLAGS, runs=tuple(words))))


def report(arguments: ReportArguments) -> str:
    """Writes the page; returns its path.

    Raises:
      TintmillError: no runs are given, one of them is no run directory, is damaged or comes twice, or the page cannot
        be written.
    """
    runs = arguments.runs
    if not runs:
        raise TintmillError("wanted run directories: tintmill report RUN...")
    path = arguments.output or (RunFolder(runs[0]).report_file if len(runs) == 1 else REPORT)
    html = page.render(list(runs))
    try:
        files.write(path, html.encode(errors="backslashreplace"))  # names of files need not be text
    except OSError as error:
        raise TintmillError(f"{path} cannot be written: {error}; give another --output") from error
    return path


def run_command(argv: list[str]) -> int:
    return command.run("report", FLAGS, main, argv, __doc__, TOPICS)


if __name__ == "__main__":
    sys.exit(run_command(sys.argv[1:]))
