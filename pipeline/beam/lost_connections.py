"""Keeps grpc's errors at the other end of a dead process off the terminal: they follow from what one line tells."""

import contextlib
import logging
import threading
from collections.abc import Iterator


def leave_unsaid() -> None:
    """From now on threads of Beam's do not print that a connection broke; the main thread tells it, and may do so
    before they notice.
    """
    before = threading.excepthook

    def on_thread_exception(failure: threading.ExceptHookArgs) -> None:
        if not _is_lost_connection(failure.exc_value):
            before(failure)

    threading.excepthook = on_thread_exception


@contextlib.contextmanager
def unsaid() -> Iterator[None]:
    """As `leave_unsaid`, while inside, and for what Beam logs too."""
    handlers, hook = list(logging.getLogger().handlers), threading.excepthook
    leave_unsaid()
    for handler in handlers:
        handler.addFilter(_is_news)
    try:
        yield
    finally:
        threading.excepthook = hook
        for handler in handlers:
            handler.removeFilter(_is_news)


def _is_news(record: logging.LogRecord) -> bool:
    return not (record.exc_info and _is_lost_connection(record.exc_info[1]))


def _is_lost_connection(error: BaseException | None) -> bool:
    return type(error).__module__.partition(".")[0] == "grpc"
