"""What a training minimises, as settings of a run. Keras is not imported: wrong flags are refused before it is."""

import dataclasses

from tintmill.model.losses.registry import PIXEL_LOSSES
from tintmill.pipeline.common import options
from tintmill.pipeline.common.options import Check, option

_NAMES = list(PIXEL_LOSSES)
_WEIGHT = options.at_least(0, "0 (off) or a positive number")
PERCEPTUAL_NETWORKS = ("vgg16", "mobilenet_v2")  # of `perceptual.NETWORKS`, whose module imports Keras
_IS_PERCEPTUAL = Check(PERCEPTUAL_NETWORKS.__contains__, " or ".join(PERCEPTUAL_NETWORKS))
_SHARE = Check(lambda value: 0 < value <= 1, "above 0, at most 1 (1 is no rebalancing)")


@dataclasses.dataclass(frozen=True)
class LossSettings:
    """total = loss + class_weight * class + colourfulness_weight * colourfulness + perceptual_weight * perceptual
    + adversarial_weight * adversarial, each of them one value a picture (`building`); a weight of 0 computes nothing.

    Attributes:
      loss: what judges the colour of each pixel, one of `registry.PIXEL_LOSSES`.
      rebalance: of `--loss=bins`: how far the weights of the bins are mixed towards 1 (Zhang et al. 2016, lambda).
      NAME_weight: of each of `registry.WEIGHTED_PARTS`.
      perceptual_network: one of `perceptual.NETWORKS`.
      perceptual_weights: `imagenet` (downloaded), `random`, or a weights file.
    """

    loss: str = option("mse", f"{', '.join(_NAMES[:-1])} or {_NAMES[-1]}.", "Loss")
    rebalance: float = option(0.5, "Of --loss=bins: how evenly bins count; 1: all alike.", "Loss", check=_SHARE)
    class_weight: float = option(0.0, "Weight of the class's cross entropy.", "Loss", check=_WEIGHT)
    colourfulness_weight: float = option(0.0, "Weight of 1 - M3/100.", "Loss", check=_WEIGHT)
    perceptual_weight: float = option(0.0, "Weight of the perceptual loss.", "Loss", check=_WEIGHT)
    perceptual_network: str = option("vgg16", "vgg16 or mobilenet_v2.", "Loss", check=_IS_PERCEPTUAL)
    perceptual_weights: str = option("imagenet", "imagenet, random or a file.", "Loss")
    adversarial_weight: float = option(0.0, "Weight of a PatchGAN's verdict.", "Loss", check=_WEIGHT)

    def __post_init__(self):
        options.check(self)
