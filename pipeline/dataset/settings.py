"""The settings that decide a dataset's bytes, and their fingerprint."""

import dataclasses
import hashlib
import json
import os
import re
from dataclasses import MISSING

from tintmill.pipeline.common import files
from tintmill.pipeline.common.checked_json import (
    mapping,
    number,
    of_dataclass,
    optional,
    row,
    scalar,
    sequence,
    text,
    whole,
)
from tintmill.pipeline.common.errors import WrongFlagError
from tintmill.pipeline.common.options import Check, at_least, between, list_defects, option
from tintmill.pipeline.dataset.networks import LAYERS, NETWORKS
from tintmill.pipeline.imaging import lab, photo

NAMED_WEIGHTS = ("imagenet", "random", "zeros")  # of an embedder; all else is a file
NO_EMBEDDER = "none"  # of the flag --embedder


def parse_weights(text: str) -> str:
    """The name of weights, or the absolute path of a file: a worker may have another working directory."""
    return text if text in NAMED_WEIGHTS else files.absolute(text)


@dataclasses.dataclass(frozen=True)
class EmbedderSettings:
    """Which network's answer to the grey picture is stored.

    `weights`: `imagenet`, `random`, `zeros` (every embedding is zero), or the path of a Keras `.weights.h5` file of the
    whole network with its top. `embed.check` checks them.
    """

    name: str = option(
        "inception_resnet_v2", "Embedding network.", "Embedding", flag="embedder", choices=(*NETWORKS, NO_EMBEDDER)
    )
    layer: str = option("logits", "Which layer's output is stored.", "Embedding", flag="embedder_layer", choices=LAYERS)
    weights: str = option(
        "imagenet",
        "imagenet, random, zeros or a weights file.",
        "Embedding",
        flag="embedder_weights",
        parse=parse_weights,
    )


# Options that datasets of every source have listed since before sources had options of their own. They stay in the
# settings, whatever the source: the fingerprint is of all keys. Options of later sources are listed for these alone.
_ALWAYS_LISTED = {
    **{"labels": "", "label_names": "", "synsets": ""},
    **{"celeba_label": "", "celeba_attributes": True, "tfds_name": ""},
}


@dataclasses.dataclass(frozen=True)
class SourceOptions:
    """What a source wants to know besides `--input`; nothing, unless a source's module makes a dataclass of its own."""

    def to_json(self) -> dict:
        """The options that decide what is listed; a path is `given` or empty, since what its file says is listed."""
        return dataclasses.asdict(self)


@dataclasses.dataclass(frozen=True)
class StoredOptions(SourceOptions):
    """Options as a manifest tells them; their source's class knows what they mean."""

    values: dict[str, object]

    def to_json(self) -> dict:
        return self.values


def _read_embedder(values: dict | None) -> EmbedderSettings | None:
    if values is None:
        return None
    return EmbedderSettings(
        **{f.name: values[f.name] for f in dataclasses.fields(EmbedderSettings) if f.name in values}
    )


def _read_options(values: dict) -> SourceOptions:
    told = {key: value for key, value in values.items() if key not in _ALWAYS_LISTED or value != _ALWAYS_LISTED[key]}
    return StoredOptions(told) if told else SourceOptions()


def parse_splits(text: str) -> tuple[tuple[str, float], ...]:
    """`train:0.9,test:0.1` -> (("train", 0.9), ("test", 0.1))."""
    try:
        pairs = [part.split(":") for part in text.split(",")]
        return tuple((name.strip(), float(share)) for name, share in pairs)
    except ValueError as error:
        raise WrongFlagError(f"--splits={text}: want name:share pairs like train:0.9,val:0.05,test:0.05") from error


def parse_limits(text: str) -> tuple[tuple[str, int], ...]:
    """`train:1000,test:200` -> (("train", 1000), ("test", 200))."""
    try:
        pairs = [part.split(":") for part in text.split(",") if text]
        return tuple((name.strip(), int(number)) for name, number in pairs)
    except ValueError as error:
        raise WrongFlagError(f"--limit_per_split={text}: want split:number pairs like train:1000,val:200") from error


def _matches(pattern: str, wanted: str) -> Check:
    return Check(lambda text: re.fullmatch(pattern, text) is not None, wanted)


_ZERO_OR_MORE = at_least(0, "0 (all) or more")


@dataclasses.dataclass(frozen=True)
class Settings:
    """Everything that a shard's bytes depend on, besides the pictures themselves. Validates itself.

    `splits`: (name, share) pairs of what has no official split; the shares sum to 1; None: the source's default, which
    the plan puts in. `limit`: 0 for all, else the first N pictures by hash of id; `limit_per_class`: in each class;
    `limit_per_split`: (split, N) pairs, in each of these splits. `options`: of the source's own class; `SourceOptions`
    itself stands for that class with its defaults.
    """

    name: str = option(
        MISSING,
        "Name of the dataset: lower-case letters, digits, _.",
        "Dataset",
        check=_matches(r"[a-z][a-z0-9_]*", "lower-case letters, digits and _"),
        required=True,
    )
    version: str = option(
        "1.0.0", "Version of the dataset.", "Dataset", check=_matches(r"\d+\.\d+\.\d+", "three numbers like 1.0.0")
    )
    source: str = "folder"
    size: int = option(224, "Side of the square records in pixels.", "Records", check=between(8, 4096))
    fit: str = option("crop", "How a picture becomes square; pad mirrors it outwards.", "Records", choices=photo.FITS)
    encoding: str = option("lab8", "How Lab is stored.", "Records", choices=lab.ENCODINGS)
    embedder: EmbedderSettings | None = EmbedderSettings()
    splits: tuple[tuple[str, float], ...] | None = option(
        (("train", 0.9), ("val", 0.05), ("test", 0.05)),
        "Shares of what has no official split, by hash: train:0.9,val:0.05,test:0.05. Empty: the source's default.",
        "Dataset",
        parse=lambda text: parse_splits(text) if text else None,
        flag_default="",
    )
    shard_examples: int = option(512, "Pictures a shard, about.", "Dataset", check=at_least(1))
    limit: int = option(
        0, "Take only the first N pictures by hash; subsets nest. 0: all.", "A part of the input", check=_ZERO_OR_MORE
    )
    limit_per_class: int = option(
        0,
        "Take only the first N pictures by hash of each class, of official splits each.",
        "A part of the input",
        check=_ZERO_OR_MORE,
    )
    limit_per_split: tuple[tuple[str, int], ...] = option(
        (),
        "Take only the first N pictures by hash of a split: train:1000,val:200.",
        "A part of the input",
        parse=parse_limits,
        flag_default="",
    )
    classes: tuple[str, ...] = option((), "Take only these classes, separated by commas.", "A part of the input")
    drop_grey: bool = option(True, "Leave out pictures without colour.", "What is left out")
    drop_uniform: bool = option(True, "Leave out pictures of one flat colour.", "What is left out")
    drop_letterbox: bool = option(True, "Leave out pictures with bars.", "What is left out")
    drop_duplicates: bool = option(True, "Leave out training pictures that are in val or test too.", "What is left out")
    reduced_decode: bool = option(True, "Decode JPEGs at 1/2 to 1/8 where that is twice enough.", "Records")
    embed_mirror: bool = option(False, "Embed the mirrored picture too.", "Embedding")
    min_side: int = option(32, "Reject pictures whose shorter side is below.", "What is left out", check=at_least(1))
    max_pixels: int = option(
        100_000_000, "Reject pictures with more pixels (memory).", "What is left out", check=at_least(1)
    )
    options: SourceOptions = SourceOptions()

    def __post_init__(self):
        for flag, found, wanted in list_defects(self):
            raise WrongFlagError(f"--{flag}: found {found!r}, wanted {wanted}")
        _check(self.embedder or not self.embed_mirror, "--embed_mirror", True, "an --embedder with it")
        for name, limit in self.limit_per_split:
            _check(limit >= 1, "--limit_per_split", f"{name}:{limit}", "at least 1 of each split")
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
        values["options"] = _ALWAYS_LISTED | self.options.to_json()
        values["classes"] = list(self.classes)
        if self.embedder:
            values["embedder"]["weights"] = weights_label(self.embedder.weights)
        return values

    @classmethod
    def from_json(cls, values: dict) -> "Settings":
        """The inverse of `to_json`: of paths there are labels only. A setting that an early version did not have gets
        its default; one that this version does not know is left out.

        Raises:
          WrongFlagError: a value that is not allowed.
        """
        known = {field.name: values[field.name] for field in dataclasses.fields(cls) if field.name in values}
        makers = {
            "embedder": _read_embedder,
            "splits": lambda found: tuple((name, share) for name, share in found) or None,
            "limit_per_split": lambda found: tuple((name, number) for name, number in found),
            "classes": tuple,
            "options": _read_options,
        }
        return cls(**known | {name: make(known[name]) for name, make in makers.items() if name in known})

    @property
    def largest(self) -> int:
        """Bytes that no picture of at most `max_pixels` exceeds: four 16-bit channels, uncompressed, and metadata."""
        return 8 * self.max_pixels + (16 << 20)

    @property
    def limits(self) -> photo.Limits:
        return photo.Limits(max_pixels=self.max_pixels, min_side=self.min_side)


_NAME = text(longest=64)
# The kind of the settings' JSON values. `Settings` itself checks what the values are; splits may be those of a source.
SETTINGS = of_dataclass(
    Settings,
    name=_NAME,
    version=_NAME,
    embedder=optional(of_dataclass(EmbedderSettings)),
    splits=sequence(row(_NAME, number(0, 1)), most=64),
    limit_per_split=sequence(row(_NAME, whole(1)), most=64),
    options=mapping(scalar),
)


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
        raise WrongFlagError(f"{flag}: found {found!r}, wanted {wanted}")
