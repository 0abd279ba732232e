"""Shows what a dataset holds: its settings and its first records, decoded. Without TensorFlow.

tintmill peek DATASETS/mine/1.0.0 --records=4
"""

import itertools
import sys

import numpy as np
from absl import flags

from tintmill.pipeline.common import command, files
from tintmill.pipeline.dataset import record
from tintmill.pipeline.dataset.manifest import Dataset, open_dataset
from tintmill.pipeline.imaging import lab
from tintmill.pipeline.verify import dataset_argument, parse

FLAGS = flags.FlagValues()
flags.DEFINE_integer("records", 4, "How many records of each split.", flag_values=FLAGS)


def main(arguments: list[str]) -> None:
    dataset = open_dataset(dataset_argument(arguments, "peek"))
    _print_summary(dataset)
    for split in dataset.splits:
        print(f"\n{split}: {dataset.splits[split]} records in {len(dataset.shards(split))} shards")
        for values in itertools.islice(_records(dataset, split), FLAGS.records):
            print(f"  {_describe(dataset, values)}")


def decode_lab(dataset: Dataset, stored: bytes) -> np.ndarray:
    """A record's `lab` bytes as float32 [S, S, 3]: L* 0..100, a*, b*."""
    encoding = dataset.settings.encoding
    return lab.unpack(record.stored_pixels(stored, encoding, dataset.settings.size), encoding)


def _records(dataset: Dataset, split: str):
    for entry in dataset.shards(split):
        with files.open_read(dataset.path(entry.file)) as f:
            yield from map(parse, record.read_frames(f))


def _print_summary(dataset: Dataset) -> None:
    settings, pictures = dataset.settings, dataset.manifest.pictures
    print(f"{settings.name} {settings.version}: {pictures.kept} of {pictures.read} pictures kept")
    print(f"  left out: {pictures.rejected or 'none'}")
    print(f"  lab {settings.size}x{settings.size}, fit {settings.fit}, encoding {settings.encoding}")
    embedder = dataset.embedder
    text = "none"
    if embedder:
        text = f"{embedder.name} {embedder.layer} [{embedder.dimension}], weights {embedder.weights}"
    print(f"  embedding: {text}")
    print(f"  mean a*, b*: {dataset.mean_ab[0]:.2f}, {dataset.mean_ab[1]:.2f}")
    classes = dataset.class_names
    print(
        f"  classes: {', '.join(classes[:12])}{' ...' if len(classes) > 12 else ''}" if classes else "  classes: none"
    )


def _describe(dataset: Dataset, values: dict) -> str:
    means = decode_lab(dataset, values["lab"]).mean(axis=(0, 1))
    text = f"{values['id'].decode()}: {values['width']}x{values['height']}, mean Lab {means.round(1).tolist()}"
    if dataset.embedder:
        embedding = np.frombuffer(values["embedding"], np.float16).astype(np.float32)
        text += f", embedding norm {np.linalg.norm(embedding):.3g}"
    if dataset.class_names:
        label = values["label"]
        text += f", {dataset.class_names[label] if label >= 0 else 'no class'}"
    return text


def run_command(argv: list[str]) -> int:
    return command.run("peek", FLAGS, main, argv, __doc__)


if __name__ == "__main__":
    sys.exit(run_command(sys.argv[1:]))
