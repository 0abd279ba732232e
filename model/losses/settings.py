"""What a training minimises. Not in `losses`, which imports Keras: wrong flags are refused before that is loaded."""

import dataclasses
import math

from tintmill.pipeline.common.errors import TintmillError


@dataclasses.dataclass(frozen=True)
class LossSettings:
    """total = loss + class_weight * class + colourfulness_weight * colourfulness + perceptual_weight * perceptual
    + adversarial_weight * adversarial, each of them one value a picture (`losses`); a weight of 0 computes nothing.

    Attributes:
      loss: what judges the colour of each pixel, one of `losses.LOSSES`.
      rebalance: of `--loss=bins`: how far the weights of the bins are mixed towards 1 (Zhang et al. 2016, lambda).
      perceptual_network: one of `perceptual.NETWORKS`.
      perceptual_weights: `imagenet` (downloaded), `random`, or a weights file.
    """

    loss: str = "mse"
    rebalance: float = 0.5
    class_weight: float = 0.0
    colourfulness_weight: float = 0.0
    perceptual_weight: float = 0.0
    perceptual_network: str = "vgg16"
    perceptual_weights: str = "imagenet"
    adversarial_weight: float = 0.0

    def __post_init__(self):
        _check(0 < self.rebalance <= 1, "rebalance", self.rebalance, "above 0, at most 1 (1 is no rebalancing)")
        for name in ("class_weight", "colourfulness_weight", "perceptual_weight", "adversarial_weight"):
            _check(0 <= getattr(self, name) < math.inf, name, getattr(self, name), "0 (off) or a positive number")


def _check(condition, name: str, found, wanted: str) -> None:
    if not condition:
        raise TintmillError(f"--{name}={found}: wanted {wanted}")
