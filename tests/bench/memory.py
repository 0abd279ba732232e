"""Peak memory of a worker: by the pictures of a shard, not of the dataset; without and with the embedder.

One process does all (--workers=1), so its peak holds Beam, the listing and one shard at a time.
"""

import multiprocessing
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.bench.workers import link_pictures

NONE, INCEPTION = ("--embedder=none",), ("--embedder=inception_resnet_v2", "--embedder_weights=random")
CASES = (  # pictures, pictures a shard, flags
    (512, 512, NONE),
    (2048, 512, NONE),
    (2048, 2048, NONE),
    (64, 64, INCEPTION),
)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        inputs = {count: link_pictures(Path(folder, str(count)), count) for count in {case[0] for case in CASES}}
        for number, (count, shard, flags) in enumerate(CASES):
            with multiprocessing.get_context("spawn").Pool(
                1
            ) as pool:  # a process each: its children's peak is one run's
                peak = pool.apply(peak_gib, (inputs[count], Path(folder, f"out-{number}"), shard, flags))
            print(f"{count} pictures, {shard} a shard, {flags[0][2:]:<30}{peak:6.2f} GiB", flush=True)


def peak_gib(pictures: Path, output: Path, shard: int, flags: tuple[str, ...]) -> float:
    command = [sys.executable, "-m", "tintmill.launch.cli", "prepare", f"--input={pictures}", f"--output={output}"]
    command += ["--workers=1", "--name=bench", "--splits=train:1", f"--shard_examples={shard}", *flags]
    subprocess.run([*command, "--nodrop_duplicates", "--max_reject_fraction=0.5"], check=True, capture_output=True)
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20


if __name__ == "__main__":
    main()
