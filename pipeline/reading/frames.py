"""The serialised records of a split, by number: where they are, and reading them with their checksums checked."""

import dataclasses
import os
import threading
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.dataset.index import open_index
from tintmill.pipeline.dataset.manifest import Dataset, ShardEntry
from tintmill.pipeline.dataset.record import FOOTER, HEADER, frame_places, masked_crc

_MOST_OPEN = 256  # shards that a reader keeps open; a process may often open 1,024 files in all


@dataclasses.dataclass(frozen=True)
class RecordIndex:
    """Where the n records of a split are.

    Attributes:
      paths: of the split's s shards.
      sizes: of these files, in bytes.
      starts: int64 [s + 1], the number of each shard's first record, and n.
      offsets: uint64 [n], where the frame of each record begins in its shard.
    """

    paths: tuple[str, ...]
    sizes: tuple[int, ...]
    starts: np.ndarray
    offsets: np.ndarray

    def __len__(self) -> int:
        return len(self.offsets)

    def locate(self, record: int) -> tuple[int, int, int]:
        """(shard, offset, length) of a record's content, in bytes; a damaged index may give any numbers."""
        shard = int(np.searchsorted(self.starts, record, "right")) - 1
        start = int(self.offsets[record]) if record > self.starts[shard] else 0
        end = int(self.offsets[record + 1]) if record + 1 < self.starts[shard + 1] else self.sizes[shard]
        return shard, start + HEADER, end - start - HEADER - FOOTER


def index_records(dataset: Dataset, split: str) -> RecordIndex:
    """Finds the records of a split by its index, or by their framing where it has none; no content is read.

    Raises:
      TintmillError: there is no such split, or a shard is missing or damaged.
    """
    dataset.check_split(split)
    entries = dataset.shards(split)
    starts = np.cumsum([0, *(entry.records for entry in entries)])
    found = open_index(dataset, split)
    offsets = found.offsets if found else np.array([at for entry in entries for at in _list_offsets(dataset, entry)])
    paths = tuple(dataset.path(entry.file) for entry in entries)
    return RecordIndex(paths, tuple(entry.bytes for entry in entries), starts, offsets.astype("<u8", copy=False))


def _list_offsets(dataset: Dataset, entry: ShardEntry) -> list[int]:
    """Where the frames of a shard begin."""
    try:
        with open(dataset.path(entry.file), "rb") as f:
            found = list(_offsets_in(f, entry))
    except OSError as error:
        raise TintmillError(
            f"{dataset.path(entry.file)}: cannot be read: {error}; `tintmill verify` lists all that is wrong"
        ) from error
    if len(found) != entry.records:
        raise TintmillError(
            f"{entry.file}: {len(found)} records, the manifest says {entry.records}; `tintmill verify` lists all of it"
        )
    return found


def _offsets_in(file: BinaryIO, entry: ShardEntry) -> Iterator[int]:
    try:
        for content, _ in frame_places(file, entry.bytes):
            yield content - HEADER
    except ValueError as error:
        raise TintmillError(f"{entry.file}: {error}; `tintmill verify` lists all of it") from error


class RecordReader:
    """Reads records by number, both checksums of a frame checked; keeps shards open. Several threads may share it."""

    def __init__(self, index: RecordIndex):
        self._index = index
        self._files: dict[int, int] = {}
        self._lock = threading.Lock()

    def __call__(self, record: int) -> bytes:
        """The content of a record.

        Raises:
          TintmillError: the record fails its checksum, because the disk changed since it was written, or its shard
            cannot be read.
        """
        shard, offset, length = self._index.locate(record)
        path = self._index.paths[shard]
        try:
            if not HEADER <= offset <= offset + length <= self._index.sizes[shard] - FOOTER:
                raise ValueError("beyond the file's end")
            return self._read(shard, offset, length)
        except OSError as error:
            raise TintmillError(f"{path}: cannot be read: {error}; `tintmill verify` lists all of it") from error
        except ValueError as error:
            raise TintmillError(
                f"{path}: the record at byte {offset} is damaged; `tintmill verify` lists all of it"
            ) from error

    def _read(self, shard: int, offset: int, length: int) -> bytes:
        file, is_kept = self._open(shard)
        try:
            return _read_frame(file, offset, length)
        finally:
            if not is_kept:
                os.close(file)

    def _open(self, shard: int) -> tuple[int, bool]:
        """A descriptor of the shard, and whether it stays open."""
        with self._lock:
            if shard in self._files:
                return self._files[shard], True
            file = os.open(self._index.paths[shard], os.O_RDONLY)
            is_kept = len(self._files) < _MOST_OPEN
            if is_kept:
                self._files[shard] = file
            return file, is_kept

    def close(self) -> None:
        with self._lock:
            for descriptor in self._files.values():
                os.close(descriptor)
            self._files.clear()


def _read_frame(file: int, offset: int, length: int) -> bytes:
    """The content at `offset`. Its checksum is read apart, because cutting it off would copy the record.

    Raises:
      ValueError: there is no whole frame of this length.
    """
    header = os.pread(file, HEADER, offset - HEADER)
    if header[:8] != length.to_bytes(8, "little") or masked_crc(header[:8]) != header[8:]:
        raise ValueError("no frame of this length")
    data = os.pread(file, length, offset)
    if masked_crc(data) != os.pread(file, FOOTER, offset + length):
        raise ValueError("the checksum fails")
    return data
