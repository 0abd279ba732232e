"""Bytes of a picture file -> bytes of the coloured one, of the same kind, size and depth."""

import dataclasses
import io
import math
import os
from collections.abc import Sequence

import numpy as np
from PIL import Image

from tintmill.model.files import picture_file, xmp
from tintmill.model.files.not_coloured import NotColoured
from tintmill.model.painting import finish
from tintmill.model.prediction import hints_file
from tintmill.model.prediction.colouring import predict_colourings
from tintmill.model.prediction.hints import Hint
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.common.options import option
from tintmill.pipeline.imaging import lab, photo

_COLOURS, _FILES = "Colours", "Files"  # headings of the help
_COLOUR = 1.0  # mean chroma of the source from which on it is called toned


@dataclasses.dataclass(frozen=True)
class Options:
    """How pictures are coloured and written.

    Attributes:
      temperature: of the annealed mean of a network with bins; None is the network's own.
      chroma: a* and b* are multiplied by it: 0 is grey, 1 as predicted.
      upsample: one of `finish.UPSAMPLE`.
      quality: of JPEG and lossy WebP, 1 to 100.
      uncertainty: whether to make the map of `Coloured.uncertainty`.
    Raises:
      TintmillError: a value out of its range, by the name of its flag.
    """

    temperature: float | None = option(
        None, "Of a network with bins: 1 is the mean, near 0 the mode; by default 0.38.", _COLOURS
    )
    chroma: float = option(1.0, "Factor on the colours' strength: 0 is grey.", _COLOURS)
    upsample: str = option(
        "bilinear", "How colours come to the picture's size: bilinear, or guided by its edges.", _COLOURS
    )
    quality: int = option(95, "Of JPEG and WebP, 1 to 100.", _FILES)
    uncertainty: bool = option(
        False, "Also write NAME.uncertainty.png: how unsure a network with bins is. Pictures only.", _FILES
    )

    def __post_init__(self):
        if self.temperature is not None and not 0 < self.temperature < math.inf:
            raise TintmillError(
                f"--temperature={self.temperature}: wanted a positive number; 1 is the mean, near 0 the mode"
            )
        if not 0 <= self.chroma < math.inf:
            raise TintmillError(f"--chroma={self.chroma}: wanted 0 (grey) or more; 1 leaves colours as predicted")
        if self.upsample not in finish.UPSAMPLE:
            raise TintmillError(f"--upsample={self.upsample}: wanted one of {', '.join(finish.UPSAMPLE)}")
        if not 1 <= self.quality <= 100:
            raise TintmillError(f"--quality={self.quality}: wanted 1 to 100")


@dataclasses.dataclass(frozen=True)
class Coloured:
    """A coloured picture file.

    Attributes:
      data, extension: its bytes and how its name ends: .jpg, .png, .tif or .webp.
      facts: what was found and done, ready for JSON: width, height, bits, format (of the source), pages (of which the
        first was coloured), alpha, profile (what the source's ICC profile calls itself, or None; written is sRGB),
        orientation (that was applied), toned (it had colours, which were ignored), reduced (the share of pixels whose
        chroma was reduced to fit sRGB).
      uncertainty: PNG, 8-bit grey, of the picture's size: how evenly the bins share each pixel (the entropy of their
        distribution): 0 where one has all, 255 where all are alike. None unless asked for.
      others: the bytes of the other variants, where several were asked for.
    """

    data: bytes | memoryview
    extension: str
    facts: dict
    uncertainty: bytes | None
    others: tuple[bytes | memoryview, ...] = ()

    @property
    def variants(self) -> tuple[bytes | memoryview, ...]:
        """The bytes of all variants, the network's own colours first."""
        return self.data, *self.others


def colour_bytes(
    data: bytes,
    colorizer,
    options: Options,
    limits: photo.Limits,
    provenance: dict[str, str],
    hints: Sequence[Hint] = (),
    variants: int = 1,
) -> Coloured:
    """Colours a picture file; an uncoloured one is never returned.

    Args:
      data: the file.
      colorizer: of which `predict` and `has_bins` are used.
      provenance: written into the picture's XMP beside "automatically coloured": the model, its digest, settings.
      hints: colours that are known at pixels of the upright picture; the colorizer takes hints.
      variants: how many colourings are made.
    Raises:
      photo.Rejected: with the reason code.
      NotColoured: a hint is outside the picture.
      TintmillError: temperature, uncertainty or variants of a network without bins.
    """
    if options.uncertainty and not colorizer.has_bins:
        raise TintmillError(
            "--uncertainty: the network predicts colours without bins, it does not say how sure it is; leave the flag "
            "out, or train with --loss=bins"
        )
    picture = picture_file.read(data, limits)
    del data  # nobody else may hold it, and there are a file and a picture to come
    if hints:
        _check_hints(hints, picture)
    found = predict_colourings(colorizer, picture.visible_grey(), options.temperature, hints, variants)
    facts = _facts(picture)
    written, packet = [], xmp.packet(provenance, picture.xmp)
    for number, one in enumerate(found.variants, 1):
        over = number == variants  # whoever is last may paint over the picture
        painted = finish.paint_counted(picture.pixels, one.ab, options.chroma, options.upsample, one.change, over)
        if number == 1:
            facts["reduced"] = round(painted.reduced, 6)
        written.append(picture_file.write(picture, painted.pixels, options.quality, packet))
    uncertainty = _uncertainty(found.logits, *picture.pixels.shape[:2]) if options.uncertainty else None
    extension = picture_file.EXTENSIONS.get(picture.format, ".png")
    return Coloured(written[0], extension, facts, uncertainty, tuple(written[1:]))


def name_variants(name: str, count: int) -> list[str]:
    """What the files of a picture's variants are called: a.variant-1.jpg and so on, of a.jpg."""
    stem, extension = os.path.splitext(name)
    return [f"{stem}.variant-{number}{extension}" for number in range(1, count + 1)]


def _check_hints(hints: Sequence[Hint], picture: picture_file.Picture) -> None:
    height, width = picture.pixels.shape[:2]
    try:
        hints_file.check_inside(hints, "--hints", (width, height))
    except TintmillError as error:
        raise NotColoured("bad_hints", str(error)) from error


def _facts(picture: picture_file.Picture) -> dict:
    height, width = picture.pixels.shape[:2]
    return {
        "width": width,
        "height": height,
        "bits": 8 * picture.pixels.dtype.itemsize,
        "format": picture.format,
        "pages": picture.pages,
        "alpha": picture.alpha is not None,
        "profile": picture.profile,
        "orientation": picture.orientation,
        "toned": _mean_chroma(picture.pixels) > _COLOUR,
    }


def _mean_chroma(pixels: np.ndarray) -> float:
    """Of about every hundredth row and column: enough to tell a toned picture from a grey one."""
    if pixels.ndim == 2:
        return 0.0
    steps = [max(1, length // 100) for length in pixels.shape[:2]]
    some = pixels[:: steps[0], :: steps[1]] / np.float32(np.iinfo(pixels.dtype).max)
    return float(np.hypot(*np.moveaxis(lab.rgb_to_lab(some)[..., 1:], -1, 0)).mean())


def _uncertainty(logits: np.ndarray, height: int, width: int) -> bytes:
    enlarged = finish.Enlarged(entropy(logits)[None], width, height)
    levels = np.empty((height, width), np.uint8)
    for rows in finish.blocks(height, width):
        levels[rows] = np.rint(enlarged.rows(rows)[0] * 255.0)
    buffer = io.BytesIO()
    Image.fromarray(levels).save(buffer, "PNG")
    return buffer.getvalue()


def entropy(logits: np.ndarray) -> np.ndarray:
    """The entropy of each pixel's bins at temperature 1, as a share of the greatest: float32 [h, w] of [h, w, bins]."""
    scaled = logits - logits.max(axis=-1, keepdims=True)
    share = np.exp(scaled)
    total = share.sum(axis=-1)
    # H = -sum p log p with log p = scaled - log total; bins of share 0 add 0.
    bits = np.log(total) - (share * scaled).sum(axis=-1) / total
    return np.clip(bits / np.log(logits.shape[-1]), 0.0, 1.0).astype(np.float32)
