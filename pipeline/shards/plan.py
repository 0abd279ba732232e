"""The plan of a dataset: which picture goes to which split and shard. Made by one listing, before a pixel is read.

Split, shard and order within a shard are hashes of the picture's id, so they depend neither on listing order nor on
other pictures, and classes are mixed in every shard. The number of shards follows from the number of pictures.

Because shards are chosen by hash, their sizes scatter around `--shard_examples` (512 +- 23).

The driver lists the source once (a million pictures: 5 CPU-s), and a worker once more. The driver keeps counts and a
digest, not the listing. A billion pictures take 1.5 hours to list on one core and make two million shards. The runner
groups a few hundred bytes a picture. One report file a shard, read by one process at the end, does not scale to that:
raise `--shard_examples`.

In a bucket plan.json is written once, under the precondition that there is none. A folder that was begun with other
settings is refused even before it holds a shard: of two runs that race, nothing tells which of them still lives.
"""

import collections
import dataclasses
import hashlib
import heapq
import importlib.metadata
import json
from collections.abc import Iterable, Iterator

from tintmill.pipeline.common import files
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.dataset import names
from tintmill.pipeline.dataset.settings import NAMED_WEIGHTS, Settings, fingerprint
from tintmill.pipeline.dataset.shard_report import ShardReport, read_report
from tintmill.pipeline.listing.reference import Reference
from tintmill.pipeline.sources import SOURCES

OFFICIAL_SPLITS = ("train", "val", "test")  # names and order of the splits that a source may bring itself

# Libraries whose version can change a shard's bytes.
_LIBRARIES = ("tintmill", "numpy", "pillow", "tensorflow", "keras", "tensorflow-datasets", "protobuf")


@dataclasses.dataclass(frozen=True)
class Plan:
    """What every worker is told. `input` and `folder` are paths; all else decides the bytes.

    `counts`: pictures of each split. `limits`: by group (see `_group`), pictures with a greater hash are left out.
    `excluded`: (split, shard, ids) of pictures to leave out as duplicates; None while that is not known yet.
    `inputs`: order-independent digest of the listing. `weights_file`: sha256 of the embedder's weights file, if any.
    `attribute_names`: of the records' attributes, if the source has any. `notes`: what the source wants said.
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

    def excluded_ids(self, split: str, index: int) -> list[str]:
        return next((list(ids) for s, i, ids in self.excluded or () if (s, i) == (split, index)), [])

    def shards(self, split: str) -> int:
        return max(1, -(-dict(self.counts)[split] // self.settings.shard_examples))

    def shard_keys(self) -> list[tuple[str, int]]:
        return [(split, i) for split, _ in self.counts for i in range(self.shards(split))]

    def shard_name(self, split: str, index: int) -> str:
        return names.name_shard(self.settings.name, split, index, self.shards(split))

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
    source = SOURCES[settings.source]
    try:
        about = source.describe(root, settings)
        if settings.splits is None:
            settings = dataclasses.replace(settings, splits=about.splits)
        limits = _limits(settings, source.references(root, settings))
        counts, labels, digest = _count(settings, limits, source.references(root, settings))
    except OSError as error:
        raise TintmillError(f"--input={root}: cannot be listed: {error}") from error
    class_names = _class_names(settings, root, labels, about.class_names)
    if not sum(counts.values()):
        raise TintmillError(f"--input={root}: no files in it; wanted a folder of pictures")
    _check_splits(settings, counts)
    weights = settings.embedder.weights if settings.embedder else "random"
    return Plan(
        settings=settings,
        input=root,
        folder=folder,
        class_names=class_names,
        counts=tuple(counts.items()),
        limits=tuple(sorted(limits.items())),
        inputs=f"{digest:064x}",
        weights_file=None if weights in NAMED_WEIGHTS else hashlib.sha256(files.read(weights)).hexdigest(),
        versions=installed_versions(),
        attribute_names=about.attribute_names,
        notes=about.notes,
    )


def _class_names(settings: Settings, root: str, labels: set[str], listed: tuple[str, ...] | None) -> tuple[str, ...]:
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


def installed_versions() -> tuple[tuple[str, str], ...]:
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
        if _selected(plan.settings, limits, reference):
            yield reference


def shard_of(plan: Plan, reference: Reference) -> tuple[str, int]:
    """(split, shard index) of a picture."""
    split = split_of(plan.settings, reference)
    return split, hash64("shard", reference.id) % plan.shards(split)


def split_of(settings: Settings, reference: Reference) -> str:
    """The source's own split where it has one, else by hash of the id in the given shares."""
    if reference.split is not None:
        return reference.split
    position, end = hash64("split", reference.id) / 2**64, 0.0
    for name, share in settings.splits:
        end += share
        if position < end:
            return name
    return settings.splits[-1][0]


def in_shard_order(references: Iterable[Reference]) -> list[Reference]:
    """By hash of the id: mixed, and the same for every listing order. Same ids stay neighbours, refused ones last."""
    return sorted(references, key=lambda r: (hash64("order", r.id), r.id, r.refused is not None, r.path, r.offset))


def hash64(purpose: str, text: str) -> int:
    """A hash in 0..2^64-1; `purpose` keeps split, shard, order and limit independent of each other."""
    digest = hashlib.blake2b(text.encode(), digest_size=8, person=purpose.encode())
    return int.from_bytes(digest.digest(), "big")


def read_committed(plan: Plan, split: str, index: int) -> ShardReport | None:
    """The report that committed a shard of this plan, or None where the shard has yet to be built."""
    path = plan.report_path(split, index)
    report = _read_report(path) if files.exists(path) else None
    if not report:
        return None
    try:
        intact = is_shard(files.stat(plan.path(plan.shard_name(split, index))), report)
    except FileNotFoundError:
        intact = False
    if plan.excluded is not None and report.excluded != plan.excluded_ids(split, index):
        return None
    return report if intact and report.plan == plan.fingerprint else None


def is_shard(entry: files.FileStat, report: ShardReport) -> bool:
    """Whether a file is the shard of a report: by its size and, in a bucket, its checksum."""
    return entry.size == report.bytes and entry.crc32c in (None, report.crc32c)


def _read_report(path: str) -> ShardReport | None:
    """A report, or None where it is damaged: it commits nothing then, and its shard is built again."""
    try:
        return read_report(path)
    except ValueError:
        return None


def check_resumable(plan: Plan) -> None:
    """Refuses a folder that holds something else than this plan's shards.

    Raises:
      TintmillError: naming the settings that differ, the pictures that changed, or the foreign files.
    """
    path = plan.path(names.PLAN)
    if not files.exists(path):
        _check_unused(plan)
        return
    old, new = _read_plan(path), plan.to_json()
    # Locally a mistyped flag may be put right before there is work to mix up. In a bucket nothing tells whether another
    # run is about to write: whose plan was first, it is.
    if old == new or not (files.is_remote(plan.folder) or _has_work(plan)):
        return
    remedy = f"give another --version or --output, or delete {plan.folder}"
    for part in ("settings", "versions"):
        keys = [key for key in new[part] if new[part][key] != old[part].get(key)]
        if keys:
            found = ", ".join(f"{key} {old[part].get(key)!r} -> {new[part][key]!r}" for key in keys)
            raise TintmillError(f"{plan.folder} was begun with other {part}: {found}; {remedy}")
    if old["weights_file_sha256"] != new["weights_file_sha256"]:
        raise TintmillError(f"{plan.folder} was begun with another embedder weights file; {remedy}")
    raise TintmillError(f"--input={plan.input} changed since {plan.folder} was begun: {_changed(plan)}; {remedy}")


@dataclasses.dataclass(frozen=True)
class Claim:
    """What this run found, or put, in a bucket's dataset directory when it began: `files.generation` of two files.

    Whoever publishes must find the same, or another run has been there. None on a local disk.
    """

    plan: int | None
    manifest: int | None


def claim(plan: Plan) -> Claim:
    """Writes plan.json, once the folder is known to be resumable. In a bucket only where there is none yet: of runs
    that begin at once with different plans, one stays.

    Raises:
      TintmillError: another run came first, with another plan.
      OSError: it cannot be written.
    """
    path, text = plan.path(names.PLAN), json.dumps(plan.to_json(), indent=1, sort_keys=True) + "\n"
    try:
        files.write(path, text, 0 if files.is_remote(path) else None)
    except FileExistsError:
        check_resumable(plan)
    return Claim(files.generation(path), files.generation(plan.path(names.MANIFEST)))


def _read_plan(path: str) -> dict:
    try:
        return json.loads(files.read(path))
    except ValueError as error:
        raise TintmillError(f"{path} is damaged ({error}); delete its folder and prepare again") from error


def _check_unused(plan: Plan) -> None:
    if not files.exists(plan.folder):
        return
    found = next((entry.name for entry in files.list_files(plan.folder) if ".tmp-" not in entry.name), None)
    if found and files.exists(plan.path(names.PLAN)):
        check_resumable(plan)  # another run began just now
    elif found:
        raise TintmillError(f"{plan.folder} holds {found}, which no `tintmill prepare` began; give another --output")


def _has_work(plan: Plan) -> bool:
    if _committed_reports(plan):
        return True
    # A shard whose run was killed before its report: under another plan it would stay as a foreign shard.
    return any(names.is_shard_name(entry.name) for entry in files.list_files(plan.folder))


def _committed_reports(plan: Plan) -> list[str]:
    folder = plan.path(names.REPORTS)
    if not files.exists(folder):
        return []
    return [entry.path for entry in files.list_files(folder) if entry.name.endswith(".json")]


def _changed(plan: Plan) -> str:
    old = {}
    for path in _committed_reports(plan):
        report = _read_report(path)
        old.update((name, (size, version)) for name, size, version in (report.inputs if report else ()))
    new = {r.id: (r.size, r.version) for r in list_references(plan)}
    for name in sorted(old):
        if name not in new:
            return f"{name} is gone"
        if new[name] != old[name]:
            return f"{name} had (size, version) {old[name]}, now {new[name]}"
    return f"{sum(dict(plan.counts).values())} pictures now, others before"


def _selected(settings: Settings, limits: dict[str, int], reference: Reference) -> bool:
    if settings.classes and reference.label not in settings.classes:
        return False
    limit = limits.get(_group(settings, reference)) if limits else None
    return limit is None or hash64("limit", reference.id) <= limit


def _group(settings: Settings, reference: Reference) -> str:
    """What a limit counts within: everything, a class (of an official split; no class is one too), or a split."""
    if settings.limit_per_class:
        return json.dumps([reference.split, reference.label])
    return split_of(settings, reference) if settings.limit_per_split else "all"


def _limits(settings: Settings, references: Iterator[Reference]) -> dict[str, int]:
    """By group, the greatest hash within its limit; a group without limit is not in it."""
    wanted = dict(settings.limit_per_split)
    everywhere = settings.limit or settings.limit_per_class
    if not (wanted or everywhere):
        return {}
    smallest: dict[str, list[int]] = {}  # heaps of negative hashes, so that the greatest kept one comes first
    for reference in references:
        group = _group(settings, reference)
        number = everywhere or wanted.get(group)
        if number and _selected(settings, {}, reference):
            _keep_smallest(smallest.setdefault(group, []), hash64("limit", reference.id), number)
    return {group: -heap[0] for group, heap in smallest.items()}


def _keep_smallest(heap: list[int], value: int, number: int) -> None:
    if len(heap) < number:
        heapq.heappush(heap, -value)
    elif value < -heap[0]:
        heapq.heapreplace(heap, -value)


def _count(settings: Settings, limits: dict[str, int], references: Iterator[Reference]):
    """({split: pictures}, class names found, digest of the listing); official splits come after those of shares."""
    counts = collections.Counter({name: 0 for name, _ in settings.splits})
    labels: set[str] = set()
    official: set[str] = set()
    digest = 0
    for reference in references:
        if not _selected(settings, limits, reference):
            continue
        counts[split_of(settings, reference)] += 1
        if reference.label is not None:
            labels.add(reference.label)
        if reference.split is not None:
            official.add(reference.split)
        digest += _digest(reference)
    both = official & set(dict(settings.splits))
    if both:
        found = ", ".join(sorted(both))
        raise TintmillError(
            f"--splits: found {found}, which the source has itself; wanted shares of the rest, train:1 for example"
        )
    splits = [name for name, _ in settings.splits] + [name for name in OFFICIAL_SPLITS if name in official]
    return {name: counts[name] for name in splits}, labels, digest % 2**256


def listing_digest(references: Iterable[Reference]) -> int:
    """Of a part of the listing: a sum, which knows no order. Those of all parts add up to the plan's, modulo 2^256."""
    return sum(map(_digest, references)) % 2**256


def shard_digests(plan: Plan) -> dict[tuple[str, int], int]:
    """The listing's digest by shard, by listing the source anew."""
    digests: collections.Counter[tuple[str, int]] = collections.Counter(dict.fromkeys(plan.shard_keys(), 0))
    for reference in list_references(plan):
        digests[shard_of(plan, reference)] += _digest(reference)
    return {key: digest % 2**256 for key, digest in digests.items()}


def _digest(reference: Reference) -> int:
    return int.from_bytes(hashlib.sha256(_digest_line(reference)).digest(), "big")


def _digest_line(reference: Reference) -> bytes:
    line = [reference.id, reference.size, reference.version, reference.label, reference.split]
    if reference.kind != "file" or reference.refused or reference.attributes:
        line += [reference.kind, reference.crc, reference.refused, reference.attributes.hex()]
    return json.dumps(line).encode()
