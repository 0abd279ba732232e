"""Picture files as people have them: bytes -> upright sRGB levels of 8 or 16 bits and what goes with them, and back.

What `pipeline.photo` decides holds here too: which files are pictures, how profiles are read, which codes refuse.
Beyond it, 16 bits, transparency and what is written about a picture are kept. Written is sRGB, with its profile.
"""

import dataclasses
import functools
import io
import warnings

import numpy as np
from PIL import Image, ImageCms, PngImagePlugin

from tintmill.model.files import exif, tiff
from tintmill.model.painting import finish
from tintmill.pipeline.imaging import photo, work

EXTENSIONS = {"JPEG": ".jpg", "MPO": ".jpg", "TIFF": ".tif", "WEBP": ".webp"}  # all others become .png

_PNG_LEVEL = 3  # the usual 6 takes nearly three times the time for 0.3 % of the bytes of a photograph, 3 % of 16 bits
_JPEG_SEGMENT = 65533  # bytes at most
_XMP_IN_JPEG = _JPEG_SEGMENT - 29


@dataclasses.dataclass(frozen=True)
class Picture:
    """A picture file, decoded and made upright.

    Attributes:
      pixels: uint8 or uint16 sRGB [H, W, 3], or [H, W] where it is grey.
      alpha: [H, W] of the same dtype, or None.
      format: as Pillow names it: JPEG, MPO, PNG, TIFF, ...
      pages: how many the file has; this is the first.
      orientation: the EXIF orientation that was applied, 1 to 8.
      profile: how its ICC profile calls itself, or None.
      exif, xmp: blocks of bytes, or None. exif is that of the upright picture.
      tags: of a TIFF, what is written about the picture.
      lossless: whether a WebP was.
      dpi: (x, y), or None.
    """

    pixels: np.ndarray
    alpha: np.ndarray | None
    format: str
    pages: int
    orientation: int
    profile: str | None
    exif: bytes | None
    xmp: bytes | None
    tags: tiff.Tags | None
    lossless: bool
    dpi: tuple[float, float] | None

    def visible_grey(self) -> np.ndarray:
        """What a network sees: the grey version on white, uint8 [H, W]."""
        grey = finish.grey(self.pixels)
        if self.alpha is None:
            return grey
        shown = np.empty_like(grey)
        for rows in finish.blocks(*grey.shape):
            share = self.alpha[rows] / np.float32(np.iinfo(self.alpha.dtype).max)  # (rows, W), 0..1
            shown[rows] = np.rint(255.0 + (grey[rows] - np.float32(255.0)) * share)
        return shown


def read(data: bytes, limits: photo.Limits) -> Picture:
    """Decodes a picture file.

    16 bits are kept of PNG and TIFF in grey or RGB, and of any grey picture; all else is read as 8.

    Raises:
      photo.Rejected: with the reason code.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # odd metadata: the pixels are what counts
        image = photo.open_checked(data, limits)
        pages = _pages(data, image)
        # Pillow turns a TIFF itself when it decodes it, and then says that it is upright.
        tags, stored = (tiff.tags(image), photo.orientation(image)) if image.format == "TIFF" else (None, 1)
        deep = _decode_16(data, image)
        pixels, alpha = deep if deep else _decode_8(image)
        if deep and image.format == "PNG":  # what is written behind the pixels Pillow would decode them to see
            image = photo.open_checked(_without_pixels(data), limits)
        orientation = photo.orientation(image)
        pixels = _turn(pixels, orientation)  # (H, W, 3) or (H, W)
        height, width = pixels.shape[:2]
        profile = image.info.get("icc_profile")
        return Picture(
            pixels,
            None if alpha is None else _turn(alpha, orientation),
            image.format,
            pages,
            max(orientation, stored),
            photo.profile_description(profile) if profile else None,
            None if tags else _exif(image, width, height),
            _xmp(image),
            tags,
            image.format == "WEBP" and _is_lossless_webp(data),
            _dpi(image),
        )


def write(picture: Picture, pixels: np.ndarray, quality: int, xmp: bytes) -> bytes | memoryview:
    """A file of `picture`'s kind with other pixels, sRGB [H, W, 3] of 8 or 16 bits.

    JPEG 4:4:4 at `quality`, WebP lossless or at `quality` as it came; PNG and TIFF are lossless.
    """
    extension = EXTENSIONS.get(picture.format, ".png")
    if extension == ".tif":
        return tiff.write(_with_alpha(pixels, picture.alpha), srgb_profile(), xmp, picture.tags, picture.dpi)
    if pixels.dtype == np.uint16:
        return _write_png_16(picture, _with_alpha(pixels, picture.alpha), xmp)
    image = Image.fromarray(pixels)
    if picture.alpha is not None:
        image.putalpha(Image.fromarray(picture.alpha))
    return _encode(image, extension, _written(picture, extension, quality, xmp))


def _written(picture: Picture, extension: str, quality: int, xmp: bytes) -> dict:
    """What Pillow is told when it saves."""
    options = {"icc_profile": srgb_profile(), "exif": picture.exif or b""}
    if picture.dpi:
        options["dpi"] = picture.dpi
    if extension == ".jpg":
        if len(options["exif"]) > _JPEG_SEGMENT:
            options["exif"] = b""
        return options | {"quality": quality, "subsampling": 0, "xmp": xmp}
    if extension == ".webp":
        return options | {"quality": quality, "lossless": picture.lossless, "exact": True, "xmp": xmp}
    text = PngImagePlugin.PngInfo()
    text.add_itxt("XML:com.adobe.xmp", xmp.decode())
    return options | {"pnginfo": text, "compress_level": _PNG_LEVEL}


def _encode(image: Image.Image, extension: str, options: dict) -> bytes:
    formats = {".jpg": "JPEG", ".webp": "WEBP", ".png": "PNG"}
    buffer = io.BytesIO()
    image.save(buffer, formats[extension], **options)
    return buffer.getvalue()


def _with_alpha(pixels: np.ndarray, alpha: np.ndarray | None) -> np.ndarray:
    """[H, W, 3] or [H, W, 4]; the array that both are parts of, where there is one: a copy may take a gigabyte."""
    if alpha is None:
        return pixels
    whole = pixels.base
    if whole is not None and whole.shape == (*alpha.shape, 4):
        parts = (pixels, whole[..., :3]), (alpha, whole[..., 3])
        if all(found.__array_interface__ == part.__array_interface__ for found, part in parts):
            return whole
    return np.dstack([pixels, alpha])  # (H, W, 4)


def _write_png_16(picture: Picture, pixels: np.ndarray, xmp: bytes) -> memoryview:
    """Pillow writes no 16-bit colours; what it would write about the picture is taken from a PNG of one pixel.

    It is put before the encoded pixels where these are: of 100 megapixels each copy would take half a gigabyte.
    """
    import imagecodecs

    about = _encode(Image.new("RGB", (1, 1)), ".png", _written(picture, ".png", 0, xmp))
    header_end = 8 + 12 + 13  # signature, and IHDR with its 13 bytes
    chunks = np.frombuffer(about[header_end : about.index(b"IDAT") - 4], np.uint8)
    # A row of noise is as long as its pixels, a byte for its filter and 0.3 % of frames; memory not written to is free.
    room = np.empty(len(chunks) + (pixels.nbytes + len(pixels)) * 101 // 100 + 4096, np.uint8)
    encoded = imagecodecs.png_encode(pixels, _PNG_LEVEL, out=memoryview(room)[len(chunks) :])
    room[:header_end] = encoded[:header_end]
    room[header_end : header_end + len(chunks)] = chunks
    return memoryview(room)[: len(chunks) + len(encoded)]


@functools.cache
def srgb_profile() -> bytes:
    """sRGB's ICC profile, always the same bytes: without the time at which it was made."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    data[24:36] = bytes.fromhex("07d0 0001 0001 0000 0000 0000")  # 1 January 2000
    return bytes(data)


def _decode_8(image: Image.Image) -> tuple[np.ndarray, np.ndarray | None]:
    """Pixels and alpha of a picture that Pillow decodes, not yet upright.

    The picture is converted block by block, because a conversion of the whole is a second picture in memory.

    Returns:
      sRGB [H, W, 3], or [H, W] of a grey picture; uint8, or uint16 of a grey one of over 8 bits. Alpha is uint8
      [H, W], or None.
    """
    photo.load(image)
    if photo.is_deep_grey(image):
        return _to_srgb_16(photo.levels_16(image), image.info.get("icc_profile")), None
    if image.mode == "L" and not image.info.keys() & {"icc_profile", "transparency"}:
        return np.asarray(image), None
    width, height = image.size
    pixels = np.empty((height, width, 3), np.uint8)
    alpha = np.empty((height, width), np.uint8) if image.has_transparency_data else None
    grey = True
    for rows in finish.blocks(height, width):
        block = image.crop((0, rows.start, width, rows.stop))
        pixels[rows] = photo.colours(block)
        if alpha is not None:
            alpha[rows] = block.convert("RGBA").getchannel("A")
        red, green, blue = (pixels[rows, :, channel] for channel in range(3))  # (rows, W) each
        grey = grey and np.array_equal(red, green) and np.array_equal(green, blue)
    return (pixels[..., 1].copy() if grey else pixels), alpha


def _decode_16(data: bytes, image: Image.Image) -> tuple[np.ndarray, np.ndarray | None] | None:
    """Pixels and alpha of a PNG or TIFF of 16 bits, not yet upright; None for other pictures.

    Returns:
      sRGB uint16 [H, W, 3] or [H, W], and alpha, uint16 [H, W] or None.
    """
    if image.format == "PNG" and data[24] == 16:  # the bit depth, in the header that every PNG begins with
        samples = _decode_png_16(data, image)
    elif image.format == "TIFF" and tiff.is_16_bits(image):
        samples = tiff.decode_16(data, image)
    else:
        return None
    # samples: (H, W), or (H, W, channels) of grey and alpha, RGB, or RGB and alpha
    colours = samples.shape[2] - 1 + samples.shape[2] % 2 if samples.ndim == 3 else 1
    pixels = samples if samples.ndim == 2 else samples[..., 0] if colours == 1 else samples[..., :3]
    alpha = samples[..., -1] if samples.ndim == 3 and samples.shape[2] > colours else None
    return _to_srgb_16(pixels, image.info.get("icc_profile")), alpha


def _decode_png_16(data: bytes, image: Image.Image) -> np.ndarray:
    """The levels of a 16-bit PNG: uint16 [H, W], or [H, W, 2..4]."""
    import imagecodecs

    try:
        return imagecodecs.png_decode(data)
    except RuntimeError as error:
        photo.load(image)  # which knows what is wrong with it
        raise photo.Rejected("damaged") from error


def _without_pixels(data: bytes) -> bytes:
    """A PNG's signature and chunks but those of pixels."""
    kept, place = [data[:8]], 8
    while place + 12 <= len(data):
        end = place + 12 + int.from_bytes(data[place : place + 4], "big")
        if data[place + 4 : place + 8] not in (b"IDAT", b"fdAT"):
            kept.append(data[place:end])
        place = end
    return b"".join(kept)


def _to_srgb_16(pixels: np.ndarray, profile: bytes | None) -> np.ndarray:
    """Levels in sRGB by the ICC profile, where there is one that can be applied; `photo.colours` does it for 8 bits.

    Args:
      pixels: uint16 [H, W, 3], or [H, W] of a grey picture.
    Returns:
      uint16 [H, W, 3]; the pixels as they are where no profile is applied.
    """
    if not profile or photo.is_srgb(profile):
        return pixels
    import imagecodecs

    spaces = {"colorspace": "gray" if pixels.ndim == 2 else "rgb", "outcolorspace": "rgb"}
    converted = np.empty((*pixels.shape[:2], 3), np.uint16)
    try:
        for rows in finish.blocks(*pixels.shape[:2]):
            block = np.ascontiguousarray(pixels[rows])
            converted[rows] = imagecodecs.cms_transform(block, profile, srgb_profile(), **spaces)
    except RuntimeError:  # a broken profile, or one of another mode
        return pixels
    return converted


def _turn(levels: np.ndarray, orientation: int) -> np.ndarray:
    """Levels [H, W] or [H, W, C] made upright by their EXIF orientation; from 5 on the sides change places."""
    if orientation == 1:
        return levels
    if orientation >= 5:
        levels = levels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        levels = levels[::-1]
    if orientation in (2, 3, 6, 7):
        levels = levels[:, ::-1]
    return np.ascontiguousarray(levels)


def _pages(data: bytes, image: Image.Image) -> int:
    if image.format == "TIFF":
        return max(1, work.count_pages(data))
    try:
        return getattr(image, "n_frames", 1)
    except photo.DECODER_ERRORS:
        return 1


def _exif(image: Image.Image, width: int, height: int) -> bytes | None:
    block = image.info.get("exif")
    if block is None:  # as ImageMagick writes it into PNG
        try:
            block = image.getexif().tobytes() if "Raw profile type exif" in image.info else None
        except photo.DECODER_ERRORS:
            return None
    return exif.of_upright(block, width, height) if block else None


def _xmp(image: Image.Image) -> bytes | None:
    found = image.info.get("xmp") or image.info.get("XML:com.adobe.xmp")
    return found.encode() if isinstance(found, str) else found


def _dpi(image: Image.Image) -> tuple[float, float] | None:
    try:
        x, y = map(float, image.info["dpi"])
    except (KeyError, TypeError, ValueError, ArithmeticError):
        return None
    return (x, y) if 0 < x < 65536 and 0 < y < 65536 else None


def _is_lossless_webp(data: bytes) -> bool:
    """Whether its picture is a VP8L chunk: the first one, or after others in the extended layout."""
    place = 12
    while place + 8 <= len(data):
        kind = data[place : place + 4]
        if kind in (b"VP8L", b"VP8 "):
            return kind == b"VP8L"
        length = int.from_bytes(data[place + 4 : place + 8], "little")
        place += 8 + length + length % 2
    return False
