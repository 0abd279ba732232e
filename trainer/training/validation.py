"""Validation during training: scores a fixed sample of a split on the device. It changes nothing of the training."""

import dataclasses

import keras
import numpy as np
from keras import ops

from tintmill.model.losses import colours
from tintmill.pipeline.dataset.manifest import Dataset
from tintmill.trainer.input import batches as batches_input
from tintmill.trainer.input import order as records_order
from tintmill.trainer.input import shards
from tintmill.trainer.run.settings import TrainSettings
from tintmill.trainer.training.step import State, tf

PICTURES = 8  # of the first batch, shown in TensorBoard
BATCH = 16
_SAMPLE_SEED = 0  # not the run's: all runs on a dataset are judged by the same pictures


@dataclasses.dataclass(frozen=True)
class Judgement:
    """What a validation found.

    Attributes:
      scores: means over the sample: each part of the loss but the critic's; `psnr` of sRGB, channels clipped but not
        rounded to 8 bits, at most 100 dB a picture; `chroma`, the mean distance from grey divided by the truth's (far
        below 1 is brown).
      pictures: of the first batch, to look at, uint8 [n, S, 3 S, 3]: grey, coloured and truth side by side.
    """

    scores: dict[str, float]
    pictures: np.ndarray


class Validation:
    """Scores the network as it is by a sample of `settings.validation_records` pictures, on the first device.

    The sample is held in memory, packed as in the records: 19 MB for 128 pictures of 224x224.
    """

    def __init__(self, state: State, settings: TrainSettings, dataset: Dataset):
        split, labels = settings.validation_split, settings.class_weight > 0
        index = shards.index_records(dataset, split)
        order = records_order.epoch_order(len(index), _SAMPLE_SEED, 0)
        sample = np.sort(order[: settings.validation_records])
        self._batches = [batch for _, batch in shards.read_batches(dataset, index, sample, BATCH, labels)]
        self._answer = _make_answer(state, dataset.settings.encoding)

    def __call__(self) -> Judgement:
        """Scores the network."""
        values, pictures = zip(*map(self._answer, self._batches), strict=True)
        columns = {name: np.concatenate([part[name] for part in values]) for name in values[0]}
        means = {name: float(column.mean()) for name, column in columns.items()}
        means["chroma"] = means["chroma"] / max(means.pop("true_chroma"), 1e-6)
        return Judgement(means, pictures[0])


def _make_answer(state: State, encoding: str):
    model, loss = state.model, state.loss

    @tf.function
    def answer(batch: dict) -> tuple[dict, tf.Tensor]:
        inputs, targets = batches_input.to_network(batch, encoding)
        outputs = model({name: inputs[name] for name in model.input}, training=False)
        coloured = colours.predicted_rgb(targets, outputs)  # (B, S, S, 3), as the truth
        truth = colours.true_rgb(targets)
        values = loss(targets, outputs) | {
            "psnr": -10.0 * ops.log10(ops.maximum(ops.mean(ops.square(coloured - truth), axis=(1, 2, 3)), 1e-10)),
            "chroma": _chroma(outputs["ab"]),
            "true_chroma": _chroma(targets["ab"]),
        }
        shown = {name: part[:PICTURES] for name, part in targets.items()}
        grey = colours.true_rgb(shown | {"ab": ops.zeros_like(shown["ab"])})
        row = ops.concatenate([grey, coloured[:PICTURES], truth[:PICTURES]], axis=2)  # (n, S, 3 S, 3)
        return values, ops.cast(ops.round(255.0 * row), "uint8")

    return lambda batch: keras.tree.map_structure(np.asarray, answer(batch))


def _chroma(ab):
    """Mean distance from grey, float32 [B], in units of a*, b*."""
    return ops.mean(128.0 * ops.norm(ops.cast(ab, "float32"), axis=-1), axis=(1, 2))
