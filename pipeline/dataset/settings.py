"""The settings that decide a dataset's bytes, and their fingerprint."""

import dataclasses
import hashlib
import json
import os
import re

from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.imaging import lab, photo

NAMED_WEIGHTS = ("imagenet", "random", "zeros")  # of an embedder; all else is a file


@dataclasses.dataclass(frozen=True)
class EmbedderSettings:
    """Which network's answer to the grey picture is stored.

    `weights`: `imagenet`, `random`, `zeros` (every embedding is zero, to measure what an
    embedding is worth with the same network, data and code), or the path of a Keras `.weights.h5` file of the
    whole network with its top.
    """

    name: str = "inception_resnet_v2"
    layer: str = "logits"
    weights: str = "imagenet"


@dataclasses.dataclass(frozen=True)
class SourceOptions:
    """What single sources want to know besides `--input`; each source's docstring says what it means there.

    `labels`, `label_names` and `synsets` are paths of list files, or empty. Their names are no settings: what they say
    is in the listing and in the class names.
    """

    labels: str = ""
    label_names: str = ""
    synsets: str = ""
    celeba_label: str = ""
    celeba_attributes: bool = True
    tfds_name: str = ""

    @classmethod
    def from_json(cls, values: dict) -> "SourceOptions":
        return cls(**{field.name: values[field.name] for field in dataclasses.fields(cls) if field.name in values})

    def to_json(self) -> dict:
        values = dataclasses.asdict(self)
        return values | {key: "given" if values[key] else "" for key in ("labels", "label_names", "synsets")}


@dataclasses.dataclass(frozen=True)
class Settings:
    """Everything that a shard's bytes depend on, besides the pictures themselves. Validates itself.

    `splits`: (name, share) pairs of what has no official split; the shares sum to 1; None: the source's default, which
    the plan puts in. `limit`: 0 for all, else the first N pictures by hash of id; `limit_per_class`: in each class;
    `limit_per_split`: (split, N) pairs, in each of these splits.
    """

    name: str
    version: str = "1.0.0"
    source: str = "folder"
    size: int = 224
    fit: str = "crop"
    encoding: str = "lab8"
    embedder: EmbedderSettings | None = EmbedderSettings()
    splits: tuple[tuple[str, float], ...] | None = (("train", 0.9), ("val", 0.05), ("test", 0.05))
    shard_examples: int = 512
    limit: int = 0
    limit_per_class: int = 0
    limit_per_split: tuple[tuple[str, int], ...] = ()
    classes: tuple[str, ...] = ()
    drop_grey: bool = True
    drop_uniform: bool = True
    drop_letterbox: bool = True
    drop_duplicates: bool = True
    reduced_decode: bool = True
    embed_mirror: bool = False
    min_side: int = 32
    max_pixels: int = 100_000_000
    options: SourceOptions = SourceOptions()

    def __post_init__(self):
        _check(re.fullmatch(r"[a-z][a-z0-9_]*", self.name), "--name", self.name, "lower-case letters, digits and _")
        _check(re.fullmatch(r"\d+\.\d+\.\d+", self.version), "--version", self.version, "three numbers like 1.0.0")
        _check(8 <= self.size <= 4096, "--size", self.size, "8 to 4096")
        _check(self.fit in photo.FITS, "--fit", self.fit, f"one of {', '.join(photo.FITS)}")
        _check(self.encoding in lab.ENCODINGS, "--encoding", self.encoding, f"one of {', '.join(lab.ENCODINGS)}")
        _check(self.shard_examples >= 1, "--shard_examples", self.shard_examples, "at least 1")
        _check(self.limit >= 0, "--limit", self.limit, "0 (all) or more")
        _check(self.min_side >= 1, "--min_side", self.min_side, "at least 1")
        _check(self.max_pixels >= 1, "--max_pixels", self.max_pixels, "at least 1")
        _check(self.embedder or not self.embed_mirror, "--embed_mirror", True, "an --embedder with it")
        _check(self.limit_per_class >= 0, "--limit_per_class", self.limit_per_class, "0 (all) or more")
        for name, number in self.limit_per_split:
            _check(number >= 1, "--limit_per_split", f"{name}:{number}", "at least 1 of each split")
        limits = [name for name in ("limit", "limit_per_class", "limit_per_split") if getattr(self, name)]
        _check(len(limits) <= 1, " and ".join(f"--{name}" for name in limits), "both", "one of them")
        if self.splits is not None:
            self._check_splits()

    def _check_splits(self):
        names = [name for name, _ in self.splits]
        _check(len(set(names)) == len(names) and names, "--splits", names, "different names")
        for name, share in self.splits:
            _check(re.fullmatch(r"[a-z][a-z0-9_]*", name), "--splits", name, "lower-case letters, digits and _")
            _check(0 < share <= 1, "--splits", f"{name}:{share}", "shares above 0 and up to 1")
        total = sum(share for _, share in self.splits)
        _check(abs(total - 1) < 1e-6, "--splits", f"shares that sum to {total:g}", "shares that sum to 1")

    def to_json(self) -> dict:
        """As plain JSON values; the embedder's weights by their name only, so that a path is no setting."""
        values = dataclasses.asdict(self)
        values["splits"] = [list(pair) for pair in self.splits or ()]
        values["limit_per_split"] = [list(pair) for pair in self.limit_per_split]
        values["options"] = self.options.to_json()
        values["classes"] = list(self.classes)
        if self.embedder:
            values["embedder"]["weights"] = weights_label(self.embedder.weights)
        return values

    @classmethod
    def from_json(cls, values: dict) -> "Settings":
        """The inverse of `to_json`: of paths there are labels only. A setting that an early version did not have gets
        its default; one that this version does not know is left out.

        Raises:
          TintmillError: a value that is not allowed.
        """
        known = {field.name: values[field.name] for field in dataclasses.fields(cls) if field.name in values}
        makers = {
            "embedder": lambda found: found and EmbedderSettings(**found),
            "splits": lambda found: tuple((name, share) for name, share in found) or None,
            "limit_per_split": lambda found: tuple((name, number) for name, number in found),
            "classes": tuple,
            "options": SourceOptions.from_json,
        }
        return cls(**known | {name: make(known[name]) for name, make in makers.items() if name in known})

    @property
    def largest(self) -> int:
        """Bytes that no picture of at most `max_pixels` exceeds: four 16-bit channels, uncompressed, and metadata."""
        return 8 * self.max_pixels + (16 << 20)

    @property
    def limits(self) -> photo.Limits:
        return photo.Limits(max_pixels=self.max_pixels, min_side=self.min_side)


def parse_splits(text: str) -> tuple[tuple[str, float], ...]:
    """`train:0.9,test:0.1` -> (("train", 0.9), ("test", 0.1))."""
    try:
        pairs = [part.split(":") for part in text.split(",")]
        return tuple((name.strip(), float(share)) for name, share in pairs)
    except ValueError as error:
        raise TintmillError(f"--splits={text}: want name:share pairs like train:0.9,val:0.05,test:0.05") from error


def parse_limits(text: str) -> tuple[tuple[str, int], ...]:
    """`train:1000,test:200` -> (("train", 1000), ("test", 200))."""
    try:
        pairs = [part.split(":") for part in text.split(",") if text]
        return tuple((name.strip(), int(number)) for name, number in pairs)
    except ValueError as error:
        raise TintmillError(f"--limit_per_split={text}: want split:number pairs like train:1000,val:200") from error


def weights_label(weights: str) -> str:
    """One of `NAMED_WEIGHTS`, or `file:NAME`: a path would differ from machine to machine. A label is its own label."""
    is_label = weights in NAMED_WEIGHTS or weights.startswith("file:")
    return weights if is_label else f"file:{os.path.basename(weights)}"


def fingerprint(values: dict) -> str:
    """sha256 of JSON values, independent of key order."""
    text = json.dumps(values, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _check(condition, flag: str, found, wanted: str) -> None:
    if not condition:
        raise TintmillError(f"{flag}: found {found!r}, wanted {wanted}")
