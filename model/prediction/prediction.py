"""What a colorizer answers, whether it is a run or an exported model."""

import dataclasses

import numpy as np

from tintmill.model.painting import finish
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.imaging import ab_bins


@dataclasses.dataclass(frozen=True)
class Prediction:
    """Colours at the network's resolution.

    Attributes:
      ab: float32 [h, w, 2]: a*, b*.
      logits: float32 [h', w', 313] of the bins, at a resolution of their own; None of a network without.
    """

    ab: np.ndarray
    logits: np.ndarray | None


def anneal(logits: np.ndarray, temperature: float, size: tuple[int, int]) -> np.ndarray:
    """What `heads.colours` does with the logits, at another temperature than the network's own.

    Args:
      logits: float32 [h, w, 313].
      size: (height, width) of the result, at most twice the logits', or the next power of two times as large.
    Returns:
      float32 [height, width, 2]: a*, b*.
    """
    share = np.exp((logits - logits.max(axis=-1, keepdims=True)) / np.float32(temperature))  # (h, w, 313)
    share /= share.sum(axis=-1, keepdims=True)
    maps = np.ascontiguousarray((share @ ab_bins.centres()).transpose(2, 0, 1))  # (2, h, w)
    side = _side(maps.shape[1:], size)
    large = finish.resize(maps, side * maps.shape[2], side * maps.shape[1])  # (2, side h, side w)
    return np.ascontiguousarray(large[:, : size[0], : size[1]].transpose(1, 2, 0))


def _side(small: tuple[int, int], size: tuple[int, int]) -> int:
    """How many pixels of the result, in height and width, a position of the logits stands for: a power of two."""
    side = 2
    while side * small[0] < size[0] or side * small[1] < size[1]:
        side *= 2
    return side


def refuse_temperature(temperature: float, network: str, remedy: str = "leave the flag out") -> TintmillError:
    """The error of a temperature for a network without bins, `network` in words."""
    return TintmillError(
        f"--temperature={temperature}: {network} predicts colours without bins, it has no temperature; {remedy}"
    )


def refuse_hints(count: int, network: str) -> TintmillError:
    """The error of hints for a network that takes none, `network` in words."""
    return TintmillError(
        f"{count} hints: {network} takes none, it was trained without; leave them out, or train with --hints"
    )


TRAIN_WITH_BINS = "leave the flag out, or train with --loss=bins"  # the remedy where the network is a run's
