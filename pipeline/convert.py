"""A dataset directory in the format of another library; the directory stays as it is. Without TensorFlow.

    tintmill convert DATASETS/mine/1.0.0 --to=parquet --output=CONVERTED

Writes CONVERTED/mine/1.0.0, a file for each shard. Each record's checksum is checked on the way. Interrupted, it goes
on by the same command: files that are there are whole, and are kept.
"""

import dataclasses
import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import MISSING
from functools import partial

from tintmill.pipeline.common import checked_json, command, files, options
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.common.options import option
from tintmill.pipeline.conversion import FORMATS
from tintmill.pipeline.conversion.format import Format, StoredRecord
from tintmill.pipeline.dataset import totals
from tintmill.pipeline.dataset.manifest import Dataset
from tintmill.pipeline.reading.frames import RecordReader, index_records
from tintmill.pipeline.reading.records import decode, open_dataset

_STATE = "conversion.json"  # what a folder holds, written first, and `complete` last
_STATE_KIND = checked_json.mapping(checked_json.anything)


@dataclasses.dataclass(frozen=True)
class ConvertArguments:
    """A dataset directory, the format it is wanted in, and the folder below which NAME/VERSION is made."""

    folder: str
    to: str = option(MISSING, "Format of the copy.", "Copy", choices=lambda: list(FORMATS), required=True)
    output: str = option(MISSING, "Where copies go; NAME/VERSION is made below.", "Copy", required=True)

    def __post_init__(self):
        options.check(self)


FLAGS = options.define(ConvertArguments)
TOPICS = options.list_topics(ConvertArguments)


def main(arguments: list[str]) -> None:
    folder = command.take_dataset(arguments, "convert")
    command.show(convert(options.read(ConvertArguments, FLAGS, folder=folder)))


def convert(arguments: ConvertArguments) -> str:
    """Writes the copy; returns its folder.

    Raises:
      TintmillError: the dataset is damaged, or the output is no folder on this machine, holds something else, or cannot
        be written.
    """
    records = open_dataset(arguments.folder)
    totals.check(records.dataset)
    if files.is_remote(arguments.output):
        raise TintmillError(f"--output={arguments.output}: wanted a folder on this machine; copy it from there")
    settings = records.dataset.settings
    folder = files.join(files.absolute(arguments.output), settings.name, settings.version)
    try:
        _begin(records.dataset, arguments, folder)
        _write_shards(records.dataset, FORMATS[arguments.to], folder)
        for name, text in FORMATS[arguments.to].describe(records.dataset).items():
            files.write(files.join(folder, name), text)
        _write_state(records.dataset, arguments.to, folder, complete=True)
    except OSError as error:
        raise TintmillError(f"--output={arguments.output}: cannot be written: {error}") from error
    return folder


def _begin(dataset: Dataset, arguments: ConvertArguments, folder: str) -> None:
    """Claims the folder, which must be new, empty, or begun for the same."""
    path = files.join(folder, _STATE)
    files.make_folder(folder)
    if os.path.exists(path):
        found = checked_json.read(path, _STATE_KIND, f"delete {folder}")
        wanted = _describe_state(dataset, arguments.to)
        if any(found.get(key) != value for key, value in wanted.items()):
            raise TintmillError(f"{folder} holds another dataset or format than --to={arguments.to}; delete it")
    elif os.listdir(folder):
        raise TintmillError(f"--output={arguments.output}: {folder} is not empty; wanted a new folder")
    for place, _, _ in os.walk(folder):
        files.remove_leftovers(place)
    _write_state(dataset, arguments.to, folder, complete=False)


def _describe_state(dataset: Dataset, to: str) -> dict:
    """What two conversions into one folder must have in common."""
    shards = {entry.file: entry.sha256 for entry in dataset.shards()}
    return {"to": to, "fingerprint": dataset.manifest.fingerprint, "shards": shards}


def _write_state(dataset: Dataset, to: str, folder: str, complete: bool) -> None:
    state = _describe_state(dataset, to) | {"complete": complete}
    files.write(files.join(folder, _STATE), json.dumps(state, indent=1) + "\n")


def _write_shards(dataset: Dataset, target: Format, folder: str) -> None:
    from tqdm import tqdm

    total = sum(dataset.splits.values())
    with tqdm(total=total, unit=" records", desc=f"{dataset.settings.name} to {folder}") as bar:
        for split in dataset.splits:
            reader = RecordReader(index_records(dataset, split))
            try:
                _write_split(dataset, target, folder, split, reader, bar)
            finally:
                reader.close()


def _write_split(dataset: Dataset, target: Format, folder: str, split: str, reader: RecordReader, bar) -> None:
    entries, start = dataset.shards(split), 0
    for entry in entries:
        path = files.join(folder, target.name_file(dataset, entry, len(entries)))
        if not os.path.exists(path):
            _write_file(path, partial(target.write, dataset), _read(dataset, split, reader, start, entry.records))
        start += entry.records
        bar.update(entry.records)


def _read(dataset: Dataset, split: str, reader: RecordReader, start: int, count: int) -> Iterator[StoredRecord]:
    for number in range(start, start + count):
        data = reader(number)
        yield StoredRecord(number, data, decode(dataset, split, number, data))


def _write_file(path: str, write: Callable, records: Iterator[StoredRecord]) -> None:
    """Publishes a file that a library writes by its name: it opens the temporary file anew, by the name of that."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with files.atomic_writer(path) as f:
        write(f.name, records)


def run_command(argv: list[str]) -> int:
    return command.run("convert", FLAGS, main, argv, __doc__, TOPICS)


if __name__ == "__main__":
    sys.exit(run_command(sys.argv[1:]))
