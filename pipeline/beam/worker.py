"""A local worker process of Beam's FnApiRunner: Beam's own, less its running commentary on stderr."""

import logging
import sys

from tintmill.pipeline.common import command


class _Stderr:
    """stderr without the tracebacks of TintmillErrors, which Beam prints; the job tells them in one line."""

    def __init__(self, stream):
        self._stream = stream

    def write(self, text: str) -> int:
        return len(text) if "TintmillError" in text else self._stream.write(text)

    def __getattr__(self, name):
        return getattr(self._stream, name)


if __name__ == "__main__":
    command.quiet_libraries()
    logging.disable(logging.WARNING)
    sys.stderr = _Stderr(sys.stderr)
    from apache_beam.runners.worker import sdk_worker_main  # it already comments while it is imported

    sdk_worker_main.main(sys.argv)
