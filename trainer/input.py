"""From shards to batches: a pure function of (dataset, seed, step).

The records of an epoch are a seeded permutation of all records of the split, whatever their shard; epochs follow each
other without a gap, so every batch is full and every record is seen exactly once an epoch. A step's records are known
before anything is read, so starting at step 10,000 costs what starting at 0 costs, and nothing needs to be saved.
"""

import functools
from collections.abc import Iterator

import numpy as np

from model.colorizer import network_lightness
from pipeline import lab
from pipeline.dataset import Dataset
from trainer import memory, shards


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
    memory.keep_freed()
    index = shards.index_records(dataset, split)
    signature = {name: tf.TensorSpec(shape, dtype) for name, (shape, dtype) in _layout(dataset, batch // parts, labels)}

    def read() -> Iterator[dict]:
        reader = shards.RecordReader(index)
        try:
            for step in range(start, end):
                for numbers in np.split(step_records(len(index), seed, step, batch), parts):
                    data = map(reader, numbers.tolist())
                    yield {"record": numbers} | shards.parse_batch(dataset, data, len(numbers), labels)
        finally:
            reader.close()

    return tf.data.Dataset.from_generator(read, output_signature=signature).prefetch(4)


def _layout(dataset: Dataset, batch: int, labels: bool) -> Iterator[tuple[str, tuple]]:
    """(name, (shape, dtype)) of what a batch holds."""
    side = dataset.settings["size"]
    yield "record", ([batch], np.int64)
    yield "lab", ([batch, side, side, 3], np.int16 if dataset.settings["encoding"] == "lab16" else np.uint8)
    if dataset.embedder:
        yield "embedding", ([batch, dataset.embedder["dimension"]], np.float16)
    if labels:
        yield "label", ([batch], np.int64)


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
