"""Bytes of a picture file in, bytes of the coloured one out."""

import dataclasses
import io

import numpy as np
from PIL import Image

from model.finish import paint
from pipeline import lab, photo


@dataclasses.dataclass(frozen=True)
class Options:
    temperature: float | None = None
    chroma: float = 1.0
    upsample: str = "bilinear"
    quality: int = 95
    uncertainty: bool = False


@dataclasses.dataclass(frozen=True)
class Coloured:
    data: bytes
    extension: str
    facts: dict
    uncertainty: bytes | None


def colour_bytes(data: bytes, colorizer, options: Options, limits: photo.Limits, provenance: dict) -> Coloured:
    kind = "JPEG" if photo.sniff(data) in ("JPEG", "MPO") else "PNG"
    pixels = np.asarray(photo.decode(data, limits))
    ab = colorizer.predict_ab(Image.fromarray(lab.to_grey(pixels)), options.temperature)
    buffer = io.BytesIO()
    Image.fromarray(paint(pixels, ab, options.chroma, options.upsample)).save(buffer, kind)
    return Coloured(buffer.getvalue(), {"JPEG": ".jpg", "PNG": ".png"}[kind], {}, None)
