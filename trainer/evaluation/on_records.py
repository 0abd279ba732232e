"""A run's answers on a split of a dataset, as a source of scores."""

import dataclasses
from collections.abc import Iterator

import numpy as np

from tintmill.model.prediction.hints import draw
from tintmill.pipeline.dataset.manifest import Dataset
from tintmill.pipeline.imaging import lab
from tintmill.trainer.evaluation.reveal import HINTS, reveal
from tintmill.trainer.evaluation.scoring import Example


@dataclasses.dataclass(frozen=True)
class Answer:
    """A record's Lab, float32 [S, S, 3], and the network's a* and b* for it, float32 [S, S, 2]."""

    id: str
    lab: np.ndarray
    ab: np.ndarray


class Records:
    """A trained network on the records of a split, a `scoring.Source`."""

    mean_name = "dataset mean"

    def __init__(self, model, name: str, dataset: Dataset, split: str, batch: int, hints: int = 0):
        self.answer, self.mean_ab, self.histogram = name, dataset.mean_ab, dataset.ab_histogram(split)
        self._model, self._dataset, self._split, self._batch, self._hints = model, dataset, split, batch, hints

    def examples(self, numbers: list[int] | None = None) -> Iterator[Example]:
        for found in predictions(self._model, self._dataset, self._split, self._batch, numbers, self._hints):
            coloured = np.concatenate([found.lab[..., :1], found.ab], axis=-1)
            yield Example(found.id, found.lab, lab.lab_to_rgb8(found.lab), lab.lab_to_rgb8(coloured))

    def card(self) -> dict[str, str]:
        settings, counted = self._dataset.settings, self._dataset.manifest.pictures
        rejected = counted.rejected
        named = f" ({', '.join(f'{n} {code}' for code, n in rejected.items())})" if rejected else ""
        return {
            "resize": f"{settings.fit} to {settings.size}x{settings.size}, antialiased bicubic, by prepare",
            "rounding": f"the record's Lab as {settings.encoding}; truth and answers rounded to 8 bits",
            "truth": f"the record's Lab ({settings.encoding}) as 8-bit sRGB",
            "pictures": f"the record's L* with the network's ab, chroma reduced into sRGB{self._told()}",
            "left_out": (
                f"of the split {self._split}: none; {self._dataset.splits[self._split]} scored; of all splits, by "
                f"prepare: {sum(rejected.values())} of {counted.read}{named}"
            ),
        }

    def _told(self) -> str:
        return f"; the network is told {self._hints} hints, {HINTS}" if self._hints else ""


def predictions(
    model, dataset: Dataset, split: str, batch: int, numbers: list[int] | None = None, hints: int = 0
) -> Iterator[Answer]:
    """Every record of the split (or those of these numbers) with the network's answer, in shard order.

    Args:
      hints: places of each truth whose colour the network is told, see `reveal`.
    """
    from tqdm import tqdm

    from tintmill.trainer.input import batches as records_input
    from tintmill.trainer.input import shards

    index = shards.index_records(dataset, split)
    wanted_records = np.arange(len(index)) if numbers is None else np.array(numbers)
    batches = shards.read_batches(dataset, index, wanted_records, batch)
    count = -(-len(wanted_records) // batch)
    for data, parsed in tqdm(batches, total=count, unit=" batches", disable=numbers is not None):
        inputs, targets = records_input.to_network(parsed, dataset.settings.encoding)
        ids = shards.parse_ids(data)
        if hints:
            inputs["hints"] = _reveal(np.asarray(targets["ab"]) * 128.0, ids, hints)
        wanted = {name: inputs[name] for name in model.input}  # not every network wants the embedding
        predicted = np.asarray(model(wanted, training=False)["ab"], np.float32) * 128.0  # (B, S, S, 2)
        lightness = (np.asarray(inputs["l"]) + 1.0) * 50.0  # (B, S, S, 1), L* 0..100
        truth = np.concatenate([lightness, np.asarray(targets["ab"]) * 128.0], axis=-1)  # (B, S, S, 3)
        for name, *arrays in zip(ids, truth, predicted, strict=True):
            yield Answer(name, *arrays)


def _reveal(ab: np.ndarray, ids: list[str], count: int) -> np.ndarray:
    """The hints of a batch from its true a*, b* [B, S, S, 2]: float32 [B, S, S, 3]."""
    height, width = ab.shape[1:3]
    size = (width, height)
    return np.stack([draw(reveal(each, name, count), size, size) for each, name in zip(ab, ids, strict=True)])
