"""prepare on Flink and Spark clusters of this machine beside its own runner: work, start-up and the cost of a shard.

Work is what lies between the first commit of a shard and the last, read off the reports; the rest of the command's time
is start-up and end, of the job alone: the clusters run before. It varies by seconds, so that no difference of whole
jobs would show the work. Without the embedder, in few and in many shards: what the many take longer is their own cost.
All in turns, because the machine is shared; medians of REPEATS.
"""

import contextlib
import dataclasses
import itertools
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from apache_beam.coders import registry

from tests.bench.workers import link_pictures
from tintmill.launch.local_cluster.clusters import running_cluster
from tintmill.pipeline.listing.reference import Reference

PICTURES, REPEATS = 1060, 3
RUNS = {  # flags
    "work": ("--shard_examples=8", "--embedder=mobilenet_v2", "--embedder_weights=random"),
    "few shards": ("--shard_examples=8", "--embedder=none"),
    "many shards": ("--shard_examples=1", "--embedder=none"),
}
WAYS = {  # engine and workers
    "local, 1 worker": ("", 1),
    "Flink, 1 TaskManager": ("flink", 1),
    "Flink, 2 TaskManagers": ("flink", 2),
    "Spark, 1 worker": ("spark", 1),
}
# On paper: the jobs that the figures of one core are taken to.
JOBS, SHARD_EXAMPLES, WORKERS = (1_281_167, 1_000_000_000), 512, (16, 256, 4096)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        pictures = link_pictures(Path(folder, "pictures"), PICTURES)
        flags = {way: stack.enter_context(_flags(Path(folder, way), *WAYS[way])) for way in WAYS}
        jobs = {key: [] for key in itertools.product(WAYS, RUNS)}
        for repeat, (way, run) in itertools.product(range(REPEATS), jobs):
            output = Path(folder, f"{way}-{run}-{repeat}")
            jobs[way, run].append(_job(pictures, output, [*RUNS[run], *flags[way]]))
            print(f"turn {repeat}, {way}, {run}: {jobs[way, run][-1]}", file=sys.stderr)
    rates = {way: _report(way, *(jobs[way, run] for run in RUNS)) for way in WAYS}
    print(f"{'two TaskManagers / one':<24}{rates['Flink, 2 TaskManagers'] / rates['Flink, 1 TaskManager']:9.2f}")
    print(f"{'a reference, as it is shuffled':<34}{_reference_bytes()} bytes")
    for count in JOBS:
        _on_paper(count, rates["Flink, 1 TaskManager"])


@dataclasses.dataclass(frozen=True)
class Job:
    """Seconds of a whole command, seconds and pictures between its first and last commit, its shards."""

    whole: float
    work: float
    pictures: int
    shards: int


@contextlib.contextmanager
def _flags(folder: Path, engine: str, workers: int):
    """The flags of prepare that run it on a cluster of that size, while the block lasts."""
    if not engine:
        yield [f"--workers={workers}"]
        return
    with running_cluster(engine, folder, workers) as cluster:
        yield cluster.flags


def _job(pictures: Path, output: Path, flags: list[str]) -> Job:
    line = [
        sys.executable,
        "-m",
        "tintmill.launch.cli",
        "prepare",
        f"--input={pictures}",
        f"--output={output}",
        "--name=bench",
    ]
    care = ["--splits=train:1", "--nodrop_duplicates", "--max_reject_fraction=0.2"]
    began = time.monotonic()
    subprocess.run([*line, *care, *flags], check=True, capture_output=True)
    whole = time.monotonic() - began
    reports = sorted(output.glob("bench/*/reports/*.json"), key=lambda path: path.stat().st_mtime_ns)
    commits = [path.stat().st_mtime for path in reports]
    after_the_first = sum(json.loads(path.read_text())["read"] for path in reports[1:])
    return Job(whole, commits[-1] - commits[0], after_the_first, len(reports))


def _report(way: str, work: list[Job], few: list[Job], many: list[Job]) -> float:
    """Prints a line; returns pictures a second."""
    rate = statistics.median(job.pictures / job.work for job in work)
    seconds = [statistics.median(job.work for job in jobs) for jobs in (few, many)]
    a_shard = (seconds[1] - seconds[0]) / (many[0].shards - few[0].shards)
    start_up = statistics.median(job.whole - job.work for job in work)
    print(f"{way:<24}{rate:9.1f} pictures/s, {1e3 * a_shard:.1f} ms a shard, start-up and end {start_up:.1f} s")
    return rate


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
        print(f"  {workers:5} workers {even:10,.2f} if even, {most * SHARD_EXAMPLES / rate / 3600:10,.2f} by hash")


if __name__ == "__main__":
    main()
