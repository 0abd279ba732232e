"""Processes of a run that die: of this machine's workers Beam's local runner would wait for an answer for ever."""

import contextlib
import logging
import signal
import threading
from collections.abc import Iterator

from tintmill.pipeline.common.errors import TintmillError


class _Died(BaseException):
    """A worker process ended before its work did. No Exception: nothing on the way may swallow it."""


@contextlib.contextmanager
def watch_workers() -> Iterator[None]:
    """While inside, the death of a local worker process ends what the main thread does.

    Beam starts each worker process from a thread of its own, which raises when the process fails, and tells nobody.
    That exception is caught here, and a signal takes it to the main thread, which waits on a lock.

    Raises:
      TintmillError: a worker died.
    """
    deaths: list[str] = []

    def on_thread_exception(failure: threading.ExceptHookArgs) -> None:
        if "Worker subprocess exited" in str(failure.exc_value):
            deaths.append(str(failure.exc_value).rpartition(" ")[2])
            signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR1)
        elif not _is_lost_connection(failure.exc_value):
            threading.__excepthook__(failure)

    handlers = logging.getLogger().handlers
    old_hook, threading.excepthook = threading.excepthook, on_thread_exception
    old_action = signal.signal(signal.SIGUSR1, _raise_died)
    for handler in handlers:
        handler.addFilter(_is_news)
    try:
        yield
    except _Died as died:
        raise TintmillError(
            f"its process died with code {deaths[0]} (-9: killed, most often for want of memory; try fewer --workers)"
        ) from died
    finally:
        signal.signal(signal.SIGUSR1, old_action)
        threading.excepthook = old_hook
        for handler in handlers:
            handler.removeFilter(_is_news)


def leave_lost_connections_unsaid() -> None:
    """From now on Beam's threads do not print that a job server's connection broke; the main thread tells it, in one
    line, and may do so before they notice.
    """
    before = threading.excepthook

    def on_thread_exception(failure: threading.ExceptHookArgs) -> None:
        if not _is_lost_connection(failure.exc_value):
            before(failure)

    threading.excepthook = on_thread_exception


def _raise_died(signal_number, frame):
    raise _Died


def _is_news(record: logging.LogRecord) -> bool:
    return not (record.exc_info and _is_lost_connection(record.exc_info[1]))


def _is_lost_connection(error: BaseException | None) -> bool:
    """grpc's errors at the other end of a dead worker: they follow from it."""
    return type(error).__module__.partition(".")[0] == "grpc"
