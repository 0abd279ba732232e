"""Records as an iterable dataset of Hugging Face. Importing this module imports `datasets`."""

import itertools
from collections.abc import Iterator

import datasets
import numpy as np

from tintmill.pipeline.reading.fields import list_fields
from tintmill.pipeline.reading.records import Records

_MOST_PARTS = 1024  # workers of a DataLoader share the parts


def make_dataset(records: Records) -> datasets.IterableDataset:
    """An `IterableDataset` in the order of the records. Its parts go to different workers, so that each comes once."""
    count = max(1, min(_MOST_PARTS, len(records)))
    edges = [len(records) * n // count for n in range(count + 1)]
    parts = [records[start:end] for start, end in itertools.pairwise(edges)]
    return datasets.IterableDataset.from_generator(
        _generate, features=make_features(records), gen_kwargs={"parts": parts}
    )


def _generate(parts: list[Records]) -> Iterator[dict]:
    for part in parts:
        yield from part


def make_features(records: Records) -> datasets.Features:
    """The fields of the records in Hugging Face's terms."""
    return datasets.Features(
        {name: _feature(records, name, *field) for name, field in list_fields(records.dataset).items()}
    )


def _feature(records: Records, name: str, shape: tuple[int, ...], dtype: type):
    if name == "label":
        return datasets.ClassLabel(names=list(records.class_names))
    kind = "string" if dtype is str else np.dtype(dtype).name
    if len(shape) == 3:
        return datasets.Array3D(shape, kind)
    return datasets.Sequence(datasets.Value(kind), length=shape[0]) if shape else datasets.Value(kind)
