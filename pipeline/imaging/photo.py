"""Bytes of a picture file -> an upright 8-bit sRGB picture, or a reason code why not; then resized to a square.

What a file is, is decided by its content: names and extensions are never looked at (`.jpg` against `.jpeg`, PNGs named
.JPEG). Every failure is a `Rejected` with one of `REASONS`, whatever the decoder raised.
"""

import dataclasses
import functools
import io
import struct
import warnings
import zlib

import numpy as np
from PIL import ExifTags, Image, ImageCms, UnidentifiedImageError

from tintmill.pipeline.imaging import libtiff, work

REASONS = {
    "empty": "the file has no bytes",
    "unreadable": "the file could not be read (permission, a link to nowhere, not a regular file)",
    "changed": "the file or its archive changed or vanished between listing and reading",
    "duplicate_id": "another file has the same id after Unicode normalisation",
    "duplicate_member": "an earlier member of the archive has the same name",
    "unsafe_member": "an archive member with an absolute name or one that climbs out by ..",
    "not_a_file": "an archive member that is a link, a device or a sparse file",
    "encrypted": "an encrypted archive member",
    "unsupported_compression": "a zip member that is neither stored nor deflated",
    "damaged_member": "an archive member whose bytes do not fit its length or checksum",
    "too_large": "more bytes than a picture of --max_pixels can have; neither read nor inflated",
    "outside_layout": "its place is not one where this source keeps pictures",
    "not_a_picture": "no supported picture format recognises the content",
    "unsupported": "a pixel format without a defined 8-bit meaning (32-bit, float)",
    "truncated": "the picture data ends early",
    "damaged": "the picture data is corrupt",
    "too_many_pixels": "more pixels than --max_pixels",
    "too_many_parts": "more passes over its pixels, pages or strips than a photograph has: decoding would take long",
    "too_small": "the shorter side is below --min_side",
    "animated": "an animation, not a photograph",
    "grey": "no a* or b* beyond 5: there is no colour to learn (--drop_grey)",
    "uniform": "one flat colour (--drop_uniform)",
    "letterbox": "bars of one colour along two edges (--drop_letterbox)",
    "duplicate": "the same pixels are in the test or validation split (--drop_duplicates)",
}
# Asked for, not found broken: not held against --max_reject_fraction.
FILTERS = ("grey", "uniform", "letterbox", "duplicate")
FITS = ("crop", "pad", "squash")

# Formats known by their first bytes: EPS would start Ghostscript, TGA accepts anything. MPO comes in through JPEG.
_FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP", "DIB", "PPM", "JPEG2000", "AVIF")
_ANIMATED_FORMATS = ("GIF", "WEBP", "PNG", "AVIF")  # MPO and TIFF hold pages; the first is the picture

# What Pillow's decoders raise on hostile bytes (found by fuzzing: RuntimeError is AVIF's, IndexError and TypeError are
# GIF's and TIFF's). Each `except` of it guards one Pillow call, so that no mistake of ours is called a bad picture.
DECODER_ERRORS = (
    *(OSError, SyntaxError, ValueError, EOFError, RuntimeError, LookupError, TypeError, AttributeError),
    *(ArithmeticError, struct.error, zlib.error),
)

_TURNS = {  # what makes a picture of this EXIF orientation upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

Image.MAX_IMAGE_PIXELS = None  # Limits.max_pixels, checked on the header before any decoding, replaces Pillow's


class Rejected(Exception):
    """A picture that is left out; `code` is a key of `REASONS`."""

    def __init__(self, code: str):
        assert code in REASONS, code
        super().__init__(code)
        self.code = code


@dataclasses.dataclass(frozen=True)
class Limits:
    """What is accepted. `max_pixels` bounds memory (about 8 bytes a pixel while decoding)."""

    max_pixels: int = 100_000_000
    min_side: int = 32


def decode(data: bytes, limits: Limits) -> Image.Image:
    """Decodes a picture file to an upright 8-bit sRGB image.

    EXIF orientation is applied; an embedded ICC profile is converted to sRGB; 16-bit samples are scaled, not clipped;
    transparent parts are shown on white, as a page shows them; of several pages the first is taken.

    Returns:
      PIL image of mode RGB.
    Raises:
      Rejected: with the reason code.
    """
    return decode_reduced(data, limits, None)[0]


def decode_reduced(data: bytes, limits: Limits, side: int | None) -> tuple[Image.Image, tuple[int, int]]:
    """As `decode`; a JPEG may come at 1/2, 1/4 or 1/8 scale while both its sides stay at least `side`.

    The decoder leaves out high frequencies that resizing would remove, which is several times faster.

    Returns:
      PIL image of mode RGB, and (width, height) of the upright original.
    Raises:
      Rejected: with the reason code.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # odd EXIF, palettes and metadata: the pixels are what counts
        image = open_checked(data, limits)
        whole = image.size
        if side and image.format in ("JPEG", "MPO"):
            image.draft(None, (side, side))
        load(image)
        upright = _upright(image)
        return _to_srgb8(upright), whole[::-1] if orientation(image) >= 5 else whole


def sniff(data: bytes) -> str:
    """The picture's format as Pillow names it, by its first bytes: JPEG, MPO, PNG, ...

    Raises:
      Rejected: as `decode`.
    """
    if not data:
        raise Rejected("empty")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _open(data).format


def fit(image: Image.Image, size: int, how: str) -> np.ndarray:
    """Resizes to a square with antialiased bicubic.

    `crop`: the largest centred square. `squash`: the whole picture, aspect ratio given up. `pad`: the whole picture,
    aspect kept, the rest filled by mirroring it: bars of one colour would be learnt as grey truth.

    Args:
      image: PIL image, mode RGB or L.
      size: side in pixels.
      how: one of `FITS`.
    Returns:
      uint8 [size, size, 3] for RGB, [size, size] for L.
    """
    width, height = image.size
    if how == "squash":
        return np.asarray(image.resize((size, size), Image.Resampling.BICUBIC))
    if how == "crop":
        side = min(width, height)
        left, top = (width - side) / 2, (height - side) / 2
        box = (left, top, left + side, top + side)
        return np.asarray(image.resize((size, size), Image.Resampling.BICUBIC, box=box))
    if how == "pad":
        scale = size / max(width, height)
        inner = (max(1, round(width * scale)), max(1, round(height * scale)))
        return _mirror_pad(np.asarray(image.resize(inner, Image.Resampling.BICUBIC)), size)
    raise ValueError(f"fit must be one of {FITS}, got {how!r}")


def _mirror_pad(pixels: np.ndarray, size: int) -> np.ndarray:
    margins = []
    for length in pixels.shape[:2]:
        before = (size - length) // 2
        margins.append((before, size - length - before))
    margins += [(0, 0)] * (pixels.ndim - 2)
    return np.pad(pixels, margins, mode="symmetric")


def open_checked(data: bytes, limits: Limits) -> Image.Image:
    """The picture before its pixels are decoded, which `load` does.

    Raises:
      Rejected: no picture, or one beyond the limits by its header.
    """
    if not data:
        raise Rejected("empty")
    if work.count_parts(data) > work.MOST_PARTS:
        raise Rejected("too_many_parts")
    image = _open(data)
    _check_header(image, limits)
    most = work.most_scans(image.width * image.height)
    if image.format in ("JPEG", "MPO") and work.count_scans(data, most) > most:
        raise Rejected("too_many_parts")
    return image


def _open(data: bytes) -> Image.Image:
    try:
        return Image.open(io.BytesIO(data), formats=_FORMATS)
    except UnidentifiedImageError as error:
        raise Rejected("not_a_picture") from error
    except DECODER_ERRORS as error:
        raise Rejected("damaged") from error


def _check_header(image: Image.Image, limits: Limits) -> None:
    if image.width * image.height > limits.max_pixels:
        raise Rejected("too_many_pixels")
    if min(image.size) < limits.min_side:
        raise Rejected("too_small")
    if image.format in _ANIMATED_FORMATS and _is_animated(image):
        raise Rejected("animated")


def _is_animated(image: Image.Image) -> bool:
    """Whether there is a second frame; to count a GIF's frames would take seconds."""
    try:
        return getattr(image, "is_animated", False)
    except DECODER_ERRORS:
        return False  # a broken frame list; loading the first frame will tell


def load(image: Image.Image) -> None:
    """Decodes the pixels; raises Rejected where they are truncated or damaged."""
    if image.format == "TIFF":
        libtiff.silence()
    try:
        image.load()
    except DECODER_ERRORS as error:
        # Pillow has no type for it; the two texts are its own ("image file is truncated", "Truncated File Read").
        raise Rejected("truncated" if "truncated" in str(error).lower() else "damaged") from error


def orientation(image: Image.Image) -> int:
    """The picture's EXIF orientation, 1 to 8; 1 where it has none that can be read."""
    try:
        # Not `image.getexif()`: where a PNG has none, that decodes its pixels first.
        found = Image.Image.getexif(image).get(ExifTags.Base.Orientation)
    except DECODER_ERRORS:
        return 1
    return found if found in range(1, 9) else 1


def _upright(image: Image.Image) -> Image.Image:
    turn = _TURNS.get(orientation(image))
    return image if turn is None else image.transpose(turn)


def _to_srgb8(image: Image.Image) -> Image.Image:
    image = _scale_to_8_bits(image)
    rgb = colours(image)
    if not image.has_transparency_data:
        return rgb
    return Image.composite(rgb, Image.new("RGB", rgb.size, "white"), image.convert("RGBA").getchannel("A"))


def _scale_to_8_bits(image: Image.Image) -> Image.Image:
    if not is_deep_grey(image):
        return image
    return Image.fromarray(((levels_16(image).astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8))


def is_deep_grey(image: Image.Image) -> bool:
    """Whether a decoded picture is a grey one of more than 8 bits."""
    return image.mode in ("I", "F") or image.mode.startswith("I;16")


def levels_16(image: Image.Image) -> np.ndarray:
    """The levels of a grey picture of more than 8 bits, uint16 [H, W].

    Raises:
      Rejected: floats, or integers beyond 16 bits.
    """
    values = np.asarray(image)
    if image.mode == "F" or values.min() < 0 or values.max() > 65535:
        raise Rejected("unsupported")
    return values.astype(np.uint16)


def colours(image: Image.Image) -> Image.Image:
    """The picture in sRGB, by its ICC profile where it has one that can be applied; transparency is left aside."""
    profile = image.info.get("icc_profile")
    if image.mode not in ("L", "CMYK"):  # profiles of these describe ink or grey; all others describe RGB
        image = image.convert("L" if image.mode in ("LA", "La", "1") else "RGB")
    converted = _convert_profile(image, profile) if profile else None
    return converted if converted is not None else image.convert("RGB")


def _convert_profile(image: Image.Image, profile: bytes) -> Image.Image | None:
    """The picture in sRGB by an ICC profile; None where the profile is sRGB, broken or of another mode."""
    try:
        transform = _transform_to_srgb(profile, image.mode)
        return ImageCms.applyTransform(image, transform) if transform else None
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None


@functools.lru_cache(maxsize=16)
def _transform_to_srgb(profile: bytes, mode: str):
    """Built once a profile: it takes longer than applying it, and a camera's pictures share theirs."""
    if is_srgb(profile):
        return None
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    return ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")


def is_srgb(profile: bytes) -> bool:
    """Whether an ICC profile is sRGB's by its own description."""
    return "sRGB" in (profile_description(profile) or "")


def profile_description(profile: bytes) -> str | None:
    """What an ICC profile calls itself; None where it cannot be read."""
    try:
        return ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(profile))).strip()
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None
