"""Stopping a run from outside: the state is saved first."""

import dataclasses
import signal
import sys

from tintmill.pipeline.common import command


@dataclasses.dataclass(frozen=True)
class Ending:
    """How a session of training ended.

    Attributes:
      step: the step that training came to.
      stopped: whether one of the processes was told to stop while steps were left; all is saved then.
      interrupted: whether it was this process, by Ctrl-C.
    """

    step: int
    stopped: bool
    interrupted: bool


class StopSignal:
    """Turns the first SIGTERM or SIGINT into a wish to stop after the current call; the second one acts at once."""

    def __init__(self):
        self.received: int | None = None

    @property
    def interrupted(self) -> bool:
        """Whether the signal was that of Ctrl-C."""
        return self.received == signal.SIGINT

    def __enter__(self):
        self._before = {number: signal.signal(number, self._receive) for number in (signal.SIGTERM, signal.SIGINT)}
        return self

    def __exit__(self, *_):
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _receive(self, number, frame):
        if self.received:
            self.__exit__()
            raise command.Terminated if number == signal.SIGTERM else KeyboardInterrupt
        print("\nstopping after this call; once more to stop at once", file=sys.stderr)
        self.received = number
