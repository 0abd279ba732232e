"""Parquet: a row for each record, with what Hugging Face's `datasets` wants to know of the columns.

`load_dataset(DIR)` reads it, and so does whatever reads Parquet. `lab` is a column of bytes, as it is stored in the
shard: lists of numbers would take ten times as long to read.
"""

import itertools
import json
from collections.abc import Iterable

from tintmill.pipeline.conversion.format import Format, StoredRecord
from tintmill.pipeline.dataset.manifest import Dataset, ShardEntry
from tintmill.pipeline.reading.fields import list_fields

_ROWS = 64  # of a row group: what a reader of one record must read


def _name_file(dataset: Dataset, entry: ShardEntry, count: int) -> str:
    """As `datasets` finds the splits by."""
    return f"data/{entry.split}-{entry.shard:05d}-of-{count:05d}.parquet"


def _write(dataset: Dataset, path: str, records: Iterable[StoredRecord]) -> None:
    import pyarrow
    from pyarrow.parquet import ParquetWriter

    schema = _make_schema(dataset)
    rows = iter(records)
    with ParquetWriter(path, schema, compression="zstd") as writer:
        while batch := list(itertools.islice(rows, _ROWS)):
            values = [stored.fields | {"lab": stored.fields["lab"].tobytes()} for stored in batch]
            columns = [pyarrow.array([row[field.name] for row in values], field.type) for field in schema]
            writer.write_batch(pyarrow.record_batch(columns, schema=schema))


def _make_schema(dataset: Dataset):
    """The `pyarrow.Schema` of the records; its metadata tells `datasets` the names of the labels."""
    import pyarrow

    fields, features = [], {}
    for name, (shape, dtype) in list_fields(dataset).items():
        kind = "string" if dtype is str else dtype.__name__
        if name == "lab":
            kind, shape = "binary", ()
        plain = getattr(pyarrow, kind)()
        fields.append(pyarrow.field(name, pyarrow.list_(plain, shape[0]) if shape else plain))
        value = {"dtype": kind, "_type": "Value"}
        features[name] = {"feature": value, "length": shape[0], "_type": "Sequence"} if shape else value
    if dataset.class_names:
        features["label"] = {"names": list(dataset.class_names), "_type": "ClassLabel"}
    settings = dataset.settings
    about = {"encoding": settings.encoding, "size": settings.size, "fingerprint": dataset.manifest.fingerprint}
    metadata = {"huggingface": json.dumps({"info": {"features": features}}), "tintmill": json.dumps(about)}
    return pyarrow.schema(fields, metadata)


FORMAT = Format("Hugging Face's load_dataset", _name_file, _write)
