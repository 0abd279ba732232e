"""The EXIF block of a picture that was made upright and coloured: as it came, but for what would now be wrong.

Changed in place, byte by byte, so that makers' notes, whose offsets nobody may move, stay readable.
"""

import contextlib
import struct

_PREFIX = b"Exif\0\0"
_ORIENTATION, _EXIF_IFD, _WIDTH, _HEIGHT = 0x0112, 0x8769, 0xA002, 0xA003
_THUMBNAIL, _THUMBNAIL_BYTES = 0x0201, 0x0202
_SHORT, _LONG = 3, 4


def of_upright(block: bytes, width: int, height: int) -> bytes | None:
    """The block with orientation 1 and the picture's size of now, and without the thumbnail, which would be grey.

    Args:
      block: as picture files hold it, with or without the prefix "Exif".
    Returns:
      the block with its prefix; None where it cannot be read.
    """
    data = bytearray(block)
    while data.startswith(_PREFIX):
        del data[: len(_PREFIX)]
    try:
        _Block(data).make_upright(width, height)
    except (struct.error, KeyError):
        return None
    return _PREFIX + bytes(data)


class _Block:
    """A TIFF structure in memory: directories of entries of 12 bytes."""

    def __init__(self, data: bytearray):
        self._data = data
        self._order = {b"II*\0": "<", b"MM\0*": ">"}[bytes(data[:4])]

    def make_upright(self, width: int, height: int) -> None:
        first = self._read("I", 4)
        entries, end = self._entries(first)
        if _ORIENTATION in entries:
            self._write("HIHH", entries[_ORIENTATION] + 2, _SHORT, 1, 1, 0)
        if _EXIF_IFD in entries:
            inner, _ = self._entries(self._read("I", entries[_EXIF_IFD] + 8))
            for tag, length in ((_WIDTH, width), (_HEIGHT, height)):
                if tag in inner:
                    self._write("HII", inner[tag] + 2, _LONG, 1, length)
        with contextlib.suppress(struct.error):  # files without the last offset are read by all
            second = self._read("I", end)
            self._write("I", end, 0)
            self._wipe_thumbnail(second)

    def _wipe_thumbnail(self, directory: int) -> None:
        if not directory:
            return
        entries, _ = self._entries(directory)
        if _THUMBNAIL in entries and _THUMBNAIL_BYTES in entries:
            start, length = (self._read("I", entries[tag] + 8) for tag in (_THUMBNAIL, _THUMBNAIL_BYTES))
            end = min(start + length, len(self._data))
            if end == len(self._data):
                del self._data[start:]
            else:
                self._data[start:end] = bytes(max(0, end - start))

    def _entries(self, directory: int) -> tuple[dict[int, int], int]:
        """Where each tag's entry lies, and where the directory's entries end."""
        start = directory + 2
        end = start + 12 * self._read("H", directory)
        return {self._read("H", place): place for place in range(start, end, 12)}, end

    def _read(self, kind: str, place: int) -> int:
        return struct.unpack_from(self._order + kind, self._data, place)[0]

    def _write(self, kinds: str, place: int, *values: int) -> None:
        struct.pack_into(self._order + kinds, self._data, place, *values)
