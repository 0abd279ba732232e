"""Reading: records a CPU-second of the host, from shards in the page cache to shuffled batches of 32.

Beside TFDS, whose shuffling is by shards and a buffer, the readers of other projects (`peers`), records of float32 in
the manner of published pipelines (`float_records`), and a plain read of the same bytes. Each reads in a process of its
own, in turns.
"""

import functools
import itertools
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.bench import float_records, peers
from tests.bench.common import REPEATS, cpu_seconds, prepare
from tintmill.pipeline.common import files
from tintmill.pipeline.dataset.manifest import open_dataset

BATCH, STEPS = peers.BATCH, peers.STEPS
COPIES = 16  # of each photograph: an epoch is then about one pass, in several shards, and larger than CPU caches


def main() -> None:
    if len(sys.argv) == 3:
        name, folder = sys.argv[1:]
        print(measure(WORKS[name], open_dataset(folder)), flush=True)
        os._exit(0)  # readers that are still ahead would be waited for
    with tempfile.TemporaryDirectory() as folder:
        flags = ("--embedder=mobilenet_v2", "--embedder_weights=random", "--workers=1", "--max_reject_fraction=0.2")
        data = open_dataset(str(prepare(Path(folder), *flags, copies=COPIES)))
        entry = data.shards()[0]
        print(f"{'bytes a record, 1000-vector':<44}{entry.bytes / entry.records:12,.0f}")
        float_records.write(data)
        lines = {name: [sys.executable, "-m", "tests.bench.read", name, data.folder] for name in WORKS}
        lines |= peers.commands(data, Path(folder, "peers"))
        costs = {name: [] for name in lines}
        for _ in range(REPEATS):
            for name, line in lines.items():
                costs[name].append(float(subprocess.run(line, check=True, capture_output=True).stdout))
        medians = {name: statistics.median(found) for name, found in costs.items()}
        least = medians["TFDS, buffer of 100, uint8"]
        for name, cost in medians.items():
            print(f"{name:<44}{1 / cost:12,.0f} records a CPU-s, {least / cost:6.2f} times TFDS uint8")


def measure(work, data) -> float:
    """CPU-seconds a record, the first pass apart: it compiles, and fills caches and buffers. Passes go on in turn."""
    work(data)
    return cpu_seconds(lambda: work(data), 3)


def read_tfds(data, floats: bool = False) -> int:
    """As its guide says: shuffled files, a buffer, batches, prefetch; `floats`: Lab scaled on the host."""
    return sum(len(batch["lab"]) for batch in itertools.islice(_tfds_batches(data.folder, floats), STEPS))


@functools.cache
def _tfds_batches(folder: str, floats: bool) -> Iterator:
    import tensorflow as tf
    import tensorflow_datasets as tfds

    stream = tfds.builder_from_directory(folder).as_dataset(split="train", shuffle_files=True)
    stream = stream.repeat().shuffle(100).batch(BATCH)
    if floats:
        stream = stream.map(lambda one: one | {"lab": tf.cast(one["lab"], tf.float32) / 255.0})
    return iter(stream.prefetch(tf.data.AUTOTUNE))


def read_plainly(data) -> int:
    """Whole shards as bytes, as many records as the others read."""
    entries, records = data.shards("train"), 0
    while records < STEPS * BATCH:
        for entry in entries:
            files.read(data.path(entry.file))
            records += entry.records
    return records


def read_ahead(data) -> int:
    """As a training reads: on one device, two calls of ten steps at a time."""
    return sum(BATCH * len(steps) for steps, _ in itertools.islice(_calls(data.folder), STEPS // 10))


@functools.cache
def _calls(folder: str) -> Iterator:
    from tintmill.trainer.input.read_ahead import ReadAhead
    from tintmill.trainer.run.settings import TrainSettings
    from tintmill.trainer.training import step

    settings = TrainSettings(global_batch=BATCH, steps=1_000_000, log_every=10)
    return iter(ReadAhead(step.make_strategy(1), settings, open_dataset(folder), 0))


WORKS = {
    "input: exact shuffle, uint8": read_ahead,
    "TFDS, buffer of 100, uint8": read_tfds,
    "TFDS, buffer of 100, float32": lambda data: read_tfds(data, floats=True),
    "float32 Example records, parsed one by one": lambda data: float_records.read(data, BATCH, STEPS),
    "the same bytes, read plainly": read_plainly,
}

if __name__ == "__main__":
    main()
