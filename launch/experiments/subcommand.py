"""Starting `tintmill`'s own commands, as a user would, and where the presets are."""

import os
import shlex
import subprocess
import sys

from tintmill.pipeline.common import files
from tintmill.pipeline.common.errors import TintmillError

_PRESETS = os.path.join(os.path.dirname(__file__), "presets")


def preset(name: str) -> str:
    """The flag that reads a preset of `launch/presets/`."""
    return f"--flagfile={_PRESETS}/{name}.flags"


def tintmill(name: str, *arguments: str, log: str | None = None) -> None:
    """Runs a command in a process of its own; its command line is shown first.

    Args:
      log: file to which its output is appended; by default it goes where this process's goes.
    Raises:
      KeyboardInterrupt: it was stopped by a signal.
      TintmillError: it failed; with the last line of its log.
    """
    line = f"$ tintmill {name} {shlex.join(arguments)}\n"
    print(line if log else f"\n{line}", end="", flush=True)  # in one write: threads do not mix their lines
    command = [sys.executable, "-m", "tintmill.launch.cli", name, *arguments]
    if log is None:
        code, said = subprocess.run(command).returncode, "its own message is above"
    else:
        code, said = _run_with_log(command, log)
    if code < 0 or code in (130, 143):
        raise KeyboardInterrupt
    if code:
        raise TintmillError(f"`tintmill {name}` failed with exit code {code}: {said}")


def _run_with_log(command: list[str], log: str) -> tuple[int, str]:
    os.makedirs(os.path.dirname(log), exist_ok=True)
    with open(log, "ab") as out:
        code = subprocess.run(command, stdout=out, stderr=out).returncode
    last = files.read(log).decode(errors="replace").strip().splitlines()[-1:]
    return code, f"{' '.join(last)} (all of it in {log})"
