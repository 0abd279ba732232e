"""How often each a*, b* occurs in pictures."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class AbHistogram:
    """`counts`: pixels, [N, N], rows a*, columns b*; bin i is from `low` + i * `step` on."""

    name: str
    counts: np.ndarray
    low: float
    step: float

    @property
    def shares(self) -> np.ndarray:
        return self.counts / max(1, self.counts.sum())

    @property
    def high(self) -> float:
        return self.low + len(self.counts) * self.step
