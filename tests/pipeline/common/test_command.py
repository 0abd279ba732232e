"""What commands share."""

import subprocess
import sys

import pytest

from tests.support import helpers
from tintmill.pipeline.common import command


@pytest.mark.parametrize("terminal", [True, False])
def test_only_who_waits_at_a_terminal_is_told_what_for(terminal, capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: terminal)
    command.tell("Loading the model ...")
    assert capsys.readouterr() == ("", "Loading the model ...\n" if terminal else "")


@pytest.mark.parametrize("lines", [1, 100_000])
def test_output_that_a_reader_cuts_short_is_no_error(lines):
    """As by `| head`, whether Python's buffer held all of it or not."""
    program = (
        "import sys, time\n"
        "from absl import flags\n"
        "from tintmill.pipeline.common import command\n"
        "sys.stdin.readline()\n"  # until nobody reads any more
        f"show = lambda _: [command.show('a line') for _ in range({lines})]\n"
        "sys.exit(command.run('peek', flags.FlagValues(), show, [], '', {}))"
    )
    pipe = subprocess.PIPE
    process = subprocess.Popen([sys.executable, "-c", program], stdin=pipe, stdout=pipe, stderr=pipe, text=True)
    process.stdout.close()
    process.stdin.write("\n")
    process.stdin.close()
    assert process.stderr.read() == ""
    assert process.wait(helpers.TIMEOUT) == 0
    process.stderr.close()
