"""Builds what a training minimises: a loss of pixels and parts that are added by a weight.

Every loss is a function (targets, outputs) -> one value a picture, float32 [B]. The trainer averages over replicas.

targets: {"l": float32 [B, H, W, 1] in L*/50 - 1, "ab": float32 [B, H, W, 2] in a*/128, b*/128, "label": int64 [B]}; the
label is there where --class_weight asks for it, -1 for a picture without class. outputs: the network's.
"""

from collections.abc import Callable

from tintmill.model.losses.registry import PIXEL_LOSSES, WEIGHTED_PARTS, LossFunction, find, parts_of
from tintmill.model.losses.settings import LossSettings
from tintmill.pipeline.common.errors import TintmillError


def build(settings: LossSettings, histogram) -> Callable[[dict, dict], dict]:
    """The loss that the settings ask for, less its adversarial part, which has a learner of its own (`discriminator`).

    Must be called where the network was: a perceptual network's variables belong to the same devices.

    Args:
      histogram: a function that returns the training split's pixels in each bin, [313]; only --loss=bins asks it.
    Returns:
      A function (targets, outputs) -> {"loss": the weighted sum, float32 [B], and each part, unweighted, by its name
      where there are several}.
    Raises:
      TintmillError: no such loss, or the perceptual network cannot be loaded.
    """
    terms = _terms(settings, histogram)

    def loss(targets: dict, outputs: dict) -> dict:
        parts = {name: function(targets, outputs) for name, _, function in terms}  # (B,) each
        total = sum(weight * parts[name] for name, weight, _ in terms)  # (B,)
        return {"loss": total} | {name: parts[name] for name in part_names(settings) if name in parts}

    return loss


def part_names(settings: LossSettings) -> tuple[str, ...]:
    """The total, "loss", and where it has several parts the names of them."""
    more = parts_of(settings)
    return ("loss", settings.loss, *more) if more else ("loss",)


def check_outputs(settings: LossSettings, network: str, outputs: dict) -> None:
    """Raises TintmillError where a loss judges what the network does not give."""
    loss = find(settings.loss)
    if loss.judges not in outputs:
        others = ", ".join(name for name, other in PIXEL_LOSSES.items() if other.judges == "ab")
        raise TintmillError(f"--loss={settings.loss}: --network={network} {loss.lacking}; give {others}")
    for name, weight in parts_of(settings).items():
        part = WEIGHTED_PARTS[name]
        if part.judges not in outputs:
            raise TintmillError(f"--{name}_weight={weight}: --network={network} {part.lacking}; give 0")


def _terms(settings: LossSettings, histogram) -> list[tuple[str, float, LossFunction]]:
    """(name, weight, function) of each part that is computed here."""
    found = {settings.loss: find(settings.loss)}
    found |= {name: WEIGHTED_PARTS[name] for name in parts_of(settings)}
    weights = {settings.loss: 1.0} | parts_of(settings)
    return [
        (name, weights[name], loss.build(settings, histogram))
        for name, loss in found.items()
        if not loss.has_own_learner
    ]
