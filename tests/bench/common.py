"""What the benchmarks share: photographs, timing, a prepared dataset."""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

REPEATS = 5


def photographs() -> list[Path]:
    """Real photographs: ImageNet samples where TINTMILL_TEST_DATA has them, else those inside scikit-image."""
    root = os.environ.get("TINTMILL_TEST_DATA")
    if root:
        return sorted(Path(root, "imagenet_imagen1000").glob("*.[Jj]*"))
    import skimage

    folder = Path(skimage.__file__).parent / "data"
    return [folder / name for name in ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg")] * 12


def cpu_seconds(
    work: Callable[[], int], repeats: int = REPEATS, clock: Callable[[], float] = time.process_time
) -> float:
    """Median CPU-seconds an item; `work` does it all once and returns the number of items."""
    costs = []
    for _ in range(repeats):
        began = clock()
        items = work()
        costs.append((clock() - began) / items)
    return statistics.median(costs)


def in_turns(*works: Callable[[], int], clock: Callable[[], float] = time.process_time) -> list[tuple[float, ...]]:
    """CPU-seconds an item of each work, REPEATS times one after the other: a shared machine is another every minute."""
    return [tuple(cpu_seconds(work, repeats=1, clock=clock) for work in works) for _ in range(REPEATS)]


def prepare(output: Path, *flags: str, copies: int = 1) -> Path:
    """A dataset of the photographs, each `copies` times, by the command; returns its directory."""
    pictures = output / "pictures"
    pictures.mkdir(parents=True)
    for number, path in enumerate(photographs() * copies):
        (pictures / f"{number:04d}{path.suffix}").symlink_to(path)
    command = [
        sys.executable,
        "-m",
        "tintmill.launch.cli",
        "prepare",
        f"--input={pictures}",
        f"--output={output}",
        "--name=bench",
    ]
    subprocess.run([*command, "--splits=train:1", *flags], check=True, capture_output=True)
    return output / "bench" / "1.0.0"


def examples(data) -> Iterable[dict]:
    """The training records of a dataset as TFDS reads them, a dict of arrays each."""
    from absl import logging

    from tintmill.pipeline.common.tensorflow import import_tensorflow

    import_tensorflow()
    import tensorflow_datasets as tfds

    logging.set_verbosity(logging.ERROR)  # it warns of its own deprecations
    return tfds.as_numpy(tfds.builder_from_directory(data.folder).as_dataset(split="train"))
