"""The manifest of a dataset directory, and opening the directory by it.

A manifest may come from anywhere, and so is checked as a stranger's: `MANIFEST_KIND` says what each field may be, and
`check_manifest` what the fields say together. No file of a dataset is opened by a name that passed neither.
"""

import dataclasses
import json

from tintmill.pipeline.common import checked_json, files
from tintmill.pipeline.common.checked_json import (
    Wrong,
    anything,
    either,
    hexadecimal,
    mapping,
    number,
    of_dataclass,
    optional,
    record,
    sequence,
    text,
    whole,
)
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.dataset.identity import IDENTITY, EmbedderIdentity
from tintmill.pipeline.dataset.names import MANIFEST, MOST_SHARDS, PLAN, SHARD, SPLIT, name_shard
from tintmill.pipeline.dataset.settings import SETTINGS, Settings

FORMAT_VERSION = 1
PREPARE_AGAIN = "prepare the dataset again"
LARGEST = 1 << 30  # bytes of a manifest.json: of three million shards

_SPLIT = text(SPLIT, "a split's name: lower-case letters, digits and _")
_LABEL = text(longest=1000)
_BINS = sequence(whole(0), 313, 313)  # pixels in each of the ab bins
_AB = number(-128, 128)
# The fields of a committed shard's file, in a manifest and in its report.
SHARD_FIELDS = {
    "file": text(SHARD, f"a shard's name: {name_shard('mine', 'train', 0, 16)}"),
    "split": _SPLIT,
    "shard": whole(0, MOST_SHARDS),
    "records": whole(0),
    "bytes": whole(0),
    "sha256": hexadecimal(64),
    "crc32c": hexadecimal(8),
}


@dataclasses.dataclass(frozen=True)
class ShardEntry:
    """A committed shard: its file's name, size in bytes and hashes in hex, its split and index, its records."""

    file: str
    split: str
    shard: int
    records: int
    bytes: int
    sha256: str
    crc32c: str


@dataclasses.dataclass(frozen=True)
class InputSource:
    """Where the pictures came from: a source's name, the path that was its input, the digest of its listing in hex."""

    kind: str
    input: str
    listing_sha256: str


@dataclasses.dataclass(frozen=True)
class PictureCounts:
    """Pictures that were read, that became records, and that were left out, by reason code (`photo.REASONS`)."""

    read: int
    kept: int
    rejected: dict[str, int]


@dataclasses.dataclass(frozen=True)
class EncodingFidelity:
    """What the encoding costs: means over some of a split's pictures, before encoding and decoded back.

    `pictures` were measured. `infinite_psnr` of them came back equal, and are left out of `psnr`, which is in dB. A
    mean of no picture is None. The fields stand in the order of the keys in the manifest.
    """

    ciede2000: float | None
    infinite_psnr: int
    pictures: int
    psnr: float | None
    ssim: float | None


@dataclasses.dataclass(frozen=True)
class Manifest:
    """What a dataset is.

    Attributes:
      settings: of `tintmill prepare`.
      fingerprint: sha256 of all that decides the dataset's bytes.
      source: where the pictures came from.
      split_rule: how pictures came to their splits, in words.
      versions: of the libraries that can change a byte, by name.
      class_names: in the order of the labels; empty without classes.
      attribute_names: of the records' `attributes`; empty without attributes.
      splits: records of each split.
      shards: in split and shard order.
      pictures: read, kept and left out.
      ab_histogram: pixels in each of the 313 ab bins, by split; None in an early manifest, which counted all together.
      mean_ab: mean a* and b* over all pixels of all splits.
      mean_chroma: mean chroma over them; None in an early manifest.
      embedding_from: `original` picture, or the `record`'s own L*.
      encoding_fidelity: by split.
      embedder: None without embeddings.
    """

    settings: Settings
    fingerprint: str
    source: InputSource
    split_rule: str
    versions: dict[str, str]
    class_names: tuple[str, ...]
    attribute_names: tuple[str, ...]
    splits: dict[str, int]
    shards: tuple[ShardEntry, ...]
    pictures: PictureCounts
    ab_histogram: dict[str, list[int]] | None
    mean_ab: tuple[float, float]
    mean_chroma: float | None
    embedding_from: str
    encoding_fidelity: dict[str, EncodingFidelity]
    embedder: EmbedderIdentity | None
    # The values of a manifest that was read: copies of it keep keys that this version does not know, and add none.
    _read: dict | None = dataclasses.field(default=None, init=False, repr=False, compare=False)

    @classmethod
    def from_json(cls, values: dict, path: str, remedy: str = PREPARE_AGAIN) -> "Manifest":
        """The inverse of `to_json`.

        Args:
          path: the file that held the values; errors name it.
          remedy: what to do where they are damaged.
        Raises:
          TintmillError: the values are no manifest, or one of another format version.
        """
        _check_format(values, path, remedy)
        try:
            checked_json.check(values, MANIFEST_KIND)
            manifest = cls._convert(values)
        except (TintmillError, ValueError) as error:  # what the settings themselves refuse is a TintmillError
            raise checked_json.damaged(path, error, remedy) from error
        object.__setattr__(manifest, "_read", values)  # the way past `frozen` that dataclasses' documentation names
        return manifest

    @classmethod
    def _convert(cls, values: dict) -> "Manifest":
        histogram, embedder, fidelity = values["ab_histogram"], values["embedder"], values["encoding_fidelity"]
        return cls(
            settings=Settings.from_json(values["settings"]),
            fingerprint=values["fingerprint"],
            source=_make(InputSource, values["source"]),
            split_rule=values["split_rule"],
            versions=dict(values["versions"]),
            class_names=tuple(values["class_names"]),
            attribute_names=tuple(values.get("attribute_names", ())),
            splits=dict(values["splits"]),
            shards=tuple(_make(ShardEntry, entry) for entry in values["shards"]),
            pictures=_make(PictureCounts, values["pictures"]),
            ab_histogram=histogram if isinstance(histogram, dict) else None,
            mean_ab=tuple(values["mean_ab"]),
            mean_chroma=values.get("mean_chroma"),
            embedding_from=values.get("embedding_from", "original"),
            encoding_fidelity={split: _make(EncodingFidelity, means) for split, means in fidelity.items()},
            embedder=embedder and EmbedderIdentity.from_json(embedder),
        )

    def to_json(self) -> dict:
        """As plain JSON values; those of the file where the manifest was read from one."""
        if self._read is not None:
            return self._read
        fidelity = {split: dataclasses.asdict(means) for split, means in self.encoding_fidelity.items()}
        return {
            "format_version": FORMAT_VERSION,
            "settings": self.settings.to_json(),
            "fingerprint": self.fingerprint,
            "source": dataclasses.asdict(self.source),
            "split_rule": self.split_rule,
            "versions": self.versions,
            "class_names": list(self.class_names),
            "attribute_names": list(self.attribute_names),
            "splits": self.splits,
            "shards": [dataclasses.asdict(entry) for entry in self.shards],
            "pictures": dataclasses.asdict(self.pictures),
            "ab_histogram": self.ab_histogram,
            "mean_ab": list(self.mean_ab),
            "mean_chroma": self.mean_chroma,
            "embedding_from": self.embedding_from,
            "encoding_fidelity": fidelity,
            "embedder": self.embedder and self.embedder.to_json(),
        }

    def to_text(self) -> str:
        """The content of manifest.json."""
        return json.dumps(self.to_json(), indent=1, sort_keys=True) + "\n"


MANIFEST_KIND = record(
    {
        "settings": SETTINGS,
        "fingerprint": hexadecimal(64),
        "source": of_dataclass(InputSource, input=text(is_path=True), listing_sha256=hexadecimal(64)),
        "split_rule": text(),
        "versions": mapping(text(longest=200)),
        "class_names": sequence(_LABEL),
        "splits": mapping(whole(0), _SPLIT),
        "shards": sequence(record(SHARD_FIELDS)),
        "pictures": of_dataclass(PictureCounts, read=whole(0), kept=whole(0), rejected=mapping(whole(0))),
        "ab_histogram": either(mapping(_BINS, _SPLIT), _BINS),
        "mean_ab": sequence(_AB, 2, 2),
        "encoding_fidelity": mapping(of_dataclass(EncodingFidelity), _SPLIT),
        "embedder": optional(IDENTITY),
    },
    {
        "attribute_names": sequence(_LABEL),
        "mean_chroma": optional(number(0, 200)),
        "embedding_from": text("original|record", "original or record"),
    },
)

# plan.json: what must be equal for two runs to write the same dataset.
PLAN_KIND = record(
    {
        "settings": mapping(anything),
        "class_names": sequence(_LABEL),
        "pictures": mapping(whole(0), _SPLIT),
        "inputs": hexadecimal(64),
        "weights_file_sha256": optional(hexadecimal(64)),
        "versions": mapping(text(longest=200)),
    },
    {"attribute_names": sequence(_LABEL)},
)


def _check_format(values, path: str, remedy: str) -> None:
    """A manifest of a later format may look like nothing that this version knows: the format comes first."""
    if not isinstance(values, dict) or "format_version" not in values:
        raise TintmillError(f"{path} is damaged (no format_version); {remedy}")
    if values["format_version"] != FORMAT_VERSION:
        found = checked_json.show(values["format_version"])
        raise TintmillError(f"{path} has format version {found}, this program reads {FORMAT_VERSION}")


def check_manifest(manifest: Manifest) -> None:
    """Whether the fields of a manifest agree with each other, as those of a dataset directory do.

    Raises:
      Wrong: two of them do not.
    """
    settings, splits = manifest.settings, manifest.splits
    if not manifest.shards:
        raise Wrong("shards", [], "one or more")
    places = {split: [n for n, entry in enumerate(manifest.shards) if entry.split == split] for split in splits}
    odd = [n for n, entry in enumerate(manifest.shards) if entry.split not in splits]
    if odd:
        raise Wrong(f"shards[{odd[0]}].split", manifest.shards[odd[0]].split, f"one of {', '.join(splits)}")
    for split, found in places.items():
        for index, place in enumerate(found):
            wanted = name_shard(settings.name, split, index, len(found))
            if (manifest.shards[place].file, manifest.shards[place].shard) != (wanted, index):
                raise Wrong(f"shards[{place}].file", manifest.shards[place].file, f"{wanted}, shard {index}")
        records = sum(manifest.shards[place].records for place in found)
        _check_equal(f"splits.{split}", splits[split], records, "the records of its shards")
        if manifest.ab_histogram is not None:
            pixels = sum(manifest.ab_histogram.get(split, ()))
            _check_equal(f"the sum of ab_histogram.{split}", pixels, records * settings.size**2, "its pixels")
    kept = sum(splits.values())
    _check_equal("pictures.kept", manifest.pictures.kept, kept, "the records of all splits")
    left_out = sum(manifest.pictures.rejected.values())
    _check_equal("pictures.read", manifest.pictures.read, kept + left_out, "what was kept and what was rejected")
    _check_equal("source.kind", manifest.source.kind, settings.source, "the settings' source")
    _check_embedder(settings, manifest.embedder)


def _check_embedder(settings: Settings, found: EmbedderIdentity | None) -> None:
    wanted = settings.embedder
    if (found is None) != (wanted is None):
        raise Wrong("embedder", found and found.name, "none, as in the settings" if found else wanted.name)
    if found:
        for key in ("name", "layer", "weights"):
            _check_equal(f"embedder.{key}", getattr(found, key), getattr(wanted, key), f"the settings' {key}")


def _check_equal(field: str, found, wanted, why: str) -> None:
    if found != wanted:
        raise Wrong(field, found, f"{checked_json.show(wanted)}, {why}")


def _make(cls: type, values: dict):
    """An instance of a dataclass by its fields' names; other keys are left out."""
    return cls(**{field.name: values[field.name] for field in dataclasses.fields(cls)})


@dataclasses.dataclass(frozen=True)
class Dataset:
    """An opened dataset directory."""

    folder: str
    manifest: Manifest

    @property
    def settings(self) -> Settings:
        """The settings that it was made with."""
        return self.manifest.settings

    @property
    def embedder(self) -> EmbedderIdentity | None:
        return self.manifest.embedder

    @property
    def splits(self) -> dict[str, int]:
        """Records of each split."""
        return self.manifest.splits

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the labels 0, 1, ...; empty without classes."""
        return self.manifest.class_names

    @property
    def mean_ab(self) -> tuple[float, float]:
        """Mean a* and b* over all pixels."""
        return self.manifest.mean_ab

    def shards(self, split: str | None = None) -> list[ShardEntry]:
        """The shards of a split, or of all splits, in shard order."""
        return [entry for entry in self.manifest.shards if split in (None, entry.split)]

    def ab_histogram(self, split: str) -> list[int]:
        """Pixels of a split in each of the 313 ab bins: its prior before smoothing.

        Raises:
          TintmillError: an early manifest, which counted all splits together.
        """
        if self.manifest.ab_histogram is None:
            raise TintmillError(f"{self.folder}: its ab histogram is of all splits together; prepare the dataset again")
        return self.manifest.ab_histogram[split]

    def path(self, *parts: str) -> str:
        """The path of a file in the directory."""
        return files.join(self.folder, *parts)

    def check_split(self, split: str) -> None:
        """Raises TintmillError where there is no such split."""
        if split not in self.splits:
            raise TintmillError(f"{self.folder} has no split {split!r}; it has {', '.join(self.splits)}")


def open_dataset(folder: str) -> Dataset:
    """Opens a dataset directory, OUTPUT/NAME/VERSION.

    Raises:
      TintmillError: no manifest, a damaged one, one whose fields do not agree, or one of a newer format.
    """
    folder = files.absolute(folder)
    path = files.join(folder, MANIFEST)
    if not files.exists(path):
        remedy = "give the folder OUTPUT/NAME/VERSION that `tintmill prepare` printed"
        if files.exists(files.join(folder, PLAN)):
            remedy = "its preparation has not finished; run the same `tintmill prepare` again"
        raise TintmillError(f"{folder}: no {MANIFEST} in it; {remedy}")
    try:
        return Dataset(folder, read_dataset_manifest(path))
    except OSError as error:
        raise TintmillError(f"{path}: cannot be read: {error}") from error


def read_dataset_manifest(path: str) -> Manifest:
    """The manifest of a dataset directory.

    Raises:
      TintmillError: the file is damaged, its fields do not agree with each other, or it is of another format version.
      OSError: the file cannot be read.
    """
    manifest = read_manifest(path)
    try:
        check_manifest(manifest)
    except Wrong as error:
        raise checked_json.damaged(path, error, PREPARE_AGAIN) from error
    return manifest


def read_manifest(path: str, remedy: str = PREPARE_AGAIN) -> Manifest:
    """The manifest in a file, for its own sake: as the copy of a dataset's manifest that a run directory keeps.

    Args:
      remedy: what to do where the file is damaged.
    Raises:
      TintmillError: the file is damaged, or of another format version.
      OSError: the file cannot be read.
    """
    values = checked_json.read(path, anything, remedy, LARGEST)
    return Manifest.from_json(values, path, remedy)
