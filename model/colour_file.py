"""Bytes of a picture file in, bytes of the coloured one out."""

import dataclasses
import io

from PIL import Image

from pipeline import photo


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


def colour_bytes(
    data: bytes, colorizer, options: Options, limits: photo.Limits, provenance: dict[str, str]
) -> Coloured:
    kind = "JPEG" if photo.sniff(data) in ("JPEG", "MPO") else "PNG"
    image = Image.fromarray(colorizer(photo.decode(data, limits)))
    buffer = io.BytesIO()
    image.save(buffer, kind, **({"quality": options.quality, "subsampling": 0} if kind == "JPEG" else {}))
    mark = buffer.getvalue() if options.uncertainty else None
    return Coloured(buffer.getvalue(), {"JPEG": ".jpg", "PNG": ".png"}[kind], {"width": image.width}, mark)
