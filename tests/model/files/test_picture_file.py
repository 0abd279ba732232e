"""Picture files: what a picture is made of survives reading and writing."""

import io
import random
import struct
import tracemalloc
from collections.abc import Iterator

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms, ImageFile, PngImagePlugin

from tests.support.helpers import encode, encode_image, photo_pixels
from tintmill.model.files import picture_file, xmp
from tintmill.pipeline.imaging import lab, photo

LIMITS = photo.Limits(min_side=1)
PIXELS = photo_pixels(7)
GREY = lab.to_grey(PIXELS)
DEEP = (PIXELS.astype(np.uint16) * 257) ^ np.arange(96, dtype=np.uint16)[None, :, None]  # something in the lower bits
ALPHA = np.tile(np.arange(96, dtype=np.uint8), (72, 1))
DEEP_ALPHA = ALPHA.astype(np.uint16) * 257 + 3
XMP = xmp.packet({"model": "none"})
JPEG_ERROR = 6  # levels, mean


def read(data: bytes) -> picture_file.Picture:
    return picture_file.read(data, LIMITS)


def rewritten(data: bytes, quality: int = 95) -> bytes:
    """The file read and written with its own pixels."""
    picture = read(data)
    pixels = picture.pixels
    pixels = np.repeat(pixels[..., None], 3, axis=-1) if pixels.ndim == 2 else pixels
    return picture_file.write(picture, pixels, quality, XMP)


def tiff(samples: np.ndarray, **options) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, samples, metadata=None, **options)
    return buffer.getvalue()


def pillow(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def same(a: np.ndarray, b: np.ndarray) -> bool:
    return a.dtype == b.dtype and np.array_equal(a, b)


# Depth and transparency


@pytest.mark.parametrize(
    ("data", "pixels", "alpha"),
    [
        (encode(PIXELS), PIXELS, None),
        (encode(GREY), GREY, None),
        (encode(np.dstack([PIXELS, ALPHA])), PIXELS, ALPHA),
        (encode(np.dstack([GREY, ALPHA])), GREY, ALPHA),
        (imagecodecs.png_encode(DEEP), DEEP, None),
        (imagecodecs.png_encode(DEEP[..., 0].copy()), DEEP[..., 0], None),
        (imagecodecs.png_encode(np.dstack([DEEP, DEEP_ALPHA])), DEEP, DEEP_ALPHA),
        (imagecodecs.png_encode(np.dstack([DEEP[..., 0], DEEP_ALPHA])), DEEP[..., 0], DEEP_ALPHA),
        (encode(PIXELS, "TIFF"), PIXELS, None),
        (encode(np.dstack([PIXELS, ALPHA]), "TIFF"), PIXELS, ALPHA),
        (tiff(DEEP, photometric="rgb"), DEEP, None),
        (tiff(DEEP, photometric="rgb", compression="lzw", predictor=True), DEEP, None),
        (tiff(np.moveaxis(DEEP, -1, 0), photometric="rgb", planarconfig="separate"), DEEP, None),
        (tiff(DEEP[..., 0], photometric="minisblack"), DEEP[..., 0], None),
        (tiff(65535 - DEEP[..., 0], photometric="miniswhite"), DEEP[..., 0], None),
        (tiff(np.dstack([DEEP, DEEP_ALPHA]), photometric="rgb", extrasamples=["unassalpha"]), DEEP, DEEP_ALPHA),
        (encode(DEEP[..., 0], "PPM"), DEEP[..., 0], None),
        (encode(np.dstack([PIXELS, ALPHA]), "WEBP", lossless=True, exact=True), PIXELS, ALPHA),
    ],
)
def test_levels_and_alpha_are_kept_to_the_bit(data, pixels, alpha):
    """Read, written, and read again."""
    for again in (data, rewritten(data)):
        picture = read(again)
        assert same(picture.pixels, pixels) or same(picture.pixels[..., 0], pixels)
        assert same(picture.alpha, alpha) if alpha is not None else picture.alpha is None


def test_premultiplied_colours_are_freed_of_their_alpha():
    alpha = np.full((72, 96), 32768, np.uint16)
    data = tiff(np.dstack([DEEP // 2, alpha]), photometric="rgb", extrasamples=["assocalpha"])
    assert np.abs(read(data).pixels.astype(int) - DEEP).max() <= 2


def test_a_grey_picture_saved_as_rgb_is_grey():
    assert same(read(encode(np.repeat(GREY[..., None], 3, axis=-1))).pixels, GREY)


def test_a_network_sees_transparent_parts_white():
    alpha = np.zeros((72, 96), np.uint8)
    alpha[:, 48:] = 255
    seen = read(encode(np.dstack([PIXELS, alpha]))).visible_grey()
    assert (seen[:, :48] == 255).all()
    assert np.array_equal(seen[:, 48:], GREY[:, 48:])


# Formats


@pytest.mark.parametrize(
    ("kind", "written"),
    [
        *(("JPEG", "JPEG"), ("MPO", "JPEG"), ("PNG", "PNG"), ("WEBP", "WEBP"), ("TIFF", "TIFF")),
        *((kind, "PNG") for kind in ("BMP", "GIF", "PPM", "AVIF", "JPEG2000")),
    ],
)
def test_a_file_comes_out_in_its_own_format_or_as_png(kind, written):
    assert pillow(rewritten(encode(PIXELS, kind))).format == written


def test_jpeg_has_its_quality_and_all_of_its_colour():
    source = encode(PIXELS, "JPEG", quality=95)
    good, poor = (rewritten(source, quality) for quality in (95, 30))
    assert sum(pillow(poor).quantization[0]) > 5 * sum(pillow(good).quantization[0])
    assert [component[1:3] for component in pillow(good).layer] == [(1, 1)] * 3


def test_webp_stays_lossless_or_lossy_as_it_came():
    for options in ({"lossless": True}, {"quality": 80}):
        for more in ({}, {"exif": Image.Exif().tobytes()}, {"icc_profile": picture_file.srgb_profile()}):
            data = encode(PIXELS, "WEBP", **options, **more)
            assert read(data).lossless == ("lossless" in options)
            assert read(rewritten(data)).lossless == ("lossless" in options)


def test_of_several_pages_the_first_is_taken_and_all_are_counted():
    pages = [Image.fromarray(photo_pixels(i)) for i in range(3)]
    picture = read(encode_image(pages[0], "TIFF", save_all=True, append_images=pages[1:]))
    assert picture.pages == 3
    assert same(picture.pixels, photo_pixels(0))


# Orientation and EXIF


def oriented(orientation: int, kind: str, samples: np.ndarray = PIXELS) -> bytes:
    """The samples stored so that a viewer that honours EXIF orientation shows them upright."""
    turns = {1: 0, 2: 0, 3: 2, 4: 2, 5: 1, 6: 1, 7: 3, 8: 3}
    stored = np.rot90(samples, turns[orientation])
    if orientation in (2, 4):
        stored = stored[:, ::-1]
    if orientation in (5, 7):
        stored = stored[::-1]
    stored = np.ascontiguousarray(stored)
    if kind == "TIFF16":
        return tiff(stored, photometric="rgb", extratags=[(274, 3, 1, orientation, True)])
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encode(stored, kind, exif=exif, **({"quality": 95} if kind == "JPEG" else {}))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_all_orientations_give_the_same_upright_pixels(orientation, kind):
    data = oriented(orientation, kind)
    picture = read(data)
    assert picture.orientation == orientation
    upright = np.asarray(photo.decode(data, LIMITS))
    assert same(picture.pixels, upright)
    assert np.abs(upright.astype(int) - PIXELS).mean() < JPEG_ERROR
    written = pillow(rewritten(data))
    assert written.getexif().get(0x0112, 1) == 1
    assert written.size == (96, 72)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_all_orientations_of_16_bits_give_the_same_pixels(orientation):
    data = oriented(orientation, "TIFF16", DEEP)
    assert same(read(data).pixels, DEEP)
    assert pillow(rewritten(data)).getexif().get(0x0112, 1) == 1


def camera_exif(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F], exif[0x8298] = orientation, "Kamera", "(c) Somebody"
    exif[0x8769] = {0x9003: "1928:01:02 03:04:05", 0xA002: 72, 0xA003: 96, 0x927C: b"maker's own"}
    exif[0x8825] = {1: "N", 2: (48.0, 12.0, 30.0)}
    return exif


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_exif_is_kept_with_the_orientation_applied(kind):
    written = pillow(rewritten(encode(np.rot90(PIXELS), kind, exif=camera_exif(6).tobytes())))
    exif = written.getexif()
    assert (exif.get(0x0112, 1), exif[0x010F], exif[0x8298]) == (1, "Kamera", "(c) Somebody")
    inner = exif.get_ifd(0x8769)
    assert (inner[0x9003], bytes(inner[0x927C])) == ("1928:01:02 03:04:05", b"maker's own")
    if kind != "TIFF":
        assert (inner[0xA002], inner[0xA003]) == (96, 72)
    assert exif.get_ifd(0x8825)[2] == (48.0, 12.0, 30.0)


def with_thumbnail(thumbnail: bytes, trailer: bytes = b"") -> bytes:
    """An EXIF block with a thumbnail in its second directory."""
    first = struct.pack("<H", 1) + struct.pack("<HHIHH", 0x0112, 3, 1, 6, 0) + struct.pack("<I", 26)
    place = 8 + len(first) + 30
    second = struct.pack("<H", 2) + struct.pack("<HHII", 0x0201, 4, 1, place)
    second += struct.pack("<HHII", 0x0202, 4, 1, len(thumbnail)) + struct.pack("<I", 0)
    return b"Exif\0\0II*\0\x08\0\0\0" + first + second + thumbnail + trailer


@pytest.mark.parametrize("trailer", [b"", b"notes of a maker"])
def test_a_thumbnail_which_would_be_grey_is_removed(trailer):
    thumbnail = encode(GREY[:16, :16], "JPEG")
    data = encode(PIXELS, "JPEG", exif=with_thumbnail(thumbnail, trailer))
    assert thumbnail in data
    written = rewritten(data)
    assert thumbnail[:100] not in written
    assert trailer in written
    assert pillow(written).getexif().get_ifd(1) == {}
    assert pillow(written).getexif()[0x0112] == 1


@pytest.mark.parametrize(
    "exif", [b"Exif\0\0junk", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff"]
)
def test_broken_exif_is_left_out(exif):
    data = encode(PIXELS, "JPEG", exif=exif)
    assert read(data).exif is None
    assert "exif" not in pillow(rewritten(data)).info


def test_resolution_is_kept():
    for kind in ("JPEG", "PNG", "TIFF"):
        dpi = pillow(rewritten(encode(PIXELS, kind, dpi=(300, 300)))).info["dpi"]
        assert dpi == pytest.approx((300, 300), abs=0.1)


def test_what_a_tiff_says_is_kept():
    data = tiff(
        DEEP, photometric="rgb", description="Ein Bild", software="scanner", extratags=[(33723, 7, 8, b"IPTCdata")]
    )
    with tifffile.TiffFile(io.BytesIO(rewritten(data))) as file:
        found = {tag.code: tag.value for tag in file.pages[0].tags.values()}
    assert (found[270], found[305], bytes(found[33723])) == ("Ein Bild", "scanner", b"IPTCdata")
    assert b"automatically coloured" in bytes(found[700])


# Profiles


def swapped_profile() -> bytes:
    """A matrix profile whose red and blue primaries are exchanged: read without it, red looks blue."""
    data = bytearray(picture_file.srgb_profile())
    count = struct.unpack(">I", data[128:132])[0]
    tags = {bytes(data[132 + 12 * i : 136 + 12 * i]): 132 + 12 * i for i in range(count)}
    red, blue = tags[b"rXYZ"], tags[b"bXYZ"]
    data[red + 4 : red + 12], data[blue + 4 : blue + 12] = data[blue + 4 : blue + 12], data[red + 4 : red + 12]
    return bytes(data).replace("sRGB".encode("utf-16-be"), "odd1".encode("utf-16-be")).replace(b"sRGB b", b"odd1 b")


@pytest.mark.parametrize("deep", [False, True])
def test_a_profile_is_read_through_and_srgb_is_written(deep):
    profile = swapped_profile()
    if deep:
        data, wanted = tiff(DEEP, photometric="rgb", iccprofile=profile), DEEP[..., ::-1]
    else:
        data, wanted = encode(PIXELS, icc_profile=profile), PIXELS[..., ::-1]
    picture = read(data)
    assert picture.pixels.dtype == wanted.dtype
    assert np.abs(picture.pixels.astype(float) - wanted).mean() < 3 * np.iinfo(wanted.dtype).max / 255
    assert picture.profile.startswith("odd1")
    assert pillow(rewritten(data)).info["icc_profile"] == picture_file.srgb_profile()


def grey_profile(gamma: float) -> bytes:
    """An ICC profile of grey with one gamma; Little CMS makes none that Pillow gives out."""
    white = b"XYZ \0\0\0\0" + struct.pack(">iii", 63190, 65536, 54061)
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    text = b"desc\0\0\0\0" + struct.pack(">I", 5) + b"grey\0" + bytes(78)
    text += bytes(-len(text) % 4)
    place, table, body = 128 + 4 + 3 * 12, struct.pack(">I", 3), b""
    for name, data in ((b"wtpt", white), (b"kTRC", curve), (b"desc", text)):
        table += name + struct.pack(">II", place + len(body), len(data))
        body += data
    size = struct.pack(">I", place + len(body))
    header = size + bytes(4) + bytes.fromhex("02100000") + b"mntrGRAYXYZ " + bytes(12) + b"acsp"
    header += bytes(28) + struct.pack(">iii", 63190, 65536, 54061)
    return header + bytes(128 - len(header)) + table + body


@pytest.mark.parametrize("deep", [False, True])
def test_a_profile_of_grey_is_read_through(deep):
    """Linear grey: half of the light is not half of the level."""
    kind, top = (np.uint16, 65535) if deep else (np.uint8, 255)
    data = encode(np.full((40, 40), top // 2 + 1, kind), "TIFF", icc_profile=grey_profile(1.0))
    pixels = read(data).pixels
    assert pixels.dtype == kind
    np.testing.assert_allclose(pixels / top, 0.735, atol=0.01)


def test_a_broken_profile_does_not_cost_the_picture():
    for profile in (b"no profile", swapped_profile()[:200], grey_profile(1.0)):
        assert same(read(encode(PIXELS, icc_profile=profile)).pixels, PIXELS)
        assert same(read(tiff(DEEP, photometric="rgb", iccprofile=profile)).pixels, DEEP)


def test_the_written_profile_is_srgb_and_always_the_same_bytes():
    profile = picture_file.srgb_profile()
    assert photo.is_srgb(profile)
    assert picture_file.srgb_profile.__wrapped__() == profile
    image = Image.fromarray(PIXELS)
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    assert same(np.asarray(ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"))), PIXELS)


# XMP


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_xmp_is_read_and_written(kind):
    options = {"tiffinfo": {700: b"<x>old</x>"}} if kind == "TIFF" else {"xmp": b"<x>old</x>"}
    if kind == "PNG":
        from PIL import PngImagePlugin

        options = {"pnginfo": PngImagePlugin.PngInfo()}
        options["pnginfo"].add_itxt("XML:com.adobe.xmp", "<x>old</x>")
    data = encode(PIXELS, kind, **options)
    assert read(data).xmp == b"<x>old</x>"
    assert read(rewritten(data)).xmp == XMP


def test_16_bit_png_says_what_8_bit_png_says():
    data = rewritten(imagecodecs.png_encode(DEEP))
    assert (data[24], data[25]) == (16, 2)
    assert read(data).xmp == XMP
    assert pillow(data).info["icc_profile"] == picture_file.srgb_profile()


# What is refused


@pytest.mark.parametrize("data", [imagecodecs.png_encode(DEEP), tiff(DEEP, photometric="rgb", compression="zlib")])
def test_damaged_16_bits_have_a_reason(data):
    for cut in (len(data) // 2, len(data) - 200):
        with pytest.raises(photo.Rejected) as caught:
            read(data[:cut])
        assert caught.value.code in ("truncated", "damaged", "not_a_picture")


def test_a_bomb_is_refused_on_its_header(monkeypatch):
    monkeypatch.setattr(photo, "load", lambda image: pytest.fail("its pixels were decoded"))
    for data in (encode(PIXELS), imagecodecs.png_encode(DEEP), tiff(DEEP, photometric="rgb")):
        with pytest.raises(photo.Rejected, match="too_many_pixels"):
            picture_file.read(data, photo.Limits(max_pixels=72 * 96 - 1))


@pytest.mark.parametrize(
    "whole",
    [
        imagecodecs.png_encode(np.dstack([DEEP, DEEP_ALPHA])),
        tiff(DEEP, photometric="rgb", compression="zlib", predictor=True, description="x", iccprofile=b"none"),
        tiff(np.dstack([DEEP, DEEP_ALPHA]), photometric="rgb", extrasamples=["assocalpha"]),
        encode(PIXELS, "TIFF", exif=camera_exif(6).tobytes()),
        encode(PIXELS, "JPEG", exif=with_thumbnail(b"grey"), xmp=XMP),
        encode(np.dstack([PIXELS, ALPHA]), "WEBP", exif=camera_exif(6), lossless=True),
    ],
)
def test_flipped_and_missing_bytes_raise_nothing_but_rejected(whole):
    """What is still read is written, too."""
    chance = random.Random(len(whole))
    for _ in range(150):
        data = bytearray(whole)
        for _ in range(chance.randint(1, 8)):
            data[chance.randrange(len(data) if chance.random() < 0.5 else min(len(data), 300))] = chance.randrange(256)
        if chance.random() < 0.3:
            del data[chance.randrange(len(data)) :]
        try:
            picture = picture_file.read(bytes(data), photo.Limits(max_pixels=1_000_000, min_side=1))
        except photo.Rejected as rejected:
            assert rejected.code in photo.REASONS  # noqa: PT017  either outcome is right
            continue
        pixels = picture.pixels if picture.pixels.ndim == 3 else np.dstack([picture.pixels] * 3)
        assert picture_file.write(picture, pixels, 95, xmp.packet({}, picture.xmp))


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_of_16_bits_pixels_and_encoded_file_are_in_memory_once(kind, channels):
    """Of noise the file is as large as the pixels, so that copies of either show in the peak."""
    pixels = np.random.default_rng(0).integers(0, 65536, (1000, 1000, channels)).astype(np.uint16)
    rewritten(deep_file(kind, pixels[:8, :8].copy()))  # what is loaded once
    data = deep_file(kind, pixels)
    tracemalloc.start()
    picture = read(data)
    peak = tracemalloc.get_traced_memory()[1]
    assert pixels.nbytes < peak < 1.4 * pixels.nbytes
    tracemalloc.reset_peak()
    held = tracemalloc.get_traced_memory()[0]
    data = picture_file.write(picture, picture.pixels, 95, XMP)
    peak = tracemalloc.get_traced_memory()[1] - held
    tracemalloc.stop()
    assert pixels.nbytes < len(data) < peak < 1.4 * pixels.nbytes


def deep_file(kind: str, pixels: np.ndarray) -> bytes:
    if kind == "PNG":
        return imagecodecs.png_encode(pixels)
    return tiff(pixels, photometric="rgb", extrasamples=["unassalpha"] if pixels.shape[2] == 4 else None)


def test_what_a_16_bit_png_says_behind_its_pixels_is_read_without_decoding_them_again(monkeypatch):
    exif, text = Image.Exif(), PngImagePlugin.PngInfo()
    exif[0x0112], exif[0x010E] = 6, "behind"
    text.add_itxt("XML:com.adobe.xmp", XMP.decode())
    small = encode(PIXELS[:2, :2], exif=exif, pnginfo=text, dpi=(300, 300))
    said = b"".join(chunk for kind, chunk in chunks(small) if kind in (b"eXIf", b"iTXt", b"pHYs"))
    deep = imagecodecs.png_encode(DEEP)
    monkeypatch.setattr(Image.Image, "load", None)
    monkeypatch.setattr(ImageFile.ImageFile, "load", None)
    picture = read(deep[:-12] + said + deep[-12:])
    assert same(picture.pixels, np.ascontiguousarray(np.rot90(DEEP, -1)))
    assert (picture.orientation, picture.xmp) == (6, XMP)
    assert b"behind" in picture.exif


def chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The kind of each chunk, and all of its bytes."""
    place = 8
    while place < len(png):
        end = place + 12 + int.from_bytes(png[place : place + 4], "big")
        yield png[place + 4 : place + 8], png[place:end]
        place = end


@pytest.mark.parametrize("shape", [(1, 1), (3000, 1), (1, 3000), (257, 130)])
def test_noise_of_16_bits_fits_into_the_memory_it_is_encoded_in(shape):
    pixels = np.random.default_rng(1).integers(0, 65536, (*shape, 3)).astype(np.uint16)
    assert same(read(rewritten(imagecodecs.png_encode(pixels))).pixels, pixels)
