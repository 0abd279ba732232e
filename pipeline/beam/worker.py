"""A local worker process of Beam's FnApiRunner: Beam's own, less its running commentary on stderr."""

import ctypes
import logging
import os
import signal
import sys

from tintmill.pipeline.beam import signs_of_life
from tintmill.pipeline.common import command

_SET_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of Linux' prctl


class _Stderr:
    """stderr without the tracebacks of TintmillErrors, which Beam prints; the job tells them in one line."""

    def __init__(self, stream):
        self._stream = stream

    def write(self, text: str) -> int:
        return len(text) if "TintmillError" in text else self._stream.write(text)

    def __getattr__(self, name):
        return getattr(self._stream, name)


def _end_with(parent: int) -> None:
    """From now on this process is killed when the one that started it ends, even while it is stopped or starting."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(0)  # it had ended before


if __name__ == "__main__":
    if len(sys.argv) > 1:
        _end_with(int(sys.argv.pop()))
    command.quiet_libraries()
    logging.disable(logging.WARNING)
    sys.stderr = _Stderr(sys.stderr)
    from apache_beam.runners.worker import sdk_worker_main  # it already comments while it is imported

    signs_of_life.give(signs_of_life.IDLE)
    sdk_worker_main.main(sys.argv)
