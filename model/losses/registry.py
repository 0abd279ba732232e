"""The losses by name: those of pixels, one of which --loss names, and the parts that are added by a weight.

A loss is a function (targets, outputs) -> one value a picture, float32 [B]. `building` says what it is given.

A new loss of pixels is a function and a line of `PIXEL_LOSSES`. A new part is a function, a line of `WEIGHTED_PARTS`
and the field `NAME_weight` of `LossSettings`. Keras is imported when a loss is built, not before.

All losses are means over pixels and channels. Published weights belong to other scales: Iizuka's 1/300 stands beside a
sum over pixels, and DDColor's code sums colourfulness over a batch. So none of them is a default here: all weights are
0.
"""

import dataclasses
import importlib
from collections.abc import Callable

from tintmill.pipeline.common.errors import WrongFlagError

LossFunction = Callable[[dict, dict], object]  # of targets and outputs


@dataclasses.dataclass(frozen=True)
class Loss:
    """What is known of a loss before it is built.

    Attributes:
      description: one line.
      function: `module.function` of this package, the loss itself.
      make: `module.function` of this package that makes the loss: (settings, histogram) -> loss. `histogram` is a
        function that returns the training split's pixels in each ab bin, [313].
      judges: the output of the network that it judges: "ab", "bins" or "class_logits".
      lacking: what is said of a network without that output.
    """

    description: str
    function: str = ""
    make: str = ""
    judges: str = "ab"
    lacking: str = ""

    def build(self, settings, histogram) -> LossFunction:
        return _load(self.make)(settings, histogram) if self.make else _load(self.function)

    @property
    def has_own_learner(self) -> bool:
        """Whether the trainer computes it beside the others, because something else learns with the network."""
        return not (self.function or self.make)


PIXEL_LOSSES: dict[str, Loss] = {
    "mse": Loss("mean squared error of a*/128, b*/128", "pixels.mse"),
    "l1": Loss("mean absolute error of a*/128, b*/128", "pixels.l1"),
    "huber": Loss("squared within one unit of a*, b*, absolute beyond", "pixels.huber"),
    "bins": Loss("cross entropy over the 313 ab bins", make="bin_entropy.make", judges="bins", lacking="has no bins"),
}
WEIGHTED_PARTS: dict[str, Loss] = {
    "class": Loss(
        "cross entropy of the picture's class",
        "classification.classification",
        judges="class_logits",
        lacking="does not classify",
    ),
    "colourfulness": Loss("1 - M3/100, which rewards colour", "colourfulness.colourfulness"),
    "perceptual": Loss("difference of a classifier's features", make="perceptual.make"),
    "adversarial": Loss("verdict of a critic that learns beside the network (`blocks.discriminator`)"),
}


def find(name: str) -> Loss:
    """A loss of pixels.

    Raises:
      WrongFlagError: no such loss.
    """
    if name not in PIXEL_LOSSES:
        raise WrongFlagError(f"--loss={name}: wanted one of {', '.join(PIXEL_LOSSES)}")
    return PIXEL_LOSSES[name]


def weight_of(settings, part: str) -> float:
    """The weight of a part, 0 for one that is not asked for."""
    return getattr(settings, f"{part}_weight")


def parts_of(settings) -> dict[str, float]:
    """The parts that have a weight, with it."""
    return {name: weight_of(settings, name) for name in WEIGHTED_PARTS if weight_of(settings, name)}


def _load(path: str) -> Callable:
    module, _, function = path.partition(".")
    return getattr(importlib.import_module(f"tintmill.model.losses.{module}"), function)
