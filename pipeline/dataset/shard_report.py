"""The report of one shard: reports/SPLIT-00000.json, the last file that a worker writes of a shard, and its commit."""

import dataclasses
import json

from tintmill.pipeline.common import checked_json, files
from tintmill.pipeline.common.checked_json import (
    hexadecimal,
    mapping,
    number,
    of_dataclass,
    optional,
    record,
    row,
    sequence,
    text,
    whole,
)
from tintmill.pipeline.dataset.identity import PACKED_IDENTITY, EmbedderIdentity
from tintmill.pipeline.dataset.manifest import SHARD_FIELDS

_LARGEST = 1 << 30  # bytes: of a shard of millions of pictures


@dataclasses.dataclass(frozen=True)
class ShardReport:
    """What a worker did with one shard's pictures.

    Attributes:
      file: the shard's file name.
      split, shard: which shard of the plan it is.
      bytes, sha256, crc32c: of the shard's file; the hashes in hex.
      records: pictures that became records.
      read: pictures that the listing had for this shard.
      rejected: pictures left out, by reason code.
      excluded: ids left out as duplicates, as the plan asked.
      plan: the fingerprint of the plan.
      listing: this shard's part of the listing's digest, in hex.
      inputs: [id, size in bytes, version] of each listed picture.
      pixels: [id, hash of the pixels] of each picture that passed the filters.
      ab_histogram: pixels in each of the 313 ab bins.
      ab_sums: sums of `a`, `b` and `chroma` over all pixels.
      encoding_fidelity: `psnr` (None where it is infinite), `ssim` and `ciede2000` of each measured picture.
      embedder: which one made the embeddings; None without embeddings.
      places: where the records are, and hashes of their ids (`index.pack_places`); None in an early report.
    """

    file: str
    split: str
    shard: int
    bytes: int
    sha256: str
    crc32c: str
    records: int
    read: int
    rejected: dict[str, int]
    excluded: list[str]
    plan: str
    listing: str
    inputs: list[list]
    pixels: list[list[str]]
    ab_histogram: list[int]
    ab_sums: dict[str, int | float]
    encoding_fidelity: list[dict[str, float | None]]
    embedder: EmbedderIdentity | None
    places: str | None = None

    @property
    def key(self) -> tuple[str, int]:
        """(split, shard index)."""
        return self.split, self.shard

    @classmethod
    def from_json(cls, values: dict) -> "ShardReport":
        """The inverse of `to_json`; keys that this version does not know are left out.

        Raises:
          ValueError: the values are no report.
        """
        checked_json.check(values, _REPORT)
        known = {field.name: values[field.name] for field in dataclasses.fields(cls) if field.name in values}
        packed = values["embedder"]
        return cls(**known | {"embedder": packed and EmbedderIdentity.from_packed_json(packed)})

    def to_json(self) -> dict:
        """The report's values; what they hold is shared with the report, not copied."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return values | {"kept": self.records, "embedder": self.embedder and self.embedder.to_packed_json()}


# The kind of a report's JSON values.
_REPORT = of_dataclass(
    ShardReport,
    **SHARD_FIELDS,
    read=whole(0),
    rejected=mapping(whole(0)),
    plan=hexadecimal(64),
    listing=text("[0-9a-f]{1,64}", "up to 64 hexadecimal digits"),
    inputs=sequence(row(text(is_path=True), whole(-1), number())),
    pixels=sequence(row(text(is_path=True), hexadecimal(16))),
    ab_histogram=sequence(whole(0), 313, 313),
    ab_sums=record(dict.fromkeys(("a", "b", "chroma"), number())),
    encoding_fidelity=sequence(record(dict.fromkeys(("psnr", "ssim", "ciede2000"), optional(number())))),
    embedder=optional(PACKED_IDENTITY),
    places=optional(text(longest=_LARGEST)),
)


def write_report(path: str, report: ShardReport) -> None:
    files.write(path, json.dumps(report.to_json(), sort_keys=True))


def read_report(path: str) -> ShardReport:
    """The report in a file.

    Raises:
      ValueError: the file is damaged.
      OSError: the file cannot be read.
    """
    data = files.read(path, largest=_LARGEST)
    return ShardReport.from_json(checked_json.parse(data, checked_json.anything, _LARGEST))
