"""Says what of Tintmill works on this machine, and what to type where something does not.

    tintmill doctor

It looks at versions, devices, memory, disk, the models that are built in or installed, each extra, the embedders'
weights and the programs that some commands start. It changes nothing and asks no network. The exit code is 1 where
pictures cannot be coloured, or a GPU is there and cannot be used; an extra that is not installed is no failure.
"""

import sys
import textwrap

from absl import flags

from tintmill.launch.diagnosis import checks
from tintmill.pipeline.common import command
from tintmill.pipeline.common.errors import TintmillError

FLAGS = flags.FlagValues()
TOPICS = {}
_MARKS = {True: "works", False: "FAILS", None: "-"}
_COLUMN = 8  # characters of a mark


def main(words: list[str]) -> None:
    if words:
        raise TintmillError(f"wanted no arguments, got {words}")
    findings = diagnose()
    width = max(len(finding.what) for finding in findings) + 2
    for finding in findings:
        command.show(_format(finding, width))
    broken = [finding.what for finding in findings if finding.works is False]
    if broken:
        raise TintmillError(f"{', '.join(broken)}: see above for what helps")


def diagnose() -> list[checks.Finding]:
    """What works on this machine and what does not, in the order of `checks.CHECKS`."""
    return [finding for check in checks.CHECKS for finding in check()]


def _format(finding: checks.Finding, width: int) -> str:
    head = f"{_MARKS[finding.works]:<{_COLUMN}}{finding.what:<{width}}"
    said = finding.found + (f"; {finding.remedy}" if finding.remedy else "")
    margin = " " * len(head)
    return textwrap.fill(said, 100, initial_indent=head, subsequent_indent=margin, break_long_words=False)


def run_command(argv: list[str]) -> int:
    return command.run("doctor", FLAGS, main, argv, __doc__, TOPICS)


if __name__ == "__main__":
    sys.exit(run_command(sys.argv[1:]))
