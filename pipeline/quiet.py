"""Importing TensorFlow without its start-up chatter, which no log level of its own silences."""

import os
import sys
import tempfile

_CHATTER = ("WARNING: All log messages before absl::InitializeLog", "I0000 ", "To enable the following instructions")


def import_tensorflow():
    """Imports and returns `tensorflow`; its informational lines on stderr are dropped, all others passed on."""
    if "tensorflow" in sys.modules:
        return sys.modules["tensorflow"]
    sys.stderr.flush()
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as captured:
        os.dup2(captured.fileno(), 2)
        try:
            import tensorflow as tf
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
            captured.seek(0)
            for line in captured.read().decode(errors="replace").splitlines(keepends=True):
                if not any(mark in line for mark in _CHATTER):  # it may continue the line of a progress bar
                    sys.stderr.write(line)
    return tf
