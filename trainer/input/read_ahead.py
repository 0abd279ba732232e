"""Reads ahead: while the devices work on the batches of one compiled call, threads read those of the next.

tf.data is not used: its generators copy every batch, and new memory for each batch costs more than reading into it.
Threads fill two sets of arrays in turn, each for one compiled call: of `--log_every` steps, or of fewer where these
would take more than 256 MB.
"""

import os
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from tintmill.pipeline.common.tensorflow import import_tensorflow
from tintmill.pipeline.dataset.manifest import Dataset
from tintmill.trainer.input.batches import Source
from tintmill.trainer.run.settings import TrainSettings

tf = import_tensorflow()

_SLOTS = 2  # one call at work, one being read
_SLOT_BYTES = 256 << 20
_MOST_READERS = 8  # more wait for the interpreter's lock


class ReadAhead:
    """The batches of the compiled calls to come, on this process' devices.

    The host holds two sets of arrays, each for the steps of a call (see `count_steps_a_call`). It writes them again and
    again: new memory would cost more than reading into it. `rank`: of this process among those that train together.
    `waited`: seconds that the last call's batches were waited for.
    """

    def __init__(
        self, strategy: tf.distribute.Strategy, settings: TrainSettings, dataset: Dataset, start: int, rank: int = 0
    ):
        self._strategy, self._settings, self._start = strategy, settings, start
        self._devices = strategy.extended.worker_devices
        self._first_replica = rank * len(self._devices)
        self._source = Source(dataset, settings)
        batch = settings.global_batch // strategy.num_replicas_in_sync
        self._call = count_steps_a_call(settings.log_every, self._source.picture_bytes * batch * len(self._devices))
        shape = self._call, batch
        self._slots = [[self._source.allocate(*shape) for _ in self._devices] for _ in range(_SLOTS)]
        self._pool = ThreadPoolExecutor(settings.readers or min(os.cpu_count(), _MOST_READERS), "read-ahead")
        self.waited = 0.0

    def __iter__(self) -> Iterator[tuple[range, dict]]:
        """Yields (steps, batches) of each call: on each replica the values of `input.batches`, [n, b, ...], n >= steps.

        What is yielded is written over once the next is asked for.

        Raises:
          TintmillError: a record fails its checksum: the disk changed under the run.
        """
        calls = split_into_calls(self._start, self._settings.steps, self._call)
        ahead = [(steps, slot, self._read(steps, slot)) for slot, steps in zip(self._slots, calls, strict=False)]
        while ahead:
            steps, slot, reading = ahead.pop(0)
            yield steps, self._wait(reading)
            if steps := next(calls, None):
                ahead.append((steps, slot, self._read(steps, slot)))

    def _read(self, steps: range, slot: list[dict]) -> list[Future]:
        """Begins to read a call's batches into a slot; each device's come once all of them are read."""
        reading = []
        for i, (device, arrays) in enumerate(zip(self._devices, slot, strict=True)):
            pieces = [{name: array[k] for name, array in arrays.items()} for k in range(len(steps))]
            fills = [
                self._pool.submit(self._source.fill, piece, step, self._first_replica + i)
                for step, piece in zip(steps, pieces, strict=True)
            ]
            # After the pieces in the pool's queue: it waits only for what other threads are at already.
            reading.append(self._pool.submit(_place, device, arrays, fills))
        return reading

    def _wait(self, reading: list[Future]) -> dict:
        began = time.perf_counter()
        placed = [future.result() for future in reading]
        self.waited = time.perf_counter() - began
        return self._strategy.experimental_distribute_values_from_function(
            lambda context: placed[context.replica_id_in_sync_group - self._first_replica]
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._pool.shutdown(cancel_futures=True)
        self._source.close()


def count_steps_a_call(log_every: int, step_bytes: int) -> int:
    """How many steps a compiled call takes: as many as fit into a slot, of the divisors of `log_every`; at least 1."""
    fitting = (n for n in range(1, log_every + 1) if log_every % n == 0 and n * step_bytes <= _SLOT_BYTES)
    return max(fitting, default=1)


def split_into_calls(start: int, end: int, every: int) -> Iterator[range]:
    """The steps (from 0) of each compiled call from `start` to `end`; calls end at multiples of `every`."""
    while start < end:
        stop = min(start - start % every + every, end)
        yield range(start, stop)
        start = stop


def _place(device: str, arrays: dict[str, np.ndarray], fills: list[Future]) -> dict[str, tf.Tensor]:
    """The arrays on a device once they are filled. On the host itself nothing is copied: they are aligned for that."""
    for fill in fills:
        fill.result()
    with tf.device(device):
        return {name: tf.identity(tf.experimental.dlpack.from_dlpack(a.__dlpack__())) for name, a in arrays.items()}
