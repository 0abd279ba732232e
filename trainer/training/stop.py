"""Stopping a run from outside: the state is saved first."""

import signal
import sys

from tintmill.pipeline.common import command


class StopSignal:
    """Turns the first SIGTERM or SIGINT into a wish to stop after the current call; the second acts at once."""

    def __init__(self):
        self.received: int | None = None

    def __enter__(self):
        self._before = {number: signal.signal(number, self._receive) for number in (signal.SIGTERM, signal.SIGINT)}
        return self

    def __exit__(self, *_):
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def finish(self, code: int) -> None:
        """Ends the process after the state is saved: 130 for Ctrl-C, otherwise (SIGTERM, here or at another) `code`."""
        sys.exit(130 if self.received == signal.SIGINT else code)

    def _receive(self, number, frame):
        if self.received:
            self.__exit__()
            raise command.Terminated if number == signal.SIGTERM else KeyboardInterrupt
        print("\nstopping after this call; once more to stop at once", file=sys.stderr)
        self.received = number
