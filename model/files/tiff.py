"""TIFF, which Pillow neither reads nor writes with 16-bit colours: pixels by tifffile, what is said about them kept."""

import dataclasses
import io
import struct

import numpy as np
from PIL import Image, TiffImagePlugin

from tintmill.pipeline.imaging import photo

_BUFFER = 1 << 25  # bytes of a file in memory a second time while they are decoded; by default 256 MB
_WIDTH, _HEIGHT, _BITS, _PHOTOMETRIC, _SAMPLES, _SAMPLE_FORMAT, _EXTRA = 256, 257, 258, 262, 277, 339, 338
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB = 0, 1, 2
_ASSOCIATED, _UNASSOCIATED = 1, 2  # colours that are multiplied by alpha, and such that are not
_EXIF, _GPS, _INTEROPERABILITY = 34665, 34853, 40965
_TEXTS = (269, 270, 271, 272, 285, 305, 306, 315, 316, 33432)  # document, description, make, ..., artist, copyright
_IPTC, _XMP = 33723, 700
_BYTE, _ASCII, _UNDEFINED = 1, 2, 7


@dataclasses.dataclass(frozen=True)
class Tags:
    """What a TIFF says about its picture, not its pixels' layout: texts, IPTC, and the EXIF and GPS directories."""

    texts: dict[int, str]
    iptc: bytes | None
    directories: dict[int, dict]


def is_16_bits(image: Image.Image) -> bool:
    """Whether an opened TIFF is grey or RGB of 16-bit integers, with or without alpha."""
    tags = image.tag_v2
    bits, formats = tags.get(_BITS, (1,)), tags.get(_SAMPLE_FORMAT, (1,))
    grey_or_rgb = tags.get(_PHOTOMETRIC) in (_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB)
    return grey_or_rgb and set(bits) == {16} and set(formats) == {1} and tags.get(_SAMPLES, 1) <= 5


def decode_16(data: bytes, image: Image.Image) -> np.ndarray:
    """The first page's levels, uint16 [H, W] or [H, W, 2..4], black being 0 and alpha, if any, last.

    Raises:
      photo.Rejected: with the reason code.
    """
    import tifffile

    try:
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            page = file.pages[0]
            levels = page.asarray(buffersize=_BUFFER)
            if levels.ndim == 3 and page.axes.startswith("S"):  # a plane for each colour
                levels = np.ascontiguousarray(np.moveaxis(levels, 0, -1))  # (samples, H, W) -> (H, W, samples)
    except (*photo.DECODER_ERRORS, tifffile.TiffFileError) as error:
        photo.load(image)  # which knows what is wrong with it
        raise photo.Rejected("damaged") from error
    if levels.shape[:2] != (image.tag_v2[_HEIGHT], image.tag_v2[_WIDTH]) or levels.dtype != np.uint16:
        raise photo.Rejected("damaged")
    return _with_alpha_last(levels, image.tag_v2)


def _with_alpha_last(levels: np.ndarray, tags) -> np.ndarray:
    """Levels as `decode_16` returns them, of those as the file has them, [H, W] or [H, W, samples]."""
    colours = 3 if tags[_PHOTOMETRIC] == _RGB else 1
    levels = levels.reshape(*levels.shape[:2], -1)  # (H, W, samples)
    if levels.shape[2] < colours:
        raise photo.Rejected("damaged")
    extra = tags.get(_EXTRA, (0,))[0] if levels.shape[2] > colours else 0
    levels = levels[..., : colours + (extra in (_ASSOCIATED, _UNASSOCIATED))]  # other samples mean nothing known
    if tags[_PHOTOMETRIC] == _WHITE_IS_ZERO:
        levels = np.concatenate([65535 - levels[..., :1], levels[..., 1:]], axis=-1)
    if extra == _ASSOCIATED:
        alpha = levels[..., -1:]  # (H, W, 1)
        freed = np.minimum(levels[..., :-1] * (65535.0 / np.maximum(alpha, 1)), 65535).astype(np.uint16)
        levels = np.concatenate([freed, alpha], axis=-1)
    return levels[..., 0] if levels.shape[2] == 1 else levels


def tags(image: Image.Image) -> Tags:
    """What an opened TIFF says about its picture; what cannot be read of it is left out."""
    texts, iptc, directories = {}, None, {}
    for tag in _TEXTS:
        value = image.tag_v2.get(tag)
        if isinstance(value, str) and value:
            texts[tag] = value
    found = image.tag_v2.get(_IPTC)
    if isinstance(found, bytes):
        iptc = found
    elif isinstance(found, tuple) and all(isinstance(value, int) for value in found):  # bytes called LONGs
        iptc = struct.pack(f"{'<' if image.tag_v2.prefix == b'II' else '>'}{len(found)}I", *found)
    for tag in (_EXIF, _GPS):
        try:
            directory = dict(image.getexif().get_ifd(tag))
            directory.pop(_INTEROPERABILITY, None)  # a directory of its own, which would not be where this says
            _lay_out({tag: directory}, 0)
        except photo.DECODER_ERRORS:
            continue
        if directory:
            directories[tag] = directory
    return Tags(texts, iptc, directories)


def write(pixels: np.ndarray, profile: bytes, xmp: bytes, tags: Tags, dpi: tuple[float, float] | None) -> bytes:
    """The bytes of a TIFF, deflated with a predictor.

    Args:
      pixels: sRGB uint8 or uint16 [H, W, 3], or [H, W, 4] with alpha.
      profile: the ICC profile of the pixels.
      xmp: the XMP packet.
      tags: what the source says about its picture.
      dpi: (x, y), or None.
    """
    import tifffile

    extra = [(tag, _ASCII, 0, text.encode("utf-8", "replace"), True) for tag, text in tags.texts.items()]
    extra += [(_XMP, _BYTE, len(xmp), xmp, True)]
    if tags.iptc:
        extra += [(_IPTC, _UNDEFINED, len(tags.iptc), tags.iptc, True)]
    buffer = io.BytesIO()
    tifffile.imwrite(
        buffer,
        pixels,
        byteorder="<",
        photometric="rgb",
        compression="zlib",
        predictor=True,
        extrasamples=["unassalpha"] if pixels.shape[2] == 4 else None,
        iccprofile=profile,
        extratags=extra,
        metadata=None,
        software=False,
        **({"resolution": dpi, "resolutionunit": "INCH"} if dpi else {}),
    )
    if tags.directories:
        _append_directories(buffer, tags.directories)
    return buffer.getvalue()  # its own bytes, not a copy


def _append_directories(file: io.BytesIO, directories: dict[int, dict]) -> None:
    """Adds EXIF and GPS directories, which tifffile does not write, and a first directory that points at them."""
    outer = _lay_out(directories, _even_end(file))  # a directory that holds nothing but the pointers
    file.write(outer)
    end = _even_end(file)
    with file.getbuffer() as data:
        entries = _entries(data, struct.unpack_from("<I", data, 4)[0]) + _entries(outer, 0)
        struct.pack_into("<I", data, 4, end)
    entries.sort(key=lambda entry: entry[:2][::-1])
    file.write(struct.pack("<H", len(entries)) + b"".join(entries) + bytes(4))


def _even_end(file: io.BytesIO) -> int:
    """The end of a file, which is made one where a directory may lie."""
    end = file.seek(0, io.SEEK_END)
    return end + file.write(bytes(end % 2))


def _entries(data: bytes | memoryview, place: int) -> list[bytes]:
    count = struct.unpack_from("<H", data, place)[0]
    return [bytes(data[start : start + 12]) for start in range(place + 2, place + 2 + 12 * count, 12)]


def _lay_out(directories: dict[int, dict], place: int) -> bytes:
    """A little-endian directory of directories, as Pillow lays it out for that place in a file."""
    outer = TiffImagePlugin.ImageFileDirectory_v2(b"II*\0\x08\0\0\0")
    for tag, directory in directories.items():
        outer[tag] = directory
    return outer.tobytes(place)
