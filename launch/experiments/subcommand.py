"""Starts Tintmill's own commands as a user would, and names their presets."""

import os
import shlex
import subprocess
import sys

from tintmill.pipeline.common import files
from tintmill.pipeline.common.errors import TintmillError

_PRESETS = os.path.join(os.path.dirname(__file__), "presets")


def preset_flag(name: str) -> str:
    """The flag that reads a preset, a file of `launch/experiments/presets/`."""
    return f"--flagfile={_PRESETS}/{name}.flags"


def list_given(flags: list[str], name: str) -> list[str]:
    """The texts that flags give the flag `name`, in order; those of presets are among them."""
    found = []
    for flag in flags:
        if flag.startswith("--flagfile="):
            found += list_given(files.read(flag.partition("=")[2]).decode().splitlines(), name)
        elif flag.startswith(f"--{name}="):
            found.append(flag.partition("=")[2])
    return found


def tintmill(name: str, *arguments: str, log: str | None = None) -> None:
    """Prints a command line, and runs it in a process of its own.

    Args:
      log: file that the command's output is appended to; None: the output goes where that of this process goes.
    Raises:
      KeyboardInterrupt: the command was stopped by a signal.
      TintmillError: the command failed. The message has the last line of the log.
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
