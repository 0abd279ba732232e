"""The records of a split by number, parsed into arrays."""

import math
from collections.abc import Iterable, Iterator

import numpy as np

from tintmill.pipeline.common import files
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.dataset.checks import find_file_defects
from tintmill.pipeline.dataset.manifest import Dataset
from tintmill.pipeline.dataset.record import stored_pixels
from tintmill.pipeline.imaging import lab
from tintmill.pipeline.reading.frames import RecordIndex, RecordReader, index_records
from tintmill.trainer.input.augment import Draws
from tintmill.trainer.input.hints import MOST as MOST_PATCHES


def check_dataset(dataset: Dataset) -> None:
    """Compares every shard's size and sha256 with the manifest.

    A shard cut at a record boundary is silent in every reader, and so is a swapped or an emptied one.

    Raises:
      TintmillError: naming the first shard that differs.
    """
    for entry in dataset.shards():
        path = dataset.path(entry.file)
        try:
            defects = list(find_file_defects(entry, files.read(path)))
        except OSError:
            defects = [f"{entry.file}: missing or unreadable"]
        if defects:
            raise TintmillError(f"{dataset.folder} is damaged: {defects[0]}; `tintmill verify` lists all of it")


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


def parse_batch(dataset: Dataset, data: list[bytes], labels: bool = False, draws: Draws | None = None) -> dict:
    """Serialised records as new arrays; see `parse_into`."""
    side = draws.side if draws else dataset.settings.size
    fields = fields_of(dataset, side, labels, draws is not None)
    parsed = {name: aligned_empty((len(data), *shape), dtype) for name, (shape, dtype) in fields.items()}
    parse_into(parsed, dataset, data, draws)
    return parsed


def fields_of(
    dataset: Dataset, side: int, labels: bool, augmented: bool, hints: bool = False
) -> dict[str, tuple[tuple[int, ...], type]]:
    """What is handed over of a picture, {name: (shape, dtype)}.

    lab uint8 or int16 [side, side, 3]; embedding float16 [E] where the dataset has it; label int64 where asked for;
    with augmentation mirrored bool and light float32 [2], which `augment.change` applies; with hints patches int32
    [P, 4].
    """
    fields = {"lab": ((side, side, 3), np.int16 if dataset.settings.encoding == "lab16" else np.uint8)}
    if dataset.embedder:
        fields["embedding"] = ((dataset.embedder.dimension,), np.float16)
    if labels:
        fields["label"] = ((), np.int64)
    if augmented:
        fields |= {"mirrored": ((), np.bool_), "light": ((2,), np.float32)}
    if hints:
        fields["patches"] = ((MOST_PATCHES, 4), np.int32)
    return fields


def parse_into(
    into: dict[str, np.ndarray], dataset: Dataset, data: Iterable[bytes], draws: Draws | None = None
) -> None:
    """Fills the arrays [b, ...] of `fields_of` from b serialised records; with `draws` cut, and with the embedding of
    what will be mirrored.

    One by one, by protobuf and NumPy: memory that is used again at once costs less than half of memory that the system
    must clear first, and `tf.io.parse_example` with `tf.io.decode_raw` copies a record five times.
    """
    from tensorflow.train import Example

    encoding, whole = dataset.settings.encoding, dataset.settings.size
    size = len(into["lab"])
    mirrored = draws.mirrored if draws else np.zeros(size, bool)
    unit = 1.0 / lab.unpack(np.ones((1, 1, 3), into["lab"].dtype), encoding)[0, 0, 0]
    if draws:
        into["mirrored"][:], into["light"][:] = draws.mirrored, draws.light
    if "patches" in into:
        into["patches"][:] = draws.patches
    for i, one in zip(range(size), data, strict=True):
        features = Example.FromString(one).features.feature
        pixels = stored_pixels(features["lab"].bytes_list.value[0], encoding, whole)
        into["lab"][i] = draws.picture(pixels, i, unit) if draws else pixels
        if "embedding" in into:
            name = "embedding_mirror" if mirrored[i] and dataset.settings.embed_mirror else "embedding"
            into["embedding"][i] = np.frombuffer(features[name].bytes_list.value[0], np.float16)
        if "label" in into:
            into["label"][i] = features["label"].int64_list.value[0]


def aligned_empty(shape: tuple[int, ...], dtype) -> np.ndarray:
    """As `np.empty`, at an address that TensorFlow takes over without copying: a multiple of 64."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    memory = np.empty(size + 64, np.uint8)
    start = -memory.ctypes.data % 64
    return memory[start : start + size].view(dtype).reshape(shape)


def record_ids(dataset: Dataset, split: str, records: np.ndarray) -> list[str]:
    """The ids of records given by number."""
    reader = RecordReader(index_records(dataset, split))
    try:
        return parse_ids([reader(record) for record in records])
    finally:
        reader.close()


def parse_ids(data: list[bytes]) -> list[str]:
    """The ids of serialised records."""
    from tensorflow.train import Example

    return [Example.FromString(one).features.feature["id"].bytes_list.value[0].decode() for one in data]
