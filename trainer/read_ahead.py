"""Reads ahead: while the devices work on the batches of one compiled call, threads read those of the next."""

import os
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from pipeline.dataset import Dataset
from pipeline.quiet import import_tensorflow
from trainer.input import Source
from trainer.settings import TrainSettings

tf = import_tensorflow()

_SLOTS = 2  # one call at work, one being read
_MOST_READERS = 8  # more wait for the interpreter's lock


class ReadAhead:
    """The batches of the compiled calls to come, on this process' devices.

    The host holds two sets of arrays, each for a call of `settings.log_every` steps, and writes them again and again:
    new memory would cost more than reading into it. `rank`: of this process among those that train together. `waited`:
    seconds that the last call's batches were waited for.
    """

    def __init__(
        self, strategy: tf.distribute.Strategy, settings: TrainSettings, dataset: Dataset, start: int, rank: int = 0
    ):
        self._strategy, self._settings, self._start = strategy, settings, start
        self._devices = strategy.extended.worker_devices
        self._first_replica = rank * len(self._devices)
        self._source = Source(dataset, settings)
        shape = settings.log_every, settings.global_batch // strategy.num_replicas_in_sync
        self._slots = [[self._source.allocate(*shape) for _ in self._devices] for _ in range(_SLOTS)]
        self._pool = ThreadPoolExecutor(settings.readers or min(os.cpu_count(), _MOST_READERS), "read-ahead")
        self.waited = 0.0

    def __iter__(self) -> Iterator[tuple[range, dict]]:
        """Yields (steps, batches) of each call: on each replica the values of `input.batches`, [log_every, b, ...].

        What is yielded is written over once the next is asked for.

        Raises:
          TintmillError: a record fails its checksum: the disk changed under the run.
        """
        calls = calls_of(self._settings, self._start)
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


def calls_of(settings: TrainSettings, start: int) -> Iterator[range]:
    """The steps (from 0) of each compiled call from step `start` on; calls end at multiples of `log_every`."""
    while start < settings.steps:
        end = min(start - start % settings.log_every + settings.log_every, settings.steps)
        yield range(start, end)
        start = end


def _place(device: str, arrays: dict[str, np.ndarray], fills: list[Future]) -> dict[str, tf.Tensor]:
    """The arrays on a device once they are filled. On the host itself nothing is copied: they are aligned for that."""
    for fill in fills:
        fill.result()
    with tf.device(device):
        return {name: tf.identity(tf.experimental.dlpack.from_dlpack(a.__dlpack__())) for name, a in arrays.items()}
