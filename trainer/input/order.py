"""In which order a run sees the records of its split: a pure function of (records, weights, seed, step).

The records of an epoch are a seeded permutation; epochs follow each other without a gap, so every batch is full. With
weights, an epoch has as many records of each folder as its weight says, and takes them in turn: of a folder all records
are seen equally often, to within one.
"""

import functools

import numpy as np

from tintmill.pipeline.common.errors import TintmillError, WrongFlagError


@functools.lru_cache(maxsize=2)
def epoch_order(records: int, seed: int, epoch: int) -> np.ndarray:
    """The order of an epoch of all records: a permutation of 0..records-1, int64."""
    return np.random.Generator(np.random.Philox(key=[seed, epoch])).permutation(records)


def step_records(records: int, seed: int, step: int, batch: int) -> np.ndarray:
    """Which records step `step` (from 0) trains on: int64 [batch]. A batch may end one epoch and begin the next."""
    return _take(lambda epoch: epoch_order(records, seed, epoch), records, step, batch)


class Weighted:
    """An order in which some folders come more often than others.

    Args:
      groups: int64 [N], the folder of each record, 0, 1, ...; `weights`: of each folder, how often an epoch has each of
        its records in the mean.
    """

    def __init__(self, groups: np.ndarray, weights: list[float], seed: int):
        self._members = [np.flatnonzero(groups == group) for group in range(len(weights))]
        self._counts = [round(len(own) * weight) for own, weight in zip(self._members, weights, strict=True)]
        self._seed, self.length = seed, sum(self._counts)
        self._epoch = functools.lru_cache(maxsize=2)(self._mix)

    def step_records(self, step: int, batch: int) -> np.ndarray:
        """As the function of this name."""
        return _take(self._epoch, self.length, step, batch)

    def _mix(self, epoch: int) -> np.ndarray:
        """The records of an epoch in their order. Each folder is an endless row of permutations, cut into epochs."""
        parts = []
        for group, (members, count) in enumerate(zip(self._members, self._counts, strict=True)):
            if count:
                # A seed of its own, so that two folders of one size are not shuffled alike.
                seed = self._seed + (group + 1) * (1 << 32)
                parts.append(members[step_records(len(members), seed, epoch, count)])
        return np.concatenate(parts)[epoch_order(self.length, self._seed, epoch)]


def _take(epoch_of, length: int, step: int, batch: int) -> np.ndarray:
    """The records of a step out of the row of epochs that `epoch_of` gives, each of `length` records."""
    positions = np.arange(step * batch, (step + 1) * batch)
    epochs = positions // length
    return np.concatenate([epoch_of(int(e))[positions[epochs == e] % length] for e in np.unique(epochs)])


def parse_weights(text: str) -> dict[str, float]:
    """`scenes:0.5,faces:2` as {"scenes": 0.5, "faces": 2.0}.

    Raises:
      WrongFlagError: a part is no NAME:WEIGHT, or a weight is below 0.
    """
    found = {}
    for part in filter(None, text.split(",")):
        name, _, weight = part.rpartition(":")
        try:
            found[name] = float(weight)
        except ValueError:
            found[name] = -1.0
        if not name or not 0 <= found[name] < float("inf"):
            raise WrongFlagError(
                f"--folder_weights={text}: {part!r}; wanted FOLDER:WEIGHT,... with weights of 0 or more"
            )
    return found


def weigh(ids: list[str], text: str, seed: int) -> Weighted:
    """The order of records with these ids, by `--folder_weights`.

    A record counts by the first folder in its id that has a weight, an archive's name among the folders; 1 without.

    Raises:
      TintmillError: a folder is in no id, or no record is left.
    """
    weights = parse_weights(text)
    found = [next((folder for folder in name.split("/")[:-1] if folder in weights), None) for name in ids]
    missing = sorted(set(weights) - set(found))
    if missing:
        raise TintmillError(
            f"--folder_weights: no training picture is in the folder {missing[0]!r}; the first one is {ids[0]!r}"
        )
    number = {name: i for i, name in enumerate([*weights, None])}
    groups = np.array([number[name] for name in found])
    order = Weighted(groups, [*weights.values(), 1.0], seed)
    if not order.length:
        raise TintmillError(f"--folder_weights={text}: no picture is left to train on")
    return order
