"""prepare with one and with two worker processes: wall time, start-up apart.

Each is run over few and over many pictures; what the many take longer is work, the rest is start-up. In turns, so that
a neighbour's load falls on all; medians of REPEATS.
"""

import itertools
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.common import photographs

FEW, MANY, REPEATS = 100, 2100, 3


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        inputs = {count: link_pictures(Path(folder, str(count)), count) for count in (FEW, MANY)}
        seconds = {key: [] for key in itertools.product((1, 2), (FEW, MANY))}
        for repeat in range(REPEATS):
            for workers, count in seconds:
                output = Path(folder, f"out-{workers}-{count}-{repeat}")
                seconds[workers, count].append(prepare_seconds(inputs[count], output, workers))
    medians = {key: statistics.median(values) for key, values in seconds.items()}
    work = {workers: medians[workers, MANY] - medians[workers, FEW] for workers in (1, 2)}
    for workers in (1, 2):
        rate, start = (MANY - FEW) / work[workers], medians[workers, FEW] - FEW * work[workers] / (MANY - FEW)
        print(f"{f'{workers} worker(s), {MANY - FEW} pictures':<34}{rate:9.1f} pictures/s, start-up {start:.1f} s")
    print(f"{'two workers / one':<34}{work[1] / work[2]:9.2f}")


def link_pictures(folder: Path, count: int) -> Path:
    folder.mkdir()
    for number, path in zip(range(count), itertools.cycle(photographs()), strict=False):
        (folder / f"{number:05d}{path.suffix}").symlink_to(path)
    return folder


def prepare_seconds(pictures: Path, output: Path, workers: int) -> float:
    flags = [f"--input={pictures}", f"--output={output}", f"--workers={workers}", "--name=bench", "--splits=train:1"]
    flags += ["--embedder=none", "--shard_examples=64", "--nodrop_duplicates", "--max_reject_fraction=0.5"]
    began = time.perf_counter()
    subprocess.run([sys.executable, "-m", "launch.cli", "prepare", *flags], check=True, capture_output=True)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
