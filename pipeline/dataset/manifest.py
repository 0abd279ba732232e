"""The manifest of a dataset directory, and opening the directory by it."""

import dataclasses
import json

from tintmill.pipeline.common import files
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.dataset.identity import EmbedderIdentity
from tintmill.pipeline.dataset.names import MANIFEST, PLAN
from tintmill.pipeline.dataset.settings import Settings

FORMAT_VERSION = 1
PREPARE_AGAIN = "prepare the dataset again"

# Keys that every manifest has had.
_REQUIRED = (
    *("settings", "fingerprint", "source", "split_rule", "versions", "class_names", "splits", "shards", "pictures"),
    *("ab_histogram", "mean_ab", "encoding_fidelity", "embedder"),
)


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
        _check_values(values, path, remedy)
        try:
            manifest = cls._convert(values)
        except (TintmillError, LookupError, TypeError, ValueError, AttributeError) as error:
            raise TintmillError(f"{path} is damaged ({type(error).__name__}: {error}); {remedy}") from error
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


def _check_values(values, path: str, remedy: str) -> None:
    """Checks the values of a manifest before anything is made of them. A check of a single field belongs here."""
    if not isinstance(values, dict) or "format_version" not in values:
        raise TintmillError(f"{path} is damaged (no format_version); {remedy}")
    if values["format_version"] != FORMAT_VERSION:
        raise TintmillError(
            f"{path} has format version {values['format_version']}, this program reads {FORMAT_VERSION}"
        )
    missing = set(_REQUIRED) - set(values)
    if missing:
        raise TintmillError(f"{path} is damaged (no {', '.join(sorted(missing))}); {remedy}")


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
      TintmillError: no manifest, a damaged one, or one of a newer format.
    """
    folder = files.absolute(folder)
    path = files.join(folder, MANIFEST)
    if not files.exists(path):
        remedy = "give the folder OUTPUT/NAME/VERSION that `tintmill prepare` printed"
        if files.exists(files.join(folder, PLAN)):
            remedy = "its preparation has not finished; run the same `tintmill prepare` again"
        raise TintmillError(f"{folder}: no {MANIFEST} in it; {remedy}")
    return Dataset(folder, read_manifest(path))


def read_manifest(path: str, remedy: str = PREPARE_AGAIN) -> Manifest:
    """The manifest in a file: that of a dataset, or the copy of it that a run directory keeps.

    Args:
      remedy: what to do where the file is damaged.
    Raises:
      TintmillError: the file is damaged, or of another format version.
      OSError: the file cannot be read.
    """
    try:
        values = json.loads(files.read(path))
    except ValueError as error:
        raise TintmillError(f"{path} is damaged ({error}); {remedy}") from error
    return Manifest.from_json(values, path, remedy)
