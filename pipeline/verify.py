"""Checks a dataset directory against its manifest, as a stranger reads it: without TensorFlow.

    tintmill verify DATASETS/mine/1.0.0

Sizes, sha256, TFRecord framing and checksums, the number of records, each record's features and their sizes, unique
ids, and that TFDS's metadata tells the same. Records are parsed by the `tfrecord` package, so a pass also proves that
other programs can read the shards. Every defect is named with its file; the exit code is 1 if there is any.
"""

import sys

from absl import flags

from tintmill.pipeline.common import command
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.dataset.checks import find_defects
from tintmill.pipeline.dataset.manifest import open_dataset

FLAGS = flags.FlagValues()
TOPICS = {}


def main(arguments: list[str]) -> None:
    folder = command.take_dataset(arguments, "verify")
    defects = verify(folder)
    for defect in defects:
        print(f"DEFECT {defect}")
    dataset = open_dataset(folder)
    if defects:
        raise TintmillError(f"{dataset.folder}: {len(defects)} defects; prepare it again into another folder")
    records = sum(dataset.splits.values())
    print(f"{dataset.folder}: {len(dataset.shards())} shards, {records} records, all as the manifest says")


def verify(folder: str) -> list[str]:
    """Every way in which a dataset directory is not what its manifest says, one line each, the file named first.

    Raises:
      TintmillError: there is no manifest, or it cannot be read.
    """
    return list(find_defects(open_dataset(folder)))


def run_command(argv: list[str]) -> int:
    return command.run("verify", FLAGS, main, argv, __doc__, TOPICS)


if __name__ == "__main__":
    sys.exit(run_command(sys.argv[1:]))
