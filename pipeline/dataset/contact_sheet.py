"""A contact sheet of records decoded back from the shards: one look shows a wrong colour space or framing."""

import io
import itertools
import math
from collections.abc import Iterator

import numpy as np
from PIL import Image

from tintmill.pipeline.common import files
from tintmill.pipeline.dataset import record
from tintmill.pipeline.dataset.manifest import Dataset, ShardEntry
from tintmill.pipeline.imaging import lab

_PICTURES, _CELL = 64, 96


def draw(dataset: Dataset) -> bytes:
    """A PNG file of up to 64 pictures, taken from all shards in turn; the shards must be committed."""
    pictures = list(itertools.islice(_in_turn([_records(dataset, entry) for entry in dataset.shards()]), _PICTURES))
    columns = math.ceil(math.sqrt(len(pictures)))
    rows = math.ceil(len(pictures) / columns)
    sheet = Image.new("RGB", (columns * _CELL, rows * _CELL), "white")
    for number, pixels in enumerate(pictures):
        cell = Image.fromarray(pixels).resize((_CELL - 2, _CELL - 2), Image.Resampling.BICUBIC)
        sheet.paste(cell, (number % columns * _CELL + 1, number // columns * _CELL + 1))
    png = io.BytesIO()
    sheet.save(png, "PNG")
    return png.getvalue()


def _records(dataset: Dataset, entry: ShardEntry) -> Iterator[np.ndarray]:
    from tensorflow.core.example import example_pb2  # publishing has TensorFlow loaded, so `tfrecord` cannot be

    with files.open_read(dataset.path(entry.file)) as f:
        for data in record.read_frames(f):
            stored = example_pb2.Example.FromString(data).features.feature["lab"].bytes_list.value[0]
            yield lab.lab_to_rgb8(record.decode_lab(stored, dataset.settings))


def _in_turn(streams: list[Iterator]) -> Iterator:
    while streams:
        for stream in list(streams):
            try:
                yield next(stream)
            except StopIteration:
                streams.remove(stream)
