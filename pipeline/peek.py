"""Shows what a dataset holds: its settings and its first records, decoded. Without TensorFlow.

tintmill peek DATASETS/mine/1.0.0 --records=4
"""

import dataclasses
import itertools
import sys
from collections.abc import Iterator

import numpy as np

from tintmill.pipeline.common import command, files, options
from tintmill.pipeline.common.display import display_name
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.common.options import option
from tintmill.pipeline.dataset import record
from tintmill.pipeline.dataset.checks import find_record_defect, parse_record, show_id
from tintmill.pipeline.dataset.manifest import Dataset, open_dataset

_MOST_CLASSES = 12  # named in the summary


@dataclasses.dataclass(frozen=True)
class PeekArguments:
    folder: str
    records: int = option(4, "How many records of each split.", "Records")


FLAGS = options.define(PeekArguments)
TOPICS = options.list_topics(PeekArguments)


def main(arguments: list[str]) -> None:
    folder = command.take_dataset(arguments, "peek")
    for line in peek(options.read(PeekArguments, FLAGS, folder=folder)):
        command.show(line)


def peek(arguments: PeekArguments) -> Iterator[str]:
    """Lines that say what a dataset directory holds: a summary, then records of each split.

    Raises:
      TintmillError: there is no manifest, or it cannot be read.
    """
    dataset = open_dataset(arguments.folder)
    yield from _summarise(dataset)
    for split in dataset.splits:
        yield ""
        yield f"{split}: {dataset.splits[split]} records in {len(dataset.shards(split))} shards"
        for values in itertools.islice(_read_records(dataset, split), arguments.records):
            yield f"  {_describe(dataset, values)}"


def _read_records(dataset: Dataset, split: str) -> Iterator[dict]:
    for entry in dataset.shards(split):
        yield from _read_shard(dataset, entry.file)


def _read_shard(dataset: Dataset, name: str) -> Iterator[dict]:
    path = dataset.path(name)
    try:
        with files.open_read(path) as f:
            for number, data in enumerate(record.read_frames(f)):
                values = parse_record(data)
                if defect := find_record_defect(dataset, values):
                    raise ValueError(f"record {number}: {defect}")
                yield values
    except OSError as error:
        raise TintmillError(f"{path}: cannot be read: {error}; `tintmill verify` lists all that is wrong") from error
    except ValueError as error:
        raise TintmillError(f"{path} is damaged ({error}); `tintmill verify` lists all that is wrong") from error


def _summarise(dataset: Dataset) -> Iterator[str]:
    settings, pictures, embedder = dataset.settings, dataset.manifest.pictures, dataset.embedder
    yield f"{settings.name} {settings.version}: {pictures.kept} of {pictures.read} pictures kept"
    yield f"  left out: {pictures.rejected or 'none'}"
    yield f"  lab {settings.size}x{settings.size}, fit {settings.fit}, encoding {settings.encoding}"
    embedding = "none"
    if embedder:
        embedding = f"{embedder.name} {embedder.layer} [{embedder.dimension}], weights {display_name(embedder.weights)}"
    yield f"  embedding: {embedding}"
    yield f"  mean a*, b*: {dataset.mean_ab[0]:.2f}, {dataset.mean_ab[1]:.2f}"
    classes = ", ".join(map(display_name, dataset.class_names[:_MOST_CLASSES])) or "none"
    yield f"  classes: {classes}{' ...' if len(dataset.class_names) > _MOST_CLASSES else ''}"


def _describe(dataset: Dataset, values: dict) -> str:
    means = record.decode_lab(values["lab"], dataset.settings).mean(axis=(0, 1))  # (S, S, 3) -> (3,)
    mean_lab = ", ".join(f"{mean:.1f}" for mean in means)
    text = f"{show_id(values)}: {values['width']}x{values['height']}, mean Lab [{mean_lab}]"
    if dataset.embedder:
        embedding = np.frombuffer(values["embedding"], np.float16).astype(np.float32)  # (E,)
        text += f", embedding norm {np.linalg.norm(embedding):.3g}"
    if dataset.class_names:
        label = values["label"]
        text += f", {display_name(dataset.class_names[label]) if label >= 0 else 'no class'}"
    return text


def run_command(argv: list[str]) -> int:
    return command.run("peek", FLAGS, main, argv, __doc__, TOPICS)


if __name__ == "__main__":
    sys.exit(run_command(sys.argv[1:]))
