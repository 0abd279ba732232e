"""From a picture's bytes to what its record holds: decoded, framed, filtered, converted, and seen by the embedder."""

import dataclasses

import numpy as np
from PIL import Image

from tintmill.pipeline.dataset import embed, record
from tintmill.pipeline.dataset.settings import Settings
from tintmill.pipeline.imaging import filters, lab, photo
from tintmill.pipeline.listing.reference import Reference
from tintmill.pipeline.sources.reuse_lab import StoredRecord

# JPEGs are decoded at a smaller scale only while both sides stay this many times what is needed: nothing visible.
_REDUCTION_MARGIN = 2


@dataclasses.dataclass(frozen=True)
class Picture:
    """A checked, resized picture on its way into a record.

    `rgb`: uint8 [S, S, 3] sRGB. `packed`: its Lab in the record's encoding. `view`: what the embedder sees, uint8
    [E, E], or None. `height`, `width`: of the original.
    """

    reference: Reference
    rgb: np.ndarray
    packed: np.ndarray
    view: np.ndarray | None
    height: int
    width: int


def make_picture(settings: Settings, reference: Reference, data: bytes | StoredRecord) -> Picture:
    """Decodes, frames and converts a picture; a stored record has all that behind it.

    Raises:
      Rejected: it is no picture within the limits, or it is filtered out.
    """
    if isinstance(data, StoredRecord):
        return _take_over(settings, reference, data)
    image, (width, height) = photo.decode_reduced(data, settings.limits, decoded_side(settings))
    rgb = photo.fit(image, settings.size, settings.fit)
    values = lab.rgb_to_lab(rgb)
    code = filters.find_reason(rgb, values, settings.drop_grey, settings.drop_uniform, settings.drop_letterbox)
    if code:
        raise photo.Rejected(code)
    view = None
    if settings.embedder:
        grey = Image.fromarray(lab.to_grey(np.asarray(image)))
        view = embed.frame_view(grey, settings.fit, settings.embedder)
    return Picture(reference, rgb, lab.pack(values, settings.encoding), view, height, width)


def _take_over(settings: Settings, reference: Reference, stored: StoredRecord) -> Picture:
    packed = record.stored_pixels(stored.lab, settings.encoding, settings.size)
    values = lab.unpack(packed, settings.encoding)
    view = None
    if settings.embedder:
        grey = lab.lab_to_rgb8(values * np.array([1, 0, 0], np.float32))[..., 0]
        view = embed.frame_view(Image.fromarray(grey), settings.fit, settings.embedder)
    return Picture(reference, lab.lab_to_rgb8(values), packed, view, stored.height, stored.width)


def decoded_side(settings: Settings) -> int | None:
    """The least side a picture must keep when it is decoded at reduced scale; None: decoded whole.

    A JPEG is decoded at 1/2 to 1/8 where both sides stay twice what is needed. A test holds the difference below 0.7
    CIEDE2000.
    """
    if not settings.reduced_decode:
        return None
    sides = [settings.size, embed.NETWORKS[settings.embedder.name].side if settings.embedder else 0]
    return _REDUCTION_MARGIN * max(sides)
