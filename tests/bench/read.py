"""Reading: records a CPU-second of the host, from shards in the page cache to uint8 batches, shuffled exactly."""

import tempfile
from pathlib import Path

from pipeline import files
from pipeline.dataset import open_dataset
from tests.bench.common import cpu_seconds, prepare

BATCH, STEPS = 32, 60


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        flags = ("--embedder=mobilenet_v2", "--embedder_weights=random", "--workers=1", "--max_reject_fraction=0.2")
        data = open_dataset(str(prepare(Path(folder), *flags)))
        entry = data.shards()[0]
        print(f"{'bytes a record, 1000-vector':<34}{entry['bytes'] / entry['records']:12,.0f}")
        plain = 1 / cpu_seconds(lambda: sum(len(files.read(data.path(e["file"]))) for e in data.shards()))
        read = 1 / cpu_seconds(lambda: read_batches(data))
        print(f"{'input: shuffled batches':<34}{read:12,.0f} records a CPU-s")
        print(
            f"{'the same bytes, read plainly':<34}{plain / (entry['bytes'] / entry['records']):12,.0f} records a CPU-s"
        )


def read_batches(data) -> int:
    from trainer.input import batches

    return sum(int(batch["lab"].shape[0]) for batch in batches(data, "train", 0, BATCH, 0, STEPS))


if __name__ == "__main__":
    main()
