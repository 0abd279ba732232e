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
from trainer import augment, memory, shards
from trainer.settings import TrainSettings


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


def batches(dataset: Dataset, settings: TrainSettings, start: int, end: int, parts: int = 1):
    """The batches of steps `start` to `end` - 1, each in `parts` equal pieces in a row (one for each replica).

    Returns:
      tf.data.Dataset of {"record": int64 [b], "lab": uint8 or int16 [b, S, S, 3], "embedding": float16 [b, E]}, with
      a loss of classes "label": int64 [b], with augmentation "mirrored": bool [b] and "light": float32 [b, 2];
      b = global_batch / parts. Scaling is left to the device: the host hands over what the record holds.
    """
    from pipeline.quiet import import_tensorflow

    tf = import_tensorflow()
    memory.keep_freed()
    index = shards.index_records(dataset, settings.split)
    layout = _layout(dataset, settings, settings.global_batch // parts)
    signature = {name: tf.TensorSpec(shape, dtype) for name, (shape, dtype) in layout}

    def read() -> Iterator[dict]:
        reader = shards.RecordReader(index)
        try:
            for step in range(start, end):
                yield from _read_step(dataset, settings, reader, len(index), step, parts)
        finally:
            reader.close()

    return tf.data.Dataset.from_generator(read, output_signature=signature).prefetch(4)


def _read_step(
    dataset: Dataset, settings: TrainSettings, reader, records: int, step: int, parts: int
) -> Iterator[dict]:
    numbers = np.split(step_records(records, settings.seed, step, settings.global_batch), parts)
    draws = [None] * parts
    if settings.augmented:
        draws = augment.draw(settings, dataset.settings["size"], step).split(parts)
    for piece, drawn in zip(numbers, draws, strict=True):
        data = map(reader, piece.tolist())
        labels = settings.class_weight > 0
        yield {"record": piece} | shards.parse_batch(dataset, data, len(piece), labels, drawn)


def _layout(dataset: Dataset, settings: TrainSettings, batch: int) -> Iterator[tuple[str, tuple]]:
    """(name, (shape, dtype)) of what a batch holds."""
    side = settings.crop or dataset.settings["size"]
    yield "record", ([batch], np.int64)
    yield "lab", ([batch, side, side, 3], np.int16 if dataset.settings["encoding"] == "lab16" else np.uint8)
    if dataset.embedder:
        yield "embedding", ([batch, dataset.embedder["dimension"]], np.float16)
    if settings.class_weight:
        yield "label", ([batch], np.int64)
    if settings.augmented:
        yield "mirrored", ([batch], np.bool_)
        yield "light", ([batch, 2], np.float32)


def to_network(batch: dict, encoding: str) -> tuple[dict, dict]:
    """A batch of `batches` as the network's inputs and targets, on the device.

    Returns:
      {"l": float32 [b, S, S, 1], "embedding": float32 [b, E]},
      {"ab": float32 [b, S, S, 2], "l": the input, "label": int64 [b] where the batch has it}.
    """
    from keras import ops

    values = lab.unpack(batch["lab"], encoding, ops)
    if "mirrored" in batch:
        values = augment.change(values, batch["mirrored"], batch["light"])
    inputs = {"l": network_lightness(values[..., :1])}
    if "embedding" in batch:
        inputs["embedding"] = ops.cast(batch["embedding"], "float32")
    targets = {"ab": values[..., 1:] / 128.0, "l": inputs["l"]}
    if "label" in batch:
        targets["label"] = batch["label"]
    return inputs, targets
