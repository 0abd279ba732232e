"""TensorFlow and LiteRT without their start-up chatter, which no log level of their own silences."""

import contextlib
import os
import sys
import tempfile

_CHATTER = (
    "WARNING: All log messages before absl::InitializeLog",
    "I0000 ",
    "To enable the following instructions",
    "INFO: Created TensorFlow Lite",
)


def import_tensorflow():
    """Imports and returns `tensorflow`; its informational lines on stderr are dropped, all others passed on."""
    if "tensorflow" in sys.modules:
        return sys.modules["tensorflow"]
    with without_chatter():
        import tensorflow as tf
    return tf


@contextlib.contextmanager
def without_chatter():
    """Drops the informational lines that libraries write to stderr until the block ends; then passes on all others."""
    sys.stderr.flush()
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as captured:
        os.dup2(captured.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
            captured.seek(0)
            for line in captured.read().decode(errors="replace").splitlines(keepends=True):
                if not any(mark in line for mark in _CHATTER):  # it may continue the line of a progress bar
                    sys.stderr.write(line)
