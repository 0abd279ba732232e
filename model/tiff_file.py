"""TIFF, which Pillow neither reads nor writes with 16-bit colours: pixels by tifffile, what is said about them kept."""

import dataclasses
import io
import struct

import numpy as np
from PIL import Image, TiffImagePlugin

from pipeline import photo

_BITS, _PHOTOMETRIC, _SAMPLES, _SAMPLE_FORMAT, _EXTRA = 258, 262, 277, 339, 338
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB = 0, 1, 2
_ASSOCIATED, _UNASSOCIATED = 1, 2  # colours that are multiplied by alpha, and such that are not
_EXIF, _GPS, _INTEROPERABILITY = 34665, 34853, 40965
_TEXTS = (269, 270, 271, 272, 285, 305, 306, 315, 316, 33432)  # document, description, make, ..., artist, copyright
_IPTC, _XMP = 33723, 700
_ASCII, _BYTE, _LONG = 2, 1, 4


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
            levels = page.asarray()
            if levels.ndim == 3 and page.axes.startswith("S"):  # a plane for each colour
                levels = np.ascontiguousarray(np.moveaxis(levels, 0, -1))
    except (*photo.DECODER_ERRORS, tifffile.TiffFileError) as error:
        photo.load(image)  # which knows what is wrong with it
        raise photo.Rejected("damaged") from error
    if levels.shape[:2] != image.size[::-1] or levels.dtype != np.uint16:
        raise photo.Rejected("damaged")
    return _with_alpha_last(levels, image.tag_v2)


def _with_alpha_last(levels: np.ndarray, tags) -> np.ndarray:
    colours = 3 if tags[_PHOTOMETRIC] == _RGB else 1
    levels = levels.reshape(*levels.shape[:2], -1)
    if levels.shape[2] < colours:
        raise photo.Rejected("damaged")
    extra = tags.get(_EXTRA, (0,))[0] if levels.shape[2] > colours else 0
    levels = levels[..., : colours + (extra in (_ASSOCIATED, _UNASSOCIATED))]  # other samples mean nothing known
    if tags[_PHOTOMETRIC] == _WHITE_IS_ZERO:
        levels = np.concatenate([65535 - levels[..., :1], levels[..., 1:]], axis=-1)
    if extra == _ASSOCIATED:
        alpha = levels[..., -1:]
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


def write(
    pixels: np.ndarray,
    alpha: np.ndarray | None,
    profile: bytes,
    xmp: bytes,
    tags: Tags,
    dpi: tuple[float, float] | None,
) -> bytes:
    """A TIFF of sRGB [H, W, 3] of 8 or 16 bits, deflated with a predictor."""
    import tifffile

    extra = [(tag, _ASCII, 0, text.encode("utf-8", "replace"), True) for tag, text in tags.texts.items()]
    extra += [(_XMP, _BYTE, len(xmp), xmp, True)]
    if tags.iptc:
        extra += [(_IPTC, 7, len(tags.iptc), tags.iptc, True)]
    extra += [(tag, _LONG, 1, 0, True) for tag in tags.directories]  # filled in below
    buffer = io.BytesIO()
    tifffile.imwrite(
        buffer,
        pixels if alpha is None else np.dstack([pixels, alpha]),
        byteorder="<",
        photometric="rgb",
        compression="zlib",
        predictor=True,
        extrasamples=None if alpha is None else ["unassalpha"],
        iccprofile=profile,
        extratags=extra,
        metadata=None,
        software=False,
        **({"resolution": dpi, "resolutionunit": "INCH"} if dpi else {}),
    )
    return _with_directories(buffer, tags.directories)


def _with_directories(buffer: io.BytesIO, directories: dict[int, dict]) -> bytes:
    """Appends EXIF and GPS directories and points the file's tags at them."""
    if not directories:
        return buffer.getvalue()
    import tifffile

    with tifffile.TiffFile(buffer) as file:
        places = {tag: file.pages[0].tags[tag].valueoffset for tag in directories}
    data = bytearray(buffer.getvalue())
    data += bytes(len(data) % 2)
    appended = _lay_out(directories, len(data))
    data += appended
    for number in range(struct.unpack_from("<H", appended)[0]):
        tag, _, _, where = struct.unpack_from("<HHII", appended, 2 + 12 * number)
        struct.pack_into("<I", data, places[tag], where)
    return bytes(data)


def _lay_out(directories: dict[int, dict], place: int) -> bytes:
    """A directory of directories, as Pillow lays it out for that place in a file."""
    outer = TiffImagePlugin.ImageFileDirectory_v2(b"II*\0\x08\0\0\0")
    for tag, directory in directories.items():
        outer[tag] = directory
    return outer.tobytes(place)
