"""A profile of a few calls, for TensorBoard's profiler: RUN/tensorboard/plugins/profile/."""

import os

from pipeline.quiet import import_tensorflow
from trainer.settings import TrainSettings

tf = import_tensorflow()


class Profile:
    """Profiles `settings.profile_calls` calls, from the one that holds step `settings.profile_step` on."""

    def __init__(self, run: str, settings: TrainSettings):
        self._folder = os.path.join(run, "tensorboard")
        self._first, self._calls = settings.profile_step, settings.profile_calls if settings.profile_step else 0
        self._running = False

    def before(self, steps: range) -> None:
        if self._calls and not self._running and steps.stop >= self._first:
            tf.profiler.experimental.start(self._folder)
            self._running = True

    def after(self) -> None:
        """A call is over, its results are there."""
        if self._running:
            self._calls -= 1
            if not self._calls:
                self.close()

    def close(self) -> None:
        if self._running:
            tf.profiler.experimental.stop()
        self._calls, self._running = 0, False
