"""prepare with one and with two worker processes, and what the machine allows: two runs of one worker side by side.

Each is run over few and over many pictures; what the many take longer is work, the rest is start-up. All in turns, so
that a neighbour's load falls on all; medians of REPEATS. CPU-seconds hardly see the neighbours: what they grow by when
both cores work is the machine's own loss (clock, memory).
"""

import itertools
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from tests.bench.common import photographs

FEW, MANY, REPEATS = 100, 2100, 3
WAYS = {"1 worker": (1,), "2 workers": (2,), "2 runs of 1 worker": (1, 1)}  # workers of each run, side by side


class Cost(NamedTuple):
    wall: float  # seconds
    cpu: float  # seconds, of all processes


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        inputs = {count: link_pictures(Path(folder, str(count)), count) for count in (FEW, MANY)}
        costs = {key: [] for key in itertools.product(WAYS, (FEW, MANY))}
        for repeat, (way, count) in itertools.product(range(REPEATS), costs):
            outputs = Path(folder, f"{way}-{count}-{repeat}")
            costs[way, count].append(prepare_cost(inputs[count], outputs, WAYS[way]))
    report(costs)


def report(costs: dict[tuple[str, int], list[Cost]]) -> None:
    """One line a way, and the ratios of the work's wall time."""
    work = {way: [difference(*pair) for pair in zip(costs[way, MANY], costs[way, FEW], strict=True)] for way in WAYS}
    pictures = MANY - FEW
    for way, runs in WAYS.items():
        wall, cpu = (statistics.median(values) for values in zip(*work[way], strict=True))
        start = statistics.median(cost.wall for cost in costs[way, FEW]) - wall * FEW / pictures
        done = pictures * len(runs)
        print(f"{way:<34}{done / wall:9.1f} pictures/s, {1e3 * cpu / done:.2f} CPU-ms each, start-up {start:.1f} s")
    one, two, beside = (work[way] for way in WAYS)
    print(f"{'two workers / one':<34}{median_ratio(one, two):9.2f}")
    print(f"{'two runs / one: the most there is':<34}{2 * median_ratio(one, beside):9.2f}")


def difference(many: Cost, few: Cost) -> Cost:
    return Cost(many.wall - few.wall, many.cpu - few.cpu)


def median_ratio(above: list[Cost], below: list[Cost]) -> float:
    """Of wall times, of runs in the same turn."""
    return statistics.median(a.wall / b.wall for a, b in zip(above, below, strict=True))


def link_pictures(folder: Path, count: int) -> Path:
    folder.mkdir()
    for number, path in zip(range(count), itertools.cycle(photographs()), strict=False):
        (folder / f"{number:05d}{path.suffix}").symlink_to(path)
    return folder


def prepare_cost(pictures: Path, outputs: Path, runs: tuple[int, ...]) -> Cost:
    """One prepare for each of `runs`, with that many workers, all at the same time."""
    before, began = os.times(), time.perf_counter()
    commands = [prepare_command(pictures, outputs / str(number), workers) for number, workers in enumerate(runs)]
    running = [subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for command in commands]
    if any(process.wait() for process in running):
        raise RuntimeError(f"prepare failed: {running[0].args}")
    wall, after = time.perf_counter() - began, os.times()
    user, system = after.children_user - before.children_user, after.children_system - before.children_system
    return Cost(wall, user + system)


def prepare_command(pictures: Path, output: Path, workers: int) -> list[str]:
    flags = [f"--input={pictures}", f"--output={output}", f"--workers={workers}", "--name=bench", "--splits=train:1"]
    flags += ["--embedder=none", "--shard_examples=64", "--nodrop_duplicates", "--max_reject_fraction=0.5"]
    return [sys.executable, "-m", "tintmill.launch.cli", "prepare", *flags]


if __name__ == "__main__":
    main()
