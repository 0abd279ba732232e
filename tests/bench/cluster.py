"""prepare on Flink and Spark clusters of this machine beside its own runner: work, start-up and the cost of a shard.

Each way is run over few pictures, over many, and over many in eight times the shards: what the many take longer than
the few is work, what the shards take longer is their own cost, the rest is start-up. The clusters run before, so that
start-up is a job's. All in turns, because the machine is shared; medians of REPEATS.
"""

import contextlib
import itertools
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from apache_beam.coders import registry

from launch.cluster import CLUSTERS
from launch.clusters import engines
from launch.clusters.processes import processes
from pipeline.sources import Reference
from tests.bench.workers import link_pictures

FEW, MANY, REPEATS = 100, 1200, 3
LARGE, SMALL = 64, 8  # pictures a shard
RUNS = {"few": (FEW, LARGE), "many": (MANY, LARGE), "shards": (MANY, SMALL)}
WAYS = {"local, 1 worker": ("", 1), "Flink, 1 TaskManager": ("flink", 1)}
WAYS |= {"Flink, 2 TaskManagers": ("flink", 2), "local, 2 workers": ("", 2), "Spark, 2 workers": ("spark", 2)}

# On paper: the job that one machine's figures are taken to.
IMAGENET, BILLION, SHARD_EXAMPLES = 1_281_167, 1_000_000_000, 512


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        inputs = {count: link_pictures(Path(folder, str(count)), count) for count in (FEW, MANY)}
        flags = {way: stack.enter_context(_flags(Path(folder, way), *WAYS[way])) for way in WAYS}
        costs = {key: [] for key in itertools.product(WAYS, RUNS)}
        for repeat, (way, run) in itertools.product(range(REPEATS), costs):
            count, shard = RUNS[run]
            output = Path(folder, f"{way}-{run}-{repeat}")
            costs[way, run].append(_seconds(inputs[count], output, [f"--shard_examples={shard}", *flags[way]]))
    medians = {key: statistics.median(values) for key, values in costs.items()}
    rates = {way: _report(way, *(medians[way, run] for run in RUNS)) for way in WAYS}
    print(f"{'two TaskManagers / one':<34}{rates['Flink, 2 TaskManagers'] / rates['Flink, 1 TaskManager']:9.2f}")
    print(f"{'a reference, as it is shuffled':<34}{_reference_bytes():9} bytes")
    for pictures in (IMAGENET, BILLION):
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
    care = ["--splits=train:1", "--nodrop_duplicates", "--embedder=mobilenet_v2", "--embedder_weights=random"]
    began = time.monotonic()
    subprocess.run([*line, *care, "--max_reject_fraction=0.2", *flags], check=True, capture_output=True)
    return time.monotonic() - began


def _report(way: str, few: float, many: float, shards: float) -> float:
    """Prints a line; returns pictures a second."""
    each = (many - few) / (MANY - FEW)
    a_shard = (shards - many) / (MANY / SMALL - MANY / LARGE)
    print(f"{way:<34}{1 / each:9.1f} pictures/s, {1e3 * a_shard:.0f} ms a shard, start-up {few - each * FEW:.1f} s")
    return 1 / each


def _reference_bytes() -> int:
    """What the shuffle moves for a picture of ImageNet in a bucket."""
    name = "n01440764/n01440764_10026.JPEG"
    reference = Reference(name, f"gs://bucket/imagenet/train/{name}", 13697, 1.7e9, "n01440764", "train")
    return len(registry.get_coder(tuple).encode((("train", 1234), reference.to_tuple())))


def _on_paper(pictures: int, rate: float) -> None:
    """A worker is one TaskManager with its Python worker, on a core like this machine's."""
    shards = -(-pictures // SHARD_EXAMPLES)
    gigabytes = pictures * _reference_bytes() / 1e9
    print(f"{pictures:,} pictures: {shards:,} shards, {gigabytes:,.1f} GB shuffled", end="")
    print("".join(f", {pictures / rate / workers / 3600:,.1f} h on {workers} workers" for workers in (16, 256, 4096)))


if __name__ == "__main__":
    main()
