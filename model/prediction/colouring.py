"""The colours of one picture, before they are painted: as the network sees it, with what hints change, in variants."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from PIL import Image

from tintmill.model.painting.change import Change
from tintmill.model.prediction import spread, variants
from tintmill.model.prediction.hints import Hint
from tintmill.pipeline.common.errors import TintmillError

MOST_VARIANTS = 16


@dataclasses.dataclass(frozen=True)
class Colouring:
    """Colours for `finish.paint`: `ab`, float32 [h, w, 2], and what hints change of them, or None."""

    ab: np.ndarray
    change: Change | None


@dataclasses.dataclass(frozen=True)
class Colourings:
    """Several colourings of a picture, the network's own first.

    Attributes:
      variants: at least one.
      logits: float32 [h, w, 313] of the bins, with hints where there are some; None of a network without bins.
    """

    variants: tuple[Colouring, ...]
    logits: np.ndarray | None


def predict_colourings(
    colorizer, grey: np.ndarray, temperature: float | None = None, hints: Sequence[Hint] = (), count: int = 1
) -> Colourings:
    """Colours of a picture of any size.

    Args:
      colorizer: a `found.Colorizer`.
      grey: uint8 [H, W].
      temperature: of the annealed mean; None is the network's own.
      hints: colours that are known at pixels of the picture; they hold in all variants.
      count: of variants.
    Raises:
      TintmillError: temperature or variants of a network without bins, or hints of one that takes none.
    """
    _check_variants(count, colorizer)
    image = Image.fromarray(grey)
    plain = colorizer.predict(image, temperature)
    found = [plain.ab] if count == 1 else variants.find_variants(plain, grey, count, temperature)
    if not hints:
        return Colourings(tuple(Colouring(ab, None) for ab in found), plain.logits)
    told = colorizer.predict(image, temperature, hints)
    changed = [Colouring(ab, spread.find_change(grey, ab, told.ab, hints)) for ab in found]
    return Colourings(tuple(changed), told.logits)


def _check_variants(count: int, colorizer) -> None:
    if not 1 <= count <= MOST_VARIANTS:
        raise TintmillError(f"variants={count}: wanted 1 to {MOST_VARIANTS}")
    if count > 1 and not colorizer.has_bins:
        raise TintmillError(
            f"variants={count}: the network predicts colours without bins, it knows of no others; ask for one, or "
            "train with --loss=bins"
        )
