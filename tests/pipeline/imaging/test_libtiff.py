"""The TIFF library inside Pillow keeps to itself what is wrong with a file."""

import contextlib

import pytest

from tests.support import helpers
from tintmill.pipeline.imaging import photo


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_deflate", "jpeg"])
def test_a_damaged_tiff_gives_no_line_on_stderr(capfd, compression):
    data = bytearray(helpers.encode(helpers.photo_pixels(1), "TIFF", compression=compression))
    for place in range(100, 1100):
        data[place] ^= 0x5A
    with contextlib.suppress(photo.Rejected):  # a JPEG's pixels are only wrong
        photo.decode(bytes(data), photo.Limits())
    assert capfd.readouterr().err == ""
