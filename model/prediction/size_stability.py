"""Whether a picture has the same colours whatever size it is given at.

A network of convolutions sees other things in a larger picture; colorizers that run it at the picture's size colour a
thumbnail and its original differently.
"""

import collections
import dataclasses
from collections.abc import Iterable

import numpy as np
from PIL import Image

from tintmill.model.painting import finish
from tintmill.pipeline.imaging import fidelity, lab

SIZES = (256, 512, 1024)


def compare_sizes(colorizer, image: Image.Image, sizes: tuple[int, ...] = SIZES) -> dict:
    """How far the colours of a picture at larger sizes are from those at the smallest.

    Of each size only the colours are taken, and compared on the smallest picture's L*: resizing changes L*, too.

    Args:
      colorizer: of which `predict_ab` is used.
      image: PIL image of mode RGB, upright.
      sizes: of the shorter side, ascending; those above the picture's own are left out.
    Returns:
      {"sizes": those that were compared, "ciede2000": the mean difference of each but the first from the first}.
    """
    sizes = [size for size in sizes if size <= min(image.size)]
    if not sizes:
        return {"sizes": [], "ciede2000": []}
    small = np.asarray(_resized(image, sizes[0]))
    coloured = []
    for size in sizes:
        grey = Image.fromarray(lab.to_grey(np.asarray(_resized(image, size))))
        coloured.append(finish.paint(small, colorizer.predict_ab(grey)))
    return {"sizes": sizes, "ciede2000": [fidelity.ciede2000(coloured[0], other) for other in coloured[1:]]}


def mean_differences(colorizer, images: Iterable[Image.Image]) -> dict[int, tuple[float, int]]:
    """`compare_sizes` over pictures: {size: (mean CIEDE2000 from the smallest size, of how many pictures)}."""
    found = collections.defaultdict(list)
    for image in images:
        compared = compare_sizes(colorizer, image)
        for size, difference in zip(compared["sizes"][1:], compared["ciede2000"], strict=True):
            found[size].append(difference)
    return {size: (float(np.mean(values)), len(values)) for size, values in sorted(found.items())}


@dataclasses.dataclass(frozen=True)
class AtGivenSize:
    """A `Colorizer` that runs its network at the size of each picture, as other programs do: for comparison."""

    colorizer: object

    def predict_ab(self, grey: Image.Image) -> np.ndarray:
        return self.colorizer.at_side(min(grey.size)).predict_ab(grey)


def _resized(image: Image.Image, side: int) -> Image.Image:
    scale = side / min(image.size)
    return image.resize(tuple(round(length * scale) for length in image.size), Image.Resampling.BICUBIC)
