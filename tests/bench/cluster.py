"""prepare on Flink and Spark clusters of this machine beside its own runner: work, start-up and the cost of a shard.

Each way is run over few and over many pictures; what the many take longer is work, the rest is start-up, of the job
alone: the clusters run before. Then over the many without the embedder, in few and in many shards: what the shards take
longer is their own cost. All in turns, because the machine is shared; medians of REPEATS.
"""

import contextlib
import itertools
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from apache_beam.coders import registry

from launch.cluster import CLUSTERS
from launch.clusters import engines
from launch.clusters.processes import processes
from pipeline.sources import Reference
from tests.bench.workers import link_pictures

FEW, MANY, REPEATS = 60, 2060, 3  # of fewer the start-up of an engine, which varies by seconds, would hide the work
EMBEDDER = ("--embedder=mobilenet_v2", "--embedder_weights=random")
RUNS = {  # pictures and flags
    "few": (FEW, ("--shard_examples=8", *EMBEDDER)),
    "many": (MANY, ("--shard_examples=8", *EMBEDDER)),
    "few shards": (MANY, ("--shard_examples=8", "--embedder=none")),
    "many shards": (MANY, ("--shard_examples=1", "--embedder=none")),
}
WAYS = {  # engine and workers
    "local, 1 worker": ("", 1),
    "local, 2 workers": ("", 2),
    "Flink, 1 TaskManager": ("flink", 1),
    "Flink, 2 TaskManagers": ("flink", 2),
    "Spark, 2 workers": ("spark", 2),
}
# On paper: the jobs that the figures of one core are taken to.
JOBS, SHARD_EXAMPLES, WORKERS = (1_281_167, 1_000_000_000), 512, (16, 256, 4096)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        inputs = {count: link_pictures(Path(folder, str(count)), count) for count in (FEW, MANY)}
        flags = {way: stack.enter_context(_flags(Path(folder, way), *WAYS[way])) for way in WAYS}
        costs = {key: [] for key in itertools.product(WAYS, RUNS)}
        for repeat, (way, run) in itertools.product(range(REPEATS), costs):
            count, more = RUNS[run]
            output = Path(folder, f"{way}-{run}-{repeat}")
            costs[way, run].append(_seconds(inputs[count], output, [*more, *flags[way]]))
    medians = {key: statistics.median(values) for key, values in costs.items()}
    rates = {way: _report(way, *(medians[way, run] for run in RUNS)) for way in WAYS}
    for engine in ("local, 2 workers", "Flink, 2 TaskManagers"):
        one = engine.replace("2", "1").removesuffix("s")
        print(f"{engine + ' / one':<34}{rates[engine] / rates[one]:9.2f}")
    print(f"{'a reference, as it is shuffled':<34}{_reference_bytes():9} bytes")
    for pictures in JOBS:
        _on_paper(pictures, rates["Flink, 1 TaskManager"])


@contextlib.contextmanager
def _flags(folder: Path, engine: str, workers: int):
    """The flags of prepare that run it on a cluster of that size, while the block lasts."""
    if not engine:
        yield [f"--workers={workers}"]
        return
    engines.fetch(CLUSTERS[engine].engine)
    with processes(folder) as group:
        yield CLUSTERS[engine](group, workers).flags


def _seconds(pictures: Path, output: Path, flags: list[str]) -> float:
    line = [sys.executable, "-m", "launch.cli", "prepare", f"--input={pictures}", f"--output={output}", "--name=bench"]
    care = ["--splits=train:1", "--nodrop_duplicates", "--max_reject_fraction=0.2"]
    began = time.monotonic()
    subprocess.run([*line, *care, *flags], check=True, capture_output=True)
    return time.monotonic() - began


def _report(way: str, few: float, many: float, few_shards: float, many_shards: float) -> float:
    """Prints a line; returns pictures a second."""
    each = (many - few) / (MANY - FEW)
    a_shard = (many_shards - few_shards) / (MANY - -(-MANY // 8))
    print(f"{way:<34}{1 / each:9.1f} pictures/s, {1e3 * a_shard:.0f} ms a shard, start-up {few - each * FEW:.1f} s")
    return 1 / each


def _reference_bytes() -> int:
    """What the shuffle moves for a picture of ImageNet in a bucket."""
    name = "n01440764/n01440764_10026.JPEG"
    reference = Reference(name, f"gs://bucket/imagenet/train/{name}", 13697, 1.7e15, "n01440764", "train")
    return len(registry.get_coder(tuple).encode((("train", 1234), reference.to_tuple())))


def _on_paper(pictures: int, rate: float) -> None:
    """A worker is one TaskManager with its Python worker, on a core like this machine's.

    Engines give shards to workers by hash, so the one with the most decides: its share is drawn here. What is left out:
    reading from a bucket, and the listing, which is one worker's (`plan`).
    """
    shards = -(-pictures // SHARD_EXAMPLES)
    print(f"{pictures:,} pictures: {shards:,} shards, {pictures * _reference_bytes() / 1e9:,.1f} GB shuffled; hours:")
    for workers in WORKERS:
        most = np.bincount(np.random.default_rng(0).integers(workers, size=shards)).max()
        even = pictures / rate / workers / 3600
        print(f"  {workers:5} workers {even:10,.1f} if even, {most * SHARD_EXAMPLES / rate / 3600:10,.1f} by hash")


if __name__ == "__main__":
    main()
