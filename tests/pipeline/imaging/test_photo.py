"""A picture file's way to an upright 8-bit sRGB picture or a reason code, and to a square."""

import io
import random
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from tests.support.helpers import encode, encode_image, photo_pixels
from tintmill.pipeline.imaging import photo

LIMITS = photo.Limits()
PIXELS = photo_pixels(7)


def decoded(data: bytes, limits: photo.Limits = LIMITS) -> np.ndarray:
    image = photo.decode(data, limits)
    assert image.mode == "RGB"
    return np.asarray(image)


def reason(data: bytes, limits: photo.Limits = LIMITS) -> str:
    with pytest.raises(photo.Rejected) as caught:
        photo.decode(data, limits)
    return caught.value.code


def outcome(data: bytes, limits: photo.Limits) -> str:
    """`decoded` or the reason code; any other exception is the test's failure."""
    try:
        decoded(data, limits)
    except photo.Rejected as rejected:
        return rejected.code
    return "decoded"


def difference(a: np.ndarray, b: np.ndarray) -> float:
    """Mean absolute difference of two pictures, in 8-bit levels."""
    assert a.shape == b.shape
    return float(np.abs(a.astype(int) - b.astype(int)).mean())


# Formats


@pytest.mark.parametrize("kind", ["PNG", "BMP", "PPM", "TIFF", "WEBP", "JPEG2000"])
def test_lossless_formats_give_their_pixels(kind):
    options = {"lossless": True} if kind == "WEBP" else {}
    assert np.array_equal(decoded(encode(PIXELS, kind, **options)), PIXELS)


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "AVIF"])
def test_lossy_formats_give_about_their_pixels(kind):
    assert difference(decoded(encode(PIXELS, kind, quality=95)), PIXELS) < 3


def test_progressive_jpeg_is_read():
    assert difference(decoded(encode(PIXELS, "JPEG", progressive=True, quality=95)), PIXELS) < 3


@pytest.mark.parametrize("mode", ["L", "1", "P", "LA", "PA", "RGBA", "CMYK", "LAB", "I;16", "I;16B"])
def test_every_pixel_format_becomes_rgb(mode):
    kind = "TIFF" if mode in ("CMYK", "LAB", "I;16B", "PA") else "PNG"
    if mode == "LAB":
        image = ImageCms.applyTransform(
            Image.fromarray(PIXELS),
            ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB"),
        )
    elif mode.startswith("I;16"):
        image = Image.frombytes(mode, (64, 64), np.arange(4096, dtype=">u2" if mode == "I;16B" else "<u2").tobytes())
    else:
        image = Image.fromarray(PIXELS).convert(mode)
    assert decoded(encode_image(image, kind)).shape == (image.height, image.width, 3)


def test_grey_becomes_three_equal_channels():
    grey = photo_pixels(1)[..., 0]
    assert np.array_equal(decoded(encode(grey)), np.repeat(grey[..., None], 3, axis=-1))


def test_cmyk_keeps_its_colours():
    cmyk = Image.fromarray(PIXELS).convert("CMYK")
    assert difference(decoded(encode_image(cmyk, "TIFF")), PIXELS) < 2
    assert difference(decoded(encode_image(cmyk, "JPEG", quality=95)), PIXELS) < 6


def test_16_bit_samples_are_scaled_not_clipped():
    ramp = np.tile(np.linspace(0, 65535, 256).round().astype(np.uint16), (64, 1))
    assert np.array_equal(decoded(encode(ramp))[0, :, 0], np.arange(256))


def test_16_bit_samples_of_a_dark_picture_stay_dark():
    dark = np.full((64, 64), 2570, np.uint16)  # 10 in 8 bits; clipping would make it white
    assert (decoded(encode(dark)) == 10).all()


def test_32_bit_integers_within_16_bits_are_scaled():
    values = np.tile(np.linspace(0, 65535, 256).round().astype(np.int32), (64, 1))
    assert np.array_equal(decoded(encode(values, "TIFF"))[0, :, 0], np.arange(256))


def test_a_palette_gives_its_colours():
    image = Image.fromarray(PIXELS).quantize(64)
    assert np.array_equal(decoded(encode_image(image)), np.asarray(image.convert("RGB")))


def test_transparent_parts_are_shown_on_white():
    alpha = np.zeros((72, 96), np.uint8)
    alpha[:, 48:] = 255
    result = decoded(encode(np.dstack([PIXELS, alpha])))
    assert (result[:, :48] == 255).all()
    assert np.array_equal(result[:, 48:], PIXELS[:, 48:])


def test_half_transparent_parts_are_mixed_with_white():
    result = decoded(encode(np.dstack([np.full((64, 64), 100, np.uint8), np.full((64, 64), 128, np.uint8)])))
    assert np.abs(result.astype(int) - 177).max() <= 1


def test_a_transparent_palette_entry_is_shown_on_white():
    image = Image.new("P", (64, 64), 1)
    image.putpalette([0, 0, 0, 200, 10, 10])
    image.paste(0, (0, 0, 32, 64))
    result = decoded(encode_image(image, transparency=0))
    assert (result[:, :32] == 255).all()
    assert (result[:, 32:] == (200, 10, 10)).all()


# Orientation


def oriented(orientation: int, kind: str = "JPEG") -> bytes:
    """PIXELS stored so that a viewer that honours EXIF orientation shows them upright."""
    undo = {
        **{2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM},
        **{5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE},
        **{8: Image.Transpose.ROTATE_270},
    }
    image = Image.fromarray(PIXELS)
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = image.transpose(undo[orientation]) if orientation in undo else image
    return encode_image(stored, kind, exif=exif.tobytes(), **({"quality": 95} if kind == "JPEG" else {}))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_exif_orientation_is_applied(orientation, kind):
    assert difference(decoded(oriented(orientation, kind)), PIXELS) < 6


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_does_not_exist_is_ignored(orientation):
    assert difference(decoded(oriented(orientation)), PIXELS) < 3


@pytest.mark.parametrize(
    "exif", [b"Exif\0\0junk", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff"]
)
def test_broken_exif_does_not_cost_the_picture(exif):
    assert difference(decoded(encode(PIXELS, "JPEG", quality=95, exif=exif)), PIXELS) < 3


@pytest.mark.real_data
@pytest.mark.parametrize("kind", ["Landscape", "Portrait"])
def test_real_pictures_of_all_orientations_look_alike(real_data, kind):
    paths = sorted((real_data / "odd_images" / "exif_orientation").glob(f"{kind}_*.jpg"))
    pictures = [photo.fit(photo.decode(path.read_bytes(), LIMITS), 64, "squash") for path in paths]
    assert len(pictures) > 4
    for path, picture in zip(paths, pictures, strict=True):
        # Each file shows its own number in its middle; the rest is one picture.
        assert difference(picture, pictures[0]) < 12, path.name
        assert difference(picture[::-1], pictures[0]) > 25, path.name


# Colour profiles


def swapped_profile() -> bytes:
    """A matrix profile whose red and blue primaries are exchanged: read without it, red looks blue."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = struct.unpack(">I", data[128:132])[0]
    tags = {bytes(data[132 + 12 * i : 136 + 12 * i]): 132 + 12 * i for i in range(count)}
    red, blue = tags[b"rXYZ"], tags[b"bXYZ"]
    data[red + 4 : red + 12], data[blue + 4 : blue + 12] = data[blue + 4 : blue + 12], data[red + 4 : red + 12]
    return bytes(data).replace("sRGB".encode("utf-16-be"), "odd1".encode("utf-16-be")).replace(b"sRGB b", b"odd1 b")


def test_a_colour_profile_is_converted_to_srgb():
    profile = swapped_profile()
    assert "sRGB" not in ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(profile)))
    assert difference(decoded(encode(PIXELS, icc_profile=profile)), PIXELS[..., ::-1]) < 3


def test_an_srgb_profile_changes_nothing():
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert np.array_equal(decoded(encode(PIXELS, icc_profile=profile)), PIXELS)


def test_a_broken_profile_does_not_cost_the_picture():
    assert np.array_equal(decoded(encode(PIXELS, icc_profile=b"no profile")), PIXELS)
    assert np.array_equal(decoded(encode(PIXELS, icc_profile=swapped_profile()[:200])), PIXELS)


def test_a_palette_keeps_its_profile():
    image = Image.fromarray(PIXELS).quantize(256)
    wanted = np.asarray(image.convert("RGB"))[..., ::-1]
    assert difference(decoded(encode_image(image, icc_profile=swapped_profile())), wanted) < 3


def test_a_transparent_picture_keeps_its_profile():
    alpha = np.full((72, 96), 255, np.uint8)
    result = decoded(encode(np.dstack([PIXELS, alpha]), icc_profile=swapped_profile()))
    assert difference(result, PIXELS[..., ::-1]) < 3


# Pages and frames


def frames(kind: str, count: int = 3) -> bytes:
    images = [Image.fromarray(photo_pixels(i)) for i in range(count)]
    return encode_image(images[0], kind, save_all=True, append_images=images[1:])


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "AVIF"])
def test_an_animation_is_rejected(kind):
    assert reason(frames(kind)) == "animated"


def test_a_gif_of_one_frame_is_a_picture():
    assert decoded(frames("GIF", 1)).shape == (72, 96, 3)


@pytest.mark.parametrize("kind", ["TIFF", "MPO"])
def test_of_several_pages_the_first_is_taken(kind):
    assert difference(decoded(frames(kind)), photo_pixels(0)) < 4


# Reasons


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes whose header promises width x height pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def test_no_bytes_are_empty():
    assert reason(b"") == "empty"


@pytest.mark.parametrize(
    "data", [b"hello", b"\0" * 1000, b"%PDF-1.7", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"\xff"]
)
def test_other_files_are_not_pictures(data):
    assert reason(data) == "not_a_picture"


def test_postscript_is_never_executed():
    assert reason(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\n%%EndComments\nshowpage\n") == "not_a_picture"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "TIFF"])
def test_a_picture_cut_in_half_is_truncated(kind):
    data = encode(photo_pixels(1, 200, 300), kind)
    assert reason(data[: len(data) // 2]) in ("truncated", "damaged", "not_a_picture")
    if kind in ("JPEG", "PNG", "BMP"):
        assert reason(data[: len(data) // 2]) == "truncated"


def test_corrupt_picture_data_is_damaged():
    data = bytearray(encode(photo_pixels(1, 200, 300)))
    data[len(data) // 2] ^= 0xFF
    assert reason(bytes(data)) == "damaged"


def test_floats_are_unsupported():
    assert reason(encode(np.ones((64, 64), np.float32), "TIFF")) == "unsupported"
    assert reason(encode(np.full((64, 64), 2**20, np.int32), "TIFF")) == "unsupported"


def test_a_bomb_is_rejected_on_its_header(monkeypatch):
    monkeypatch.setattr(photo, "load", lambda image: pytest.fail("its pixels were decoded"))
    assert reason(bomb(30000, 30000)) == "too_many_pixels"


def test_max_pixels_is_the_first_size_rejected_above():
    data = encode(PIXELS)
    assert reason(data, photo.Limits(max_pixels=72 * 96 - 1)) == "too_many_pixels"
    assert decoded(data, photo.Limits(max_pixels=72 * 96)).shape == PIXELS.shape


def test_min_side_is_the_shortest_side_accepted():
    assert reason(encode(photo_pixels(0, 31, 500))) == "too_small"
    assert decoded(encode(photo_pixels(0, 32, 500))).shape == (32, 500, 3)


@pytest.mark.real_data
def test_real_bombs_are_rejected_before_decoding(real_data, monkeypatch):
    monkeypatch.setattr(photo, "load", lambda image: pytest.fail("its pixels were decoded"))
    for path in sorted((real_data / "odd_images" / "bombs").iterdir()):
        assert reason(path.read_bytes()) in ("too_many_pixels", "damaged", "not_a_picture"), path.name


@pytest.mark.real_data
def test_every_odd_image_is_decoded_or_rejected(real_data):
    for path in sorted((real_data / "odd_images").rglob("*.*")):
        assert outcome(path.read_bytes(), photo.Limits(min_side=1)) in {"decoded", *photo.REASONS}, path.name


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP", "PPM", "JPEG2000", "AVIF"])
def test_flipped_and_missing_bytes_raise_nothing_but_rejected(kind):
    chance = random.Random(kind)
    wholes = [encode(photo_pixels(3, 40, 56), kind)] + ([frames(kind)] if kind in ("GIF", "TIFF") else [])
    for _ in range(300):
        data = bytearray(chance.choice(wholes))
        for _ in range(chance.randint(1, 8)):
            data[chance.randrange(len(data) if chance.random() < 0.5 else min(len(data), 200))] = chance.randrange(256)
        if chance.random() < 0.3:
            del data[chance.randrange(len(data)) :]
        assert outcome(bytes(data), photo.Limits(max_pixels=1_000_000)) in {"decoded", *photo.REASONS}


def test_sniff_names_the_format_by_content():
    assert photo.sniff(encode(PIXELS, "JPEG")) == "JPEG"
    assert photo.sniff(encode(PIXELS, "PNG")) == "PNG"
    with pytest.raises(photo.Rejected):
        photo.sniff(b"text")


def test_reason_codes_are_a_closed_set():
    with pytest.raises(AssertionError):
        photo.Rejected("<BytesIO object at 0x7f>")


# Fitting a square


def test_crop_takes_the_largest_centred_square():
    picture = photo_pixels(0, 64, 128)
    assert np.array_equal(photo.fit(Image.fromarray(picture), 64, "crop"), picture[:, 32:96])
    upright = np.ascontiguousarray(picture.transpose(1, 0, 2))
    assert np.array_equal(photo.fit(Image.fromarray(upright), 64, "crop"), upright[32:96])


def test_squash_shows_the_whole_picture():
    picture = np.zeros((64, 128, 3), np.uint8)
    picture[:, 64:] = 255
    result = photo.fit(Image.fromarray(picture), 32, "squash")
    assert (result[:, :14] == 0).all()
    assert (result[:, 18:] == 255).all()


@pytest.mark.parametrize(("height", "width"), [(40, 128), (128, 40), (33, 128), (7, 128), (1, 128), (64, 64)])
def test_pad_has_no_constant_bars(height, width):
    """Bars of one colour would be learnt as truth; the margin is the picture mirrored."""
    picture = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    result = photo.fit(Image.fromarray(picture), 64, "pad")
    assert result.shape == (64, 64, 3)
    lines = result if height <= width else result.transpose(1, 0, 2)
    inner = max(1, round(min(height, width) * 64 / 128)) if height != width else 64
    before = (64 - inner) // 2
    assert all(line.std() > 10 for line in lines)
    if before:
        assert np.array_equal(lines[before - 1], lines[before])
    whole = Image.fromarray(picture).resize((64, inner) if height <= width else (inner, 64), Image.Resampling.BICUBIC)
    wanted = np.asarray(whole) if height <= width else np.asarray(whole).transpose(1, 0, 2)
    assert np.array_equal(lines[before : before + inner], wanted)


@pytest.mark.parametrize("how", photo.FITS)
def test_fit_treats_grey_as_colour(how):
    grey = photo_pixels(5)[..., 1]
    colour = photo.fit(Image.fromarray(np.repeat(grey[..., None], 3, axis=-1)), 48, how)
    assert np.array_equal(photo.fit(Image.fromarray(grey), 48, how), colour[..., 0])


@pytest.mark.parametrize("how", photo.FITS)
def test_fit_enlarges_small_pictures(how):
    assert photo.fit(Image.fromarray(photo_pixels(0, 5, 9)), 64, how).shape == (64, 64, 3)


def test_resizing_is_antialiased():
    stripes = np.zeros((512, 512, 3), np.uint8)
    stripes[:, ::2] = 255
    assert np.abs(photo.fit(Image.fromarray(stripes), 64, "crop").astype(int) - 127).max() < 12


def test_an_unknown_fit_is_refused():
    with pytest.raises(ValueError, match="'stretch'"):
        photo.fit(Image.fromarray(PIXELS), 64, "stretch")
