"""A dataset directory as a sequence of records, for programs.

    records = tintmill.open_dataset("datasets/mine/1.0.0")
    train = records.split("train")
    train[0]["lab"]  # uint8 [S, S, 3]

`Records` has a length and takes numbers, so that most libraries take it as it is. It can be sent to other processes:
each of them opens the files for itself, once a record is asked for.
"""

import operator
from collections.abc import Iterator
from typing import TYPE_CHECKING, overload

import numpy as np

from tintmill.pipeline.common import files
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.dataset import manifest, record
from tintmill.pipeline.dataset.checks import find_record_defect
from tintmill.pipeline.dataset.index import SplitIndex, build_index, open_index
from tintmill.pipeline.dataset.manifest import Dataset
from tintmill.pipeline.reading.frames import RecordReader, index_records

if TYPE_CHECKING:
    import datasets
    import tensorflow as tf
    import torch


class Records:
    """Some or all records of a dataset directory, in the order of splits, shards, and records in a shard.

    A record is a dict of what the dataset has: `id` str; `lab` uint8 or int16 [S, S, 3], packed as the dataset's
    encoding says; `embedding` and `embedding_mirror` float16 [E]; `attributes` int8 [A]; `label`, `height` and `width`
    int. README.md beside this file has the ranges.

    Attributes:
      dataset: the opened directory, with its manifest.
    """

    def __init__(self, dataset: Dataset, numbers: range | None = None):
        """
        Args:
          numbers: of the records, among those of all splits; None: all.
        """
        self.dataset = dataset
        self._numbers = range(sum(dataset.splits.values())) if numbers is None else numbers
        self._readers: dict[str, RecordReader] = {}
        self._indexes: dict[str, SplitIndex] = {}

    @property
    def splits(self) -> dict[str, int]:
        """Records of each split of the whole dataset."""
        return dict(self.dataset.splits)

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the labels 0, 1, ...; empty without classes."""
        return self.dataset.class_names

    def split(self, name: str) -> "Records":
        """The records of a split.

        Raises:
          TintmillError: there is no such split, or `self` is a part of the dataset already.
        """
        self.dataset.check_split(name)
        if self._numbers != range(sum(self.dataset.splits.values())):
            raise TintmillError(f"{self!r} is a part of the dataset; choose the split first, then its part")
        return Records(self.dataset, self._range_of(name))

    def _range_of(self, split: str) -> range:
        """The numbers of a split's records."""
        start = 0
        for name, count in self.dataset.splits.items():
            if name == split:
                return range(start, start + count)
            start += count
        raise KeyError(split)

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, key: slice) -> "Records": ...
    @overload
    def __getitem__(self, key: int) -> dict: ...
    def __getitem__(self, key):
        """The record of a number, from the end where it is negative, or the records of a slice.

        Raises:
          IndexError: there is no such record.
          TintmillError: the record is damaged or cannot be read; its file is named.
        """
        if isinstance(key, slice):
            return Records(self.dataset, self._numbers[key])
        return self._read(self._numbers[operator.index(key)])

    def __iter__(self) -> Iterator[dict]:
        return map(self._read, self._numbers)

    def __repr__(self) -> str:
        """Names dataset and part, so that equal texts mean equal records: grain saves it with its state."""
        settings, numbers = self.dataset.settings, self._numbers
        part = f"{numbers.start}:{numbers.stop}:{numbers.step}"
        return f"Records({settings.name} {settings.version}, {self.dataset.manifest.fingerprint[:16]}, {part})"

    def __getstate__(self) -> dict:
        """Without open files: another process opens its own."""
        return {"dataset": self.dataset, "_numbers": self._numbers, "_readers": {}, "_indexes": {}}

    def number_of(self, name: str) -> int:
        """The number, in this sequence, of the record with an id.

        A dataset that was prepared without an index is read once for that; a cache keeps what was found.

        Raises:
          KeyError: no record here has the id.
          TintmillError: a shard is damaged or cannot be read.
        """
        for split in self.dataset.splits:
            numbers = self._range_of(split)
            for place in self._index(split).find(name).tolist():
                number = numbers[place] if place < len(numbers) else -1
                if number in self._numbers and self._read(number)["id"] == name:
                    return self._numbers.index(number)
        raise KeyError(name)

    def by_id(self, name: str) -> dict:
        """The record with an id; raises as `number_of`."""
        return self[self.number_of(name)]

    def _index(self, split: str) -> SplitIndex:
        if split not in self._indexes:
            try:
                self._indexes[split] = open_index(self.dataset, split) or build_index(self.dataset, split)
            except (OSError, ValueError) as error:
                raise TintmillError(
                    f"{self.dataset.folder}: its ids cannot be read: {error}; `tintmill verify` lists all that is wrong"
                ) from error
        return self._indexes[split]

    def _read(self, number: int) -> dict:
        split, place = self._find_split(number)
        if split not in self._readers:
            self._readers[split] = RecordReader(index_records(self.dataset, split))
        return decode(self.dataset, split, place, self._readers[split](place))

    def _find_split(self, number: int) -> tuple[str, int]:
        """The split of a record, and its number there."""
        for split in self.dataset.splits:
            numbers = self._range_of(split)
            if number in numbers:
                return split, number - numbers.start
        raise IndexError(number)

    def as_torch(self) -> "torch.utils.data.Dataset":
        """A map-style dataset of PyTorch, whose records have tensors in place of arrays."""
        from tintmill.pipeline.reading.torch_records import TorchRecords

        return TorchRecords(self)

    def as_grain(self) -> "Records":
        """A random access data source of grain. That is a sequence with a `repr` that names it: `self`."""
        return self

    def as_tf(self) -> "tf.data.Dataset":
        """A dataset of tf.data, in order. TensorFlow is imported."""
        from tintmill.pipeline.reading.tf_records import make_dataset

        return make_dataset(self)

    def as_hf(self) -> "datasets.IterableDataset":
        """An iterable dataset of Hugging Face, in order; nothing is copied into its cache."""
        from tintmill.pipeline.reading.hf_records import make_dataset

        return make_dataset(self)


def decode(dataset: Dataset, split: str, number: int, data: bytes) -> dict:
    """The serialised record `number` of a split, as `Records` gives it.

    Raises:
      TintmillError: it is no record of the dataset.
    """
    try:
        values = record.parse_features(data)
        if defect := find_record_defect(dataset, values):
            raise ValueError(defect)
        return _convert(dataset, values)
    except ValueError as error:
        raise TintmillError(
            f"{dataset.folder}: record {number} of {split}: {error}; `tintmill verify` lists all that is wrong"
        ) from error


def _convert(dataset: Dataset, values: dict) -> dict:
    settings = dataset.settings
    found = {"id": values["id"].decode()}  # UnicodeDecodeError is a ValueError
    found["lab"] = record.stored_pixels(values["lab"], settings.encoding, settings.size).copy()  # (S, S, 3)
    for name in record.embedding_names(settings):
        found[name] = np.frombuffer(values[name], "<f2").copy()  # (E,)
    if dataset.manifest.attribute_names:
        found["attributes"] = np.frombuffer(values["attributes"], np.int8).copy()  # (A,)
    if dataset.class_names:
        found["label"] = values["label"]
    return found | {"height": values["height"], "width": values["width"]}


def open_dataset(path: str) -> Records:
    """Opens a dataset directory, OUTPUT/NAME/VERSION, on this machine.

    The manifest is checked as a stranger's. No record is read yet.

    Raises:
      TintmillError: no manifest, a damaged one, one of a newer format, or a folder in a bucket.
    """
    if files.is_remote(str(path)):
        raise TintmillError(f"{path}: wanted a folder on this machine; copy it: gcloud storage cp --recursive")
    return Records(manifest.open_dataset(str(path)))
