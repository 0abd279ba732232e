"""Files that are small, and long to decode: told by their bytes, before they are decoded."""

import io
import struct

import pytest
from PIL import Image

from tests.support import helpers
from tintmill.model.files import picture_file
from tintmill.pipeline.imaging import photo, work

LIMITS = photo.Limits()


def progressive(scans: int, side: int = 64) -> bytes:
    """A progressive JPEG whose last scan comes `scans` times more; each of them is valid, and adds nothing."""
    data = helpers.encode_image(Image.new("L", (side, side), 128), "JPEG", progressive=True)
    last = data[data.rindex(b"\xff\xda") : -2]
    return data[:-2] + last * scans + data[-2:]


def tiff(pages: int = 1, strips: int = 1) -> bytes:
    """A grey TIFF of 32 pixels width and `strips` rows, at least 32; pages without pixels follow its first."""
    width, height = 32, max(32, strips)
    pixels = bytes(width * height)
    rows = height // strips
    offsets = struct.pack(f"<{strips}I", *(8 + width * rows * n for n in range(strips)))
    counts = struct.pack(f"<{strips}I", *[width * rows] * strips)
    places = 8 + len(pixels), 8 + len(pixels) + len(offsets)
    if strips == 1:  # a single value stands in the entry itself
        places = 8, width * rows
    entries = [(256, 1, width), (257, 1, height), (258, 1, 8), (259, 1, 1), (262, 1, 1), (273, strips, places[0])]
    entries += [(277, 1, 1), (278, 1, rows), (279, strips, places[1])]
    start = 8 + len(pixels) + len(offsets) + len(counts)
    directory = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", tag, 4, n, v) for tag, n, v in entries)
    after = start + len(directory) + 4
    others = [after + 18 * n for n in range(pages - 1)] + [0]
    tail = b"".join(struct.pack("<HHHIII", 1, 256, 4, 1, width, there) for there in others[1:])
    head = b"II*\0" + struct.pack("<I", start) + pixels + offsets + counts + directory
    return head + struct.pack("<I", others[0]) + tail


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(progressive(101), id="101 scans of few pixels"),
        pytest.param(progressive(18, side=8000), id="more scans of 64 megapixels than programs write"),
        pytest.param(tiff(pages=200_000), id="200,000 pages"),
        pytest.param(tiff(strips=100_001), id="100,001 strips"),
    ],
)
def test_a_file_that_takes_long_is_refused_before_it_is_decoded(data, monkeypatch):
    monkeypatch.setattr(photo, "load", lambda image: pytest.fail("it was decoded"))
    for read in (photo.decode, picture_file.read):
        with pytest.raises(photo.Rejected, match="too_many_parts"):
            read(data, LIMITS)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(progressive(0), id="as Pillow writes it"),
        pytest.param(progressive(10), id="as programs write it"),
        pytest.param(tiff(pages=50), id="a scanned book"),
        pytest.param(tiff(strips=5000), id="a strip a row"),
    ],
)
def test_a_picture_with_some_parts_is_decoded(data):
    assert photo.decode(data, LIMITS).width >= 32


def test_scans_are_counted_as_they_are():
    for scans in (0, 5, 40):
        assert work.count_scans(progressive(scans), 100) == scans + work.count_scans(progressive(0), 100)
    assert work.count_scans(helpers.encode(helpers.photo_pixels(1), "JPEG"), 100) == 1
    assert work.count_scans(progressive(90), 20) == 21


def test_the_scans_of_a_thumbnail_do_not_count():
    exif = Image.Exif()
    exif[0x010E] = "x" + progressive(150).decode("latin-1")
    data = io.BytesIO()
    Image.new("RGB", (64, 64)).save(data, "JPEG", exif=exif.tobytes()[:60_000])
    assert work.count_scans(data.getvalue(), 100) == 1


def test_pages_are_counted_in_both_byte_orders_and_sizes():
    for big in (False, True):
        for count in (1, 3):
            frames = [Image.new("L", (40, 40), shade) for shade in range(count)]
            data = io.BytesIO()
            frames[0].save(data, "TIFF", save_all=True, append_images=frames[1:], big_tiff=big)
            assert work.count_pages(data.getvalue()) == count
    assert picture_file.read(tiff(pages=7), LIMITS).pages == 7


def test_a_chain_of_pages_without_an_end_is_refused():
    data = bytearray(tiff(pages=2))
    data[-4:] = struct.pack("<I", len(data) - 18)  # the last page follows itself
    with pytest.raises(photo.Rejected, match="too_many_parts"):
        photo.decode(bytes(data), LIMITS)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "AVIF"])
def test_an_animation_is_told_by_its_second_frame(kind):
    frames = [Image.new("RGB", (40, 40), (shade, 0, 0)) for shade in (0, 99, 200)]
    data = io.BytesIO()
    frames[0].save(data, kind, save_all=True, append_images=frames[1:])
    with pytest.raises(photo.Rejected, match="animated"):
        photo.decode(data.getvalue(), LIMITS)
