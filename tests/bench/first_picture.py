"""From the start of `tintmill colorize PHOTO` to its end: time, CPU time and peak memory, for a small and a large file.

The model is the built-in one, or where there is none that of $XDG_DATA_HOME. Each command is a new process, after one
that is not counted: the first process after an installation compiles the loops that paint.
"""

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image

from tests.bench.common import photographs

REPEATS = 5
SIZES = {"small": (640, 480), "12 megapixels": (4000, 3000)}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name, size in SIZES.items():
            picture = Path(folder, f"{size[0]}.jpg")
            with Image.open(photographs()[0]) as image:
                image.convert("L").resize(size, Image.Resampling.BICUBIC).save(picture, quality=92)
            colour(picture)
            found = [colour(picture) for _ in range(REPEATS)]
            wall, cpu = (statistics.median(values) for values in zip(*found, strict=True))
            print(f"{name:<14} {wall:5.2f} s, {cpu:5.2f} CPU-s", flush=True)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"peak memory    {peak:5.0f} MiB")


def colour(picture: Path) -> tuple[float, float]:
    """Seconds and CPU-seconds of the command."""
    began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "tintmill.launch.cli", "colorize", str(picture)]
    subprocess.run(command, check=True, capture_output=True, env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"})
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.monotonic() - began, spent


if __name__ == "__main__":
    main()
