"""The index of a split: where each record is, and which record has an id. `index/SPLIT.bin` beside the shards.

`prepare` writes it from the reports of the shards, after the manifest. A reader maps it into memory, so that opening a
billion records costs what opening one costs. It is 24 bytes a record, little-endian:

    64 bytes           8 of `_MAGIC`, uint64 n, the number of records, 32 of a digest of the split's shards, 16 of zeros
    uint64 [n]         where the frame of each record begins in its shard; a frame ends where the next one begins
    uint64 [n]         hashes of the ids, sorted
    uint64 [n]         the number of the record that each hash is of

The index is a help, and believed in nothing: it must be of the split's shards, frames must fill their shard, and what
is read there must be a frame whose checksums hold, with the id that was asked for. `tintmill verify` compares the whole
index with the records.
"""

import base64
import dataclasses
import hashlib
import os
import struct
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from tintmill.pipeline.common import files
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.dataset import record
from tintmill.pipeline.dataset.manifest import Dataset, ShardEntry
from tintmill.pipeline.dataset.names import INDEX, name_index

_MAGIC = b"TINTIDX1"
_HEADER = 64
_COLUMNS = 3


@dataclasses.dataclass(frozen=True)
class SplitIndex:
    """Where the n records of a split are, and their ids' hashes: uint64 [n] each, mapped from a file or in memory.

    Attributes:
      offsets: where the frame of each record begins in its shard, in bytes.
      hashes: of the ids, sorted.
      numbers: of the records that have these hashes.
    """

    offsets: np.ndarray
    hashes: np.ndarray
    numbers: np.ndarray

    def find(self, name: str) -> np.ndarray:
        """The numbers of the records whose id has the hash of `name`: none, one, or by chance more."""
        wanted = np.uint64(hash_id(name.encode()))
        first, end = np.searchsorted(self.hashes, wanted), np.searchsorted(self.hashes, wanted, "right")
        return self.numbers[first:end]


def hash_id(name: bytes) -> int:
    """The hash of a record's id, 0..2^64-1."""
    return int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), "little")


def make_places(offsets: Sequence[int], ids: Iterable[bytes]) -> np.ndarray:
    """Where the records of a shard are: uint64 [2, records], where each frame begins, and the hash of its id."""
    return np.array([offsets, [hash_id(name) for name in ids]], "<u8")


def pack_places(places: np.ndarray) -> str:
    """The array of `make_places` as text, for the shard's report."""
    return base64.b64encode(places.tobytes()).decode()


def unpack_places(text: str) -> np.ndarray:
    """The inverse of `pack_places`.

    Raises:
      ValueError: the text is no such thing.
    """
    return np.frombuffer(base64.b64decode(text, validate=True), "<u8").reshape(2, -1)


def make_index(entries: Sequence[ShardEntry], places: Sequence[np.ndarray]) -> bytes:
    """The content of a split's index.

    Args:
      entries: the shards of the split.
      places: of each shard, as `make_places` makes them.
    """
    offsets, hashes = np.concatenate([np.zeros((2, 0), "<u8"), *places], axis=1)
    order = np.argsort(hashes, kind="stable")
    columns = (offsets, hashes[order], order)
    return b"".join([_make_header(entries, len(offsets)), *(column.astype("<u8").tobytes() for column in columns)])


def _make_header(entries: Sequence[ShardEntry], count: int) -> bytes:
    return struct.pack("<8sQ32s16x", _MAGIC, count, _digest(entries))


def _digest(entries: Sequence[ShardEntry]) -> bytes:
    """Tells the shards of one split from all others."""
    lines = "".join(f"{entry.file} {entry.records} {entry.bytes} {entry.sha256}\n" for entry in entries)
    return hashlib.sha256(lines.encode()).digest()


def open_index(dataset: Dataset, split: str) -> SplitIndex | None:
    """The index in the dataset's folder, or else in the cache; None where there is none.

    Raises:
      TintmillError: it is not of the split's shards.
    """
    entries = dataset.shards(split)
    for path in (dataset.path(INDEX, name_index(split)), _cache_path(entries)):
        if os.path.exists(path):
            return _map_file(path, entries)
    return None


def _cache_path(entries: Sequence[ShardEntry]) -> str:
    return os.path.join(files.cache_folder(), INDEX, f"{_digest(entries).hex()}.bin")


def _map_file(path: str, entries: Sequence[ShardEntry]) -> SplitIndex:
    count = sum(entry.records for entry in entries)
    try:
        with open(path, "rb") as f:
            head, size = f.read(_HEADER), os.fstat(f.fileno()).st_size
    except OSError as error:
        raise TintmillError(f"{path}: cannot be read: {error}") from error
    wanted = _make_header(entries, count)
    if head != wanted or size != _HEADER + 8 * _COLUMNS * count:
        raise TintmillError(f"{path}: not the index of the shards in the manifest; delete it, reading works without it")
    columns = np.memmap(path, "<u8", "r", _HEADER, (_COLUMNS, count)) if count else np.zeros((_COLUMNS, 0), "<u8")
    return SplitIndex(*columns)


def build_index(dataset: Dataset, split: str) -> SplitIndex:
    """The index of a split whose folder has none, from its records; the cache keeps it where it can be written.

    Every record is read once, and no checksum of its content is computed: a reader does that.

    Raises:
      ValueError: a shard is damaged; its file is named.
      OSError: a shard cannot be read.
    """
    from tqdm import tqdm

    entries = dataset.shards(split)
    shards = tqdm(entries, desc=f"{dataset.settings.name} {split} has no index, reading ids", unit=" shards")
    content = make_index(entries, [_read_places(dataset, entry) for entry in shards])
    path = _cache_path(entries)
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        files.write(path, content)
    except OSError as error:
        tqdm.write(f"NOTE: {path}: cannot be written ({error}); the next process reads the ids again")
        return SplitIndex(*np.frombuffer(content, "<u8", offset=_HEADER).reshape(_COLUMNS, -1))
    return _map_file(path, entries)


def _read_places(dataset: Dataset, entry: ShardEntry) -> np.ndarray:
    found = list(_list_places(dataset, entry))
    if len(found) != entry.records:
        raise ValueError(f"{entry.file}: {len(found)} records, the manifest says {entry.records}")
    return make_places([offset for offset, _ in found], [name for _, name in found])


def _list_places(dataset: Dataset, entry: ShardEntry) -> Iterator[tuple[int, bytes]]:
    """(offset of the frame, id) of each record."""
    with open(dataset.path(entry.file), "rb") as f:
        try:
            for content, length in record.frame_places(f, entry.bytes):
                f.seek(content)
                name = record.parse_features(f.read(length)).get("id")
                if not isinstance(name, bytes):
                    raise ValueError(f"the record at byte {content} has no id")
                yield content - record.HEADER, name
        except ValueError as error:
            raise ValueError(f"{entry.file}: {error}") from error
