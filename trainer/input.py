"""From shards to batches: a pure function of (dataset, seed, step).

The records of an epoch are a seeded permutation of all records of the split, whatever their shard; epochs follow each
other without a gap, so every batch is full and every record is seen exactly once an epoch. A step's records are known
before anything is read, so starting at step 10,000 costs what starting at 0 costs, and nothing needs to be saved.
"""

import dataclasses
import functools
import os
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

from model.colorizer import network_lightness
from pipeline import files, lab
from pipeline.dataset import Dataset
from pipeline.errors import TintmillError
from pipeline.record import FOOTER, frame_places, masked_crc
from pipeline.verify import shard_file_defects


@dataclasses.dataclass(frozen=True)
class RecordIndex:
    """Where the records of a split are: record i is `length[i]` bytes at `offset[i]` of `paths[shard[i]]`."""

    paths: tuple[str, ...]
    shard: np.ndarray
    offset: np.ndarray
    length: np.ndarray

    def __len__(self) -> int:
        return len(self.shard)


def check_dataset(dataset: Dataset) -> None:
    """Compares every shard's size and sha256 with the manifest.

    A shard cut at a record boundary is silent in every reader, and so is a swapped or an emptied one.

    Raises:
      TintmillError: naming the first shard that differs.
    """
    if files.is_remote(dataset.folder):
        raise TintmillError(f"--data={dataset.folder}: wanted a local folder; copy the dataset to this machine first")
    for entry in dataset.shards():
        path = dataset.path(entry["file"])
        try:
            defects = list(shard_file_defects(entry, files.read(path)))
        except OSError:
            defects = [f"{entry['file']}: missing or unreadable"]
        if defects:
            raise TintmillError(f"{dataset.folder} is damaged: {defects[0]}; `tintmill verify` lists all of it")


def index_records(dataset: Dataset, split: str) -> RecordIndex:
    """Finds the records of a split by their framing; the content is not read."""
    dataset.check_split(split)
    paths, shard, offset, length = [], [], [], []
    for entry in dataset.shards(split):
        paths.append(dataset.path(entry["file"]))
        with open(paths[-1], "rb") as f:
            for start, size in _places(f, entry):
                shard.append(len(paths) - 1)
                offset.append(start)
                length.append(size)
    return RecordIndex(tuple(paths), np.array(shard, np.int32), np.array(offset, np.int64), np.array(length, np.int64))


def _places(file: BinaryIO, entry: dict) -> Iterator[tuple[int, int]]:
    try:
        yield from frame_places(file, entry["bytes"])
    except ValueError as error:
        raise TintmillError(f"{entry['file']}: {error}; `tintmill verify` lists all of it") from error


@functools.lru_cache(maxsize=2)
def epoch_order(records: int, seed: int, epoch: int) -> np.ndarray:
    """The order of an epoch: a permutation of 0..records-1, int64."""
    return np.random.Generator(np.random.Philox(key=[seed, epoch])).permutation(records)


def step_records(records: int, seed: int, step: int, batch: int) -> np.ndarray:
    """Which records step `step` (from 0) trains on: int64 [batch]. A batch may end one epoch and begin the next."""
    positions = np.arange(step * batch, (step + 1) * batch)
    epochs = positions // records
    parts = [epoch_order(records, seed, int(e))[positions[epochs == e] % records] for e in np.unique(epochs)]
    return np.concatenate(parts)


class RecordReader:
    """Reads records by number, checksums checked; keeps the shards open."""

    def __init__(self, index: RecordIndex):
        self._index = index
        self._files = [os.open(path, os.O_RDONLY) for path in index.paths]

    def __call__(self, record: int) -> bytes:
        """Raises ValueError where the record fails its checksum: the disk changed under the run."""
        index = self._index
        size = int(index.length[record])
        data = os.pread(self._files[index.shard[record]], size + FOOTER, int(index.offset[record]))
        if masked_crc(data[:size]) != data[size:]:
            raise ValueError(
                f"{index.paths[index.shard[record]]}: the record at byte {index.offset[record]} is damaged"
            )
        return data[:size]

    def close(self) -> None:
        for descriptor in self._files:
            os.close(descriptor)


def batches(
    dataset: Dataset, split: str, seed: int, batch: int, start: int, end: int, parts: int = 1, labels: bool = False
):
    """The batches of steps `start` to `end` - 1, each in `parts` equal pieces in a row (one for each replica).

    Args:
      labels: whether the loss wants the pictures' classes.
    Returns:
      tf.data.Dataset of {"record": int64 [b], "lab": uint8 or int16 [b, S, S, 3], "embedding": float16 [b, E]} and
      where wanted "label": int64 [b]; b = batch / parts. Scaling is left to the device: the host hands over what the
      record holds.
    """
    from pipeline.quiet import import_tensorflow

    tf = import_tensorflow()
    index = index_records(dataset, split)
    size = batch // parts

    def read() -> Iterator:
        reader = RecordReader(index)
        try:
            for step in range(start, end):
                records = step_records(len(index), seed, step, batch)
                for piece in np.split(records, parts):
                    yield piece, [reader(record) for record in piece]
        finally:
            reader.close()

    signature = (tf.TensorSpec([size], tf.int64), tf.TensorSpec([size], tf.string))
    stream = tf.data.Dataset.from_generator(read, output_signature=signature)
    parse = functools.partial(parse_batch, dataset, labels=labels)
    return stream.map(lambda records, data: {"record": records, **parse(data)}).prefetch(4)


def read_batches(
    dataset: Dataset, index: RecordIndex, numbers: np.ndarray, batch: int, labels: bool = False
) -> Iterator[tuple[list[bytes], dict]]:
    """Records by number, in batches of which the last may be short: serialised, and as `parse_batch` returns them."""
    reader = RecordReader(index)
    try:
        for start in range(0, len(numbers), batch):
            data = [reader(number) for number in numbers[start : start + batch]]
            yield data, parse_batch(dataset, data, labels)
    finally:
        reader.close()


def parse_batch(dataset: Dataset, data, labels: bool = False) -> dict:
    """Serialised records, string [b], as tensors: lab [b, S, S, 3], embedding [b, E], with `labels` also label [b]."""
    import tensorflow as tf

    encoding, side = dataset.settings["encoding"], dataset.settings["size"]
    features = {"lab": tf.io.FixedLenFeature([], tf.string)}
    if dataset.embedder:
        features["embedding"] = tf.io.FixedLenFeature([], tf.string)
    if labels:
        features["label"] = tf.io.FixedLenFeature([], tf.int64)
    raw = tf.io.parse_example(data, features)
    if encoding == "lab8_png":
        packed = tf.map_fn(tf.io.decode_png, raw["lab"], fn_output_signature=tf.uint8)
    else:
        packed = tf.io.decode_raw(raw["lab"], tf.int16 if encoding == "lab16" else tf.uint8)
    parsed = {"lab": tf.reshape(packed, [-1, side, side, 3])}
    if dataset.embedder:
        embedding = tf.io.decode_raw(raw["embedding"], tf.float16)
        parsed["embedding"] = tf.reshape(embedding, [-1, dataset.embedder["dimension"]])
    if labels:
        parsed["label"] = raw["label"]
    return parsed


def to_network(batch: dict, encoding: str) -> tuple[dict, dict]:
    """A batch of `batches` as the network's inputs and targets, on the device.

    Returns:
      {"l": float32 [b, S, S, 1], "embedding": float32 [b, E]},
      {"ab": float32 [b, S, S, 2], "l": the input, "label": int64 [b] where the batch has it}.
    """
    from keras import ops

    values = lab.unpack(batch["lab"], encoding, ops)
    inputs = {"l": network_lightness(values[..., :1])}
    if "embedding" in batch:
        inputs["embedding"] = ops.cast(batch["embedding"], "float32")
    targets = {"ab": values[..., 1:] / 128.0, "l": inputs["l"]}
    if "label" in batch:
        targets["label"] = batch["label"]
    return inputs, targets


def record_ids(dataset: Dataset, split: str, records: np.ndarray) -> list[str]:
    """The ids of records given by number."""
    reader = RecordReader(index_records(dataset, split))
    try:
        return parse_ids([reader(record) for record in records])
    finally:
        reader.close()


def parse_ids(data: list[bytes]) -> list[str]:
    """The ids of serialised records."""
    import tensorflow as tf

    ids = tf.io.parse_example(data, {"id": tf.io.FixedLenFeature([], tf.string)})["id"]
    return [text.decode() for text in ids.numpy()]
