"""The plan of a dataset: which picture goes to which split and shard. Made by one listing, before a pixel is read.

Split, shard and order within a shard are hashes of the picture's id, so they depend neither on listing order nor on
other pictures, and classes are mixed in every shard. The number of shards follows from the number of pictures.

Because shards are chosen by hash, their sizes scatter around `--shard_examples` (512 +- 23).

The driver lists the source once (a million pictures: 5 CPU-s), and a worker once more. The driver keeps counts and a
digest, not the listing. A billion pictures take 1.5 hours to list on one core and make two million shards. The runner
groups a few hundred bytes a picture. One report file a shard, read by one process at the end, does not scale to that:
raise `--shard_examples`.
"""

import collections
import dataclasses
import hashlib
import importlib.metadata
from collections.abc import Iterator

from tintmill.pipeline.common import files
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.dataset import names
from tintmill.pipeline.dataset.settings import NAMED_WEIGHTS, Settings, fingerprint
from tintmill.pipeline.listing.reference import Reference
from tintmill.pipeline.shards.assign import choose_split, hash64
from tintmill.pipeline.shards.digest import MODULUS, digest_reference
from tintmill.pipeline.shards.limits import find_limits, is_selected
from tintmill.pipeline.sources import SOURCES, with_options

OFFICIAL_SPLITS = ("train", "val", "test")  # names and order of the splits that a source may bring itself

# Libraries whose version can change a shard's bytes.
_LIBRARIES = ("tintmill", "numpy", "pillow", "tensorflow", "keras", "tensorflow-datasets", "protobuf")


@dataclasses.dataclass(frozen=True)
class Plan:
    """What every worker is told. `input` and `folder` are paths; all else decides the bytes.

    Attributes:
      settings: with the source's own splits and options where none were given.
      class_names: in the order of the labels; empty without classes.
      counts: (split, pictures) pairs.
      limits: (group, hash) pairs: pictures of the group with a greater hash are left out (`limits.find_limits`).
      inputs: the digest of the listing, in hex.
      weights_file: sha256 of the embedder's weights file, if it has one.
      versions: (library, version) pairs.
      attribute_names: of the records' attributes, if the source has any.
      notes: what the source wants said.
      excluded: (split, shard, ids) of pictures to leave out as duplicates; None while that is not known yet.
    """

    settings: Settings
    input: str
    folder: str
    class_names: tuple[str, ...]
    counts: tuple[tuple[str, int], ...]
    limits: tuple[tuple[str, int], ...]
    inputs: str
    weights_file: str | None
    versions: tuple[tuple[str, str], ...]
    attribute_names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    excluded: tuple[tuple[str, int, tuple[str, ...]], ...] | None = None

    def list_excluded(self, split: str, index: int) -> list[str]:
        return next((list(ids) for s, i, ids in self.excluded or () if (s, i) == (split, index)), [])

    def count_shards(self, split: str) -> int:
        return max(1, -(-dict(self.counts)[split] // self.settings.shard_examples))

    def list_shards(self) -> list[tuple[str, int]]:
        return [(split, i) for split, _ in self.counts for i in range(self.count_shards(split))]

    def name_shard(self, split: str, index: int) -> str:
        return names.name_shard(self.settings.name, split, index, self.count_shards(split))

    def path(self, *parts: str) -> str:
        return files.join(self.folder, *parts)

    def report_path(self, split: str, index: int) -> str:
        return self.path(names.REPORTS, names.name_report(split, index))

    @property
    def split_rule(self) -> str:
        """In words, how pictures came to their splits."""
        shares = ", ".join(f"{name}:{share:g}" for name, share in self.settings.splits)
        official = [name for name, _ in self.counts if name not in dict(self.settings.splits)]
        others = "the rest" if official else "all"
        rule = f"{others} by blake2b of the id, in shares {shares}"
        return f"{', '.join(official)}: the source's own; {rule}" if official else rule

    def to_json(self) -> dict:
        """What must be equal for two runs to write the same dataset; no paths."""
        return {
            "settings": self.settings.to_json(),
            "class_names": list(self.class_names),
            "attribute_names": list(self.attribute_names),
            "pictures": dict(self.counts),
            "inputs": self.inputs,
            "weights_file_sha256": self.weights_file,
            "versions": dict(self.versions),
        }

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.to_json())


def make_plan(settings: Settings, root: str, folder: str) -> Plan:
    """Lists the source once (twice with a limit) and counts.

    Raises:
      TintmillError: nothing there, nothing left, or classes or splits that do not exist.
    """
    settings = with_options(settings)
    source = SOURCES[settings.source]
    try:
        about = source.describe(root, settings)
        if settings.splits is None:
            settings = dataclasses.replace(settings, splits=about.splits)
        limits = find_limits(settings, source.references(root, settings))
        listing = _count(settings, limits, source.references(root, settings))
    except OSError as error:
        raise TintmillError(f"--input={root}: cannot be listed: {error}") from error
    class_names = _list_classes(settings, root, listing.labels, about.class_names)
    if not sum(listing.counts.values()):
        raise TintmillError(f"--input={root}: no files in it; wanted a folder of pictures")
    _check_splits(settings, listing.counts)
    weights = settings.embedder.weights if settings.embedder else "random"
    return Plan(
        settings=settings,
        input=root,
        folder=folder,
        class_names=class_names,
        counts=tuple(listing.counts.items()),
        limits=tuple(sorted(limits.items())),
        inputs=f"{listing.digest:064x}",
        weights_file=None if weights in NAMED_WEIGHTS else hashlib.sha256(files.read(weights)).hexdigest(),
        versions=list_versions(),
        attribute_names=about.attribute_names,
        notes=about.notes,
    )


def _list_classes(settings: Settings, root: str, labels: set[str], listed: tuple[str, ...] | None) -> tuple[str, ...]:
    """The source's own list, so that class numbers do not depend on a limit; else the classes found, sorted."""
    missing = set(settings.classes) - (labels if listed is None else set(listed))
    if missing:
        everything = SOURCES[settings.source].references(root, settings)
        found = listed or sorted({reference.label for reference in everything} - {None})
        raise TintmillError(f"--classes: {sorted(missing)} not among the classes found, {list(found)[:20]}")
    if listed is None:
        return tuple(sorted(labels))
    return tuple(name for name in listed if not settings.classes or name in settings.classes)


def _check_splits(settings: Settings, counts: dict[str, int]) -> None:
    unknown = [name for name, _ in settings.limit_per_split if name not in counts]
    if unknown:
        raise TintmillError(
            f"--limit_per_split: {', '.join(unknown)} is no split here; there are {', '.join(counts)}; leave it out, "
            "make it by --splits, or get the source's own list of splits again, if that has been cut"
        )


def list_versions() -> tuple[tuple[str, str], ...]:
    """(library, version) pairs, read without importing the libraries; "missing" where there is none."""
    return tuple((name, _installed_version(name)) for name in _LIBRARIES)


def _installed_version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "missing"


def list_references(plan: Plan) -> Iterator[Reference]:
    """The references that belong to the plan, in listing order."""
    limits = dict(plan.limits)
    for reference in SOURCES[plan.settings.source].references(plan.input, plan.settings):
        if is_selected(plan.settings, limits, reference):
            yield reference


def choose_shard(plan: Plan, reference: Reference) -> tuple[str, int]:
    """(split, shard index) of a picture."""
    split = choose_split(plan.settings, reference)
    return split, hash64("shard", reference.id) % plan.count_shards(split)


@dataclasses.dataclass(frozen=True)
class _Listing:
    """What one listing was: pictures by split, the labels found, the digest."""

    counts: dict[str, int]
    labels: set[str]
    digest: int


def _count(settings: Settings, limits: dict[str, int], references: Iterator[Reference]) -> _Listing:
    """Counts what is selected; official splits come after those of shares.

    Raises:
      TintmillError: a split is official and among the shares.
    """
    counts = collections.Counter({name: 0 for name, _ in settings.splits})
    labels: set[str] = set()
    official: set[str] = set()
    digest = 0
    for reference in references:
        if not is_selected(settings, limits, reference):
            continue
        counts[choose_split(settings, reference)] += 1
        if reference.label is not None:
            labels.add(reference.label)
        if reference.split is not None:
            official.add(reference.split)
        digest += digest_reference(reference)
    both = official & set(dict(settings.splits))
    if both:
        found = ", ".join(sorted(both))
        raise TintmillError(
            f"--splits: found {found}, which the source has itself; wanted shares of the rest, train:1 for example"
        )
    splits = [name for name, _ in settings.splits] + [name for name in OFFICIAL_SPLITS if name in official]
    return _Listing({name: counts[name] for name in splits}, labels, digest % MODULUS)


def digest_shards(plan: Plan) -> dict[tuple[str, int], int]:
    """The listing's digest by shard, by listing the source anew."""
    digests: collections.Counter[tuple[str, int]] = collections.Counter(dict.fromkeys(plan.list_shards(), 0))
    for reference in list_references(plan):
        digests[choose_shard(plan, reference)] += digest_reference(reference)
    return {key: digest % MODULUS for key, digest in digests.items()}
