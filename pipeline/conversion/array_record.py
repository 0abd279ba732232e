"""ArrayRecord: the same serialised records in files of random access, with TFDS's metadata.

`tfds.builder_from_directory(DIR).as_data_source("train")` reads it, and `grain` the files.
"""

import json
from collections.abc import Iterable

from tintmill.pipeline.common import checked_json, files
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.conversion.format import Format, StoredRecord
from tintmill.pipeline.dataset.manifest import Dataset, ShardEntry
from tintmill.pipeline.dataset.names import DATASET_INFO, FEATURES

_NAME = "array_record"  # TFDS's name of the format, and the suffix of its files
_LABELS = ".labels.txt"


def _name_file(dataset: Dataset, entry: ShardEntry, count: int) -> str:
    return f"{dataset.settings.name}-{entry.split}.{_NAME}-{entry.shard:05d}-of-{count:05d}"


def _write(dataset: Dataset, path: str, records: Iterable[StoredRecord]) -> None:
    from array_record.python.array_record_module import ArrayRecordWriter

    writer = ArrayRecordWriter(path, "group_size:1")  # what TFDS asks for: each record is decompressed by itself
    try:
        for stored in records:
            writer.write(stored.data)
    finally:
        writer.close()


def _describe(dataset: Dataset) -> dict[str, str]:
    """TFDS's metadata of the dataset, with the other file format; `dataset_info.json` last."""
    try:
        names = [name for name in files.list_names(dataset.folder) if name.endswith(_LABELS)]
        found = {name: files.read(dataset.path(name), largest=checked_json.LARGEST) for name in (*names, FEATURES)}
        info = checked_json.read(dataset.path(DATASET_INFO), checked_json.mapping(checked_json.anything), _REMEDY)
        texts = {name: data.decode() for name, data in found.items()}
    except (OSError, ValueError) as error:
        raise TintmillError(f"{dataset.folder}: TFDS's metadata cannot be read ({error}); {_REMEDY}") from error
    return texts | {DATASET_INFO: json.dumps(info | {"fileFormat": _NAME}, indent=2)}


_REMEDY = "run the same `tintmill prepare` to restore it"

FORMAT = Format("TFDS's as_data_source, grain", _name_file, _write, _describe)
