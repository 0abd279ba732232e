"""What is counted over a shard's records: the dataset's colours, and what the encoding costs."""

import hashlib

import numpy as np

from tintmill.pipeline.dataset import record
from tintmill.pipeline.imaging import ab_bins, fidelity, lab
from tintmill.pipeline.listing.reference import Reference
from tintmill.pipeline.shards.picture import Picture

_FIDELITY_EVERY = 256  # the encoding's cost is measured on every 256th kept picture of a shard, the first included


class Tally:
    """Sums over a shard's kept pictures: integers, or taken in the shard's order, so that they are reproducible."""

    def __init__(self, encoding: str):
        self._encoding = encoding
        self._records = 0
        self._pairs = np.zeros(65536, np.int64)
        self._pixels: list[list[str]] = []
        self.rejects: list[dict[str, str]] = []  # `id` and reason `code` of each picture left out
        self._fidelity: list[dict[str, float | None]] = []  # None: infinite, JSON has no word for it

    def see(self, picture: Picture) -> None:
        """Takes note of a picture that passed the filters, kept or left out as a duplicate."""
        self._pixels.append([picture.reference.id, pixel_hash(picture.rgb)])

    def add(self, picture: Picture) -> None:
        """Counts a picture that became a record."""
        if self._records % _FIDELITY_EVERY == 0:
            self._fidelity.append(self._measure(picture))
        self._records += 1
        self._pairs += ab_bins.count_pairs(record.as_lab8(picture.packed, self._encoding))

    def reject(self, reference: Reference, code: str) -> None:
        """Takes note of a picture that is left out, and why."""
        self.rejects.append({"id": reference.id, "code": code})

    def to_json(self) -> dict:
        """The fields of `ShardReport` that are sums over pictures."""
        return {
            "records": self._records,
            "rejected": self._count_codes(),
            "ab_histogram": ab_bins.count_bins(self._pairs).tolist(),
            "ab_sums": ab_bins.sum_colours(self._pairs),
            "pixels": self._pixels,
            "encoding_fidelity": self._fidelity,
        }

    def _count_codes(self) -> dict[str, int]:
        codes = [line["code"] for line in self.rejects]
        return {code: codes.count(code) for code in sorted(set(codes))}

    def _measure(self, picture: Picture) -> dict[str, float | None]:
        stored = lab.lab_to_rgb8(lab.unpack(picture.packed, self._encoding))
        compared = fidelity.compare(picture.rgb, stored)
        return {key: value if np.isfinite(value) else None for key, value in compared.items()}


def pixel_hash(rgb: np.ndarray) -> str:
    """Equal for equal pixels; 64 bits as hex."""
    return hashlib.blake2b(np.ascontiguousarray(rgb), digest_size=8).hexdigest()
