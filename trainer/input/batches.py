"""From shards to batches: a pure function of (dataset, seed, step).

A step's records (`order`) and what happens to them (`augment`) are known before anything is read, so starting at step
10,000 costs what starting at 0 costs, and nothing needs to be saved.
"""

import functools
from collections.abc import Iterator

import numpy as np

from tintmill.model.prediction.colorizer import network_lightness
from tintmill.pipeline.dataset.manifest import Dataset
from tintmill.pipeline.imaging import lab
from tintmill.trainer.input import augment, hints, order, shards
from tintmill.trainer.run.settings import TrainSettings


def batches(dataset: Dataset, settings: TrainSettings, start: int, end: int, parts: int = 1) -> Iterator[dict]:
    """The batches of steps `start` to `end` - 1, each in `parts` equal pieces in a row (one for each replica).

    Yields:
      {"record": int64 [b], "lab": uint8 or int16 [b, S, S, 3], "embedding": float16 [b, E]}, with a loss of classes
      "label": int64 [b], with augmentation "mirrored": bool [b] and "light": float32 [b, 2], with hints "patches":
      int32 [b, P, 4]; b = global_batch / parts.
      Scaling is left to the device: the host hands over what the record holds.
    """
    source = Source(dataset, settings)
    try:
        for step in range(start, end):
            for part in range(parts):
                arrays = source.allocate(settings.global_batch // parts)
                source.fill(arrays, step, part)
                yield arrays
    finally:
        source.close()


def rows_of(part: int, parts: int, settings: TrainSettings) -> np.ndarray:
    """Which rows of the batch part number `part` has.

    They are of every piece of `--accumulate` alike: replicas normalise a piece together, and its pictures are then the
    same however many replicas share it.
    """
    rows = np.arange(settings.global_batch).reshape(settings.accumulate, parts, -1)  # (accumulate, parts, rows)
    return rows[:, part].ravel()  # (global_batch / parts,)


class Source:
    """The split that a run trains on, read step by step into arrays."""

    def __init__(self, dataset: Dataset, settings: TrainSettings):
        self._dataset, self._settings = dataset, settings
        index = shards.index_records(dataset, settings.split)
        self._reader = shards.RecordReader(index)
        self._step_records = functools.partial(order.step_records, len(index), settings.seed)
        if settings.folder_weights:
            ids = shards.record_ids(dataset, settings.split, np.arange(len(index)))
            self._step_records = order.weigh(ids, settings.folder_weights, settings.seed).step_records

    @property
    def picture_bytes(self) -> int:
        """What one picture of a batch takes."""
        return sum(array.nbytes for array in self.allocate(1).values())

    def allocate(self, *shape: int) -> dict[str, np.ndarray]:
        """Arrays for a batch of shape[-1] pictures, as `batches` yields it, or for several of them."""
        side, classes = self._settings.crop or self._dataset.settings.size, self._settings.class_weight > 0
        fields = {"record": ((), np.int64)}
        fields |= shards.fields_of(self._dataset, side, classes, self._settings.augmented, self._settings.hints > 0)
        return {name: shards.aligned_empty((*shape, *rest), dtype) for name, (rest, dtype) in fields.items()}

    def fill(self, arrays: dict[str, np.ndarray], step: int, part: int) -> None:
        """Reads part number `part` of the batch of `step`; how many parts there are, the arrays' size says.

        Raises:
          TintmillError: a record fails its checksum: the disk changed under the run.
        """
        settings, records = self._settings, arrays["record"]
        which = rows_of(part, settings.global_batch // len(records), settings)
        records[:] = self._step_records(step, settings.global_batch)[which]
        draws = augment.draw(settings, self._dataset.settings.size, step).part(which) if settings.augmented else None
        shards.parse_into(arrays, self._dataset, map(self._reader, records.tolist()), draws)

    def close(self) -> None:
        self._reader.close()


def to_network(batch: dict, encoding: str) -> tuple[dict, dict]:
    """A batch of `batches` as the network's inputs and targets, on the device.

    Returns:
      {"l": float32 [b, S, S, 1], "embedding": float32 [b, E], "hints": float32 [b, S, S, 3], zeros without patches},
      {"ab": float32 [b, S, S, 2], "l": the input, "label": int64 [b] where the batch has it}.
    """
    from keras import ops

    values = lab.unpack(batch["lab"], encoding, ops)  # (b, S, S, 3)
    if "mirrored" in batch:
        values = augment.change(values, batch["mirrored"], batch["light"])
    inputs = {"l": network_lightness(values[..., :1])}
    if "embedding" in batch:
        inputs["embedding"] = ops.cast(batch["embedding"], "float32")
    ab = values[..., 1:] / 128.0  # (b, S, S, 2)
    inputs["hints"] = hints.paint(ab, batch["patches"]) if "patches" in batch else hints.none(inputs["l"])
    targets = {"ab": ab, "l": inputs["l"]}
    if "label" in batch:
        targets["label"] = batch["label"]
    return inputs, targets
