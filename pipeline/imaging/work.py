"""How much work it is to decode a picture, told from its bytes before it is decoded.

Pixels alone do not tell: a progressive JPEG passes over all of them in each of its scans, and 300 empty scans in 400 kB
took a minute. A TIFF of a million strips, or pages, takes as long to be listed.
"""

import re

MOST_PARTS = 100_000  # pages of a TIFF, or strips or tiles of its first page: a second

_SCANS = 17  # that any picture may have: as many as programs write
_MOST_SCANS = 100  # that none may exceed
_SCANNED = 10**9  # pixels times scans of a picture of more than `_SCANS`: some ten seconds

_MARKER = re.compile(rb"\xff+([\x01-\xcf\xd8-\xfe])")  # of a JPEG; no stuffed byte, and no restart inside a scan
_START_OF_IMAGE, _END_OF_IMAGE, _START_OF_SCAN, _TEM = 0xD8, 0xD9, 0xDA, 0x01
_BARE = (_START_OF_IMAGE, _TEM)  # markers without content
_STRIP_OFFSETS, _TILE_OFFSETS = 273, 324  # tags of a TIFF


def most_scans(pixels: int) -> int:
    """The scans that a JPEG of so many pixels may have."""
    return max(_SCANS, min(_MOST_SCANS, _SCANNED // max(1, pixels)))


def count_scans(data: bytes, most: int) -> int:
    """The scans of a JPEG's first picture; `most` + 1 where there are more."""
    place, scans = 2, 0
    while scans <= most and (found := _MARKER.search(data, place)):
        kind, place = found[1][0], found.end()
        if kind == _END_OF_IMAGE:
            break
        scans += kind == _START_OF_SCAN
        if kind not in _BARE:
            place += int.from_bytes(data[place : place + 2], "big")
    return scans


def count_parts(data: bytes) -> int:
    """Of a TIFF, its pages or the strips or tiles of its first page, whichever are more; of other files 0."""
    if data[:4] not in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return 0
    tiff = _Tiff(data)
    return max(tiff.count_pages(MOST_PARTS), tiff.count_strips())


def count_pages(data: bytes) -> int:
    """The pages of a TIFF; at most one more than it may have."""
    return _Tiff(data).count_pages(MOST_PARTS)


class _Tiff:
    """The directories of a TIFF or BigTIFF, each of which is a page; what lies outside the file reads as 0."""

    def __init__(self, data: bytes):
        self._data = data
        self._order = "little" if data[:2] == b"II" else "big"
        is_big = 43 in data[2:4]
        self._offset, self._count, self._entry = (8, 8, 20) if is_big else (4, 2, 12)  # sizes in bytes
        self._first = self._number(8 if is_big else 4, self._offset)

    def count_pages(self, most: int) -> int:
        place, pages = self._first, 0
        while 0 < place < len(self._data) and pages <= most:
            pages += 1
            place = self._number(self._entries(place) + self._entry * self._length(place), self._offset)
        return pages

    def count_strips(self) -> int:
        """Of the first page, by the number of their offsets."""
        start = self._entries(self._first)
        stop = min(len(self._data), start + self._entry * self._length(self._first))
        found = [0]
        for place in range(start, stop, self._entry):
            if self._number(place, 2) in (_STRIP_OFFSETS, _TILE_OFFSETS):
                found.append(self._number(place + 4, self._offset))
        return max(found)

    def _length(self, place: int) -> int:
        return self._number(place, self._count)

    def _entries(self, place: int) -> int:
        return place + self._count

    def _number(self, place: int, size: int) -> int:
        return int.from_bytes(self._data[place : place + size], self._order)
