"""A profile of a few rows of steps, for TensorBoard's profiler: RUN/tensorboard/plugins/profile/."""

import contextlib
from collections.abc import Iterator

from tintmill.pipeline.common.tensorflow import import_tensorflow
from tintmill.trainer.run.folder import RunFolder
from tintmill.trainer.run.settings import TrainSettings

tf = import_tensorflow()


class Profile:
    """Profiles `settings.profile_rows` rows of metrics.csv, from the one that holds step `settings.profile_step` on."""

    def __init__(self, run: RunFolder, settings: TrainSettings):
        self._folder = run.tensorboard
        self._first = settings.profile_step
        self._rows = settings.profile_rows if settings.profile_step else 0  # yet to be profiled
        self._running = False

    @contextlib.contextmanager
    def row(self, steps: range) -> Iterator[None]:
        """Within, the steps (from 0) of one row are trained; their results are there at the end."""
        if self._rows and not self._running and steps.stop >= self._first:
            tf.profiler.experimental.start(self._folder)
            self._running = True
        yield
        if self._running:
            self._rows -= 1
            if not self._rows:
                self.close()

    def close(self) -> None:
        if self._running:
            tf.profiler.experimental.stop()
        self._rows = 0
        self._running = False
