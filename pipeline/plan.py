"""The plan of a dataset: which picture goes to which split and shard. Made by one listing, before a pixel is read.

Split, shard and order within a shard are hashes of the picture's id, so they depend neither on listing order nor on
other pictures, and classes are mixed in every shard. The number of shards follows from the number of pictures.
"""

import dataclasses
import hashlib
import heapq
import importlib.metadata
import json
from collections.abc import Iterable, Iterator

from pipeline import files
from pipeline.errors import TintmillError
from pipeline.settings import Settings, fingerprint
from pipeline.sources import SOURCES, Reference

# Libraries whose version can change a shard's bytes.
_LIBRARIES = ("tintmill", "numpy", "pillow", "tensorflow", "keras", "tensorflow-datasets", "protobuf")


@dataclasses.dataclass(frozen=True)
class Plan:
    """What every worker is told. `input` and `folder` are paths; all else decides the bytes.

    `counts`: pictures of each split. `limit_hash`: pictures with a greater hash are left out by --limit.
    `inputs`: order-independent digest of the listing. `weights_file`: sha256 of the embedder's weights file, if any.
    """

    settings: Settings
    input: str
    folder: str
    class_names: tuple[str, ...]
    counts: tuple[tuple[str, int], ...]
    limit_hash: int | None
    inputs: str
    weights_file: str | None
    versions: tuple[tuple[str, str], ...]

    def shards(self, split: str) -> int:
        return max(1, -(-dict(self.counts)[split] // self.settings.shard_examples))

    def shard_keys(self) -> list[tuple[str, int]]:
        return [(split, i) for split, _ in self.counts for i in range(self.shards(split))]

    def shard_name(self, split: str, index: int) -> str:
        return f"{self.settings.name}-{split}.tfrecord-{index:05d}-of-{self.shards(split):05d}"

    def path(self, *parts: str) -> str:
        return files.join(self.folder, *parts)

    def report_path(self, split: str, index: int) -> str:
        return self.path("reports", f"{split}-{index:05d}.json")

    def to_json(self) -> dict:
        """What must be equal for two runs to write the same dataset; no paths."""
        return {
            "settings": self.settings.to_json(),
            "class_names": list(self.class_names),
            "pictures": dict(self.counts),
            "inputs": self.inputs,
            "weights_file_sha256": self.weights_file,
            "versions": dict(self.versions),
        }

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.to_json())


def make_plan(settings: Settings, root: str, folder: str) -> Plan:
    """Lists the source once (twice with --limit) and counts.

    Raises:
      TintmillError: nothing there, nothing left, or classes that do not exist.
    """
    source = SOURCES[settings.source]
    source.check(root)
    try:
        limit_hash = _limit_hash(settings, source.references(root))
        counts, labels, digest = _count(settings, limit_hash, source.references(root))
    except OSError as error:
        raise TintmillError(f"--input={root}: cannot be listed: {error}") from error
    missing = set(settings.classes) - labels
    if missing:
        found = {reference.label for reference in source.references(root)} - {None}
        raise TintmillError(f"--classes: {sorted(missing)} not among the classes found, {sorted(found)[:20]}")
    if not sum(counts.values()):
        raise TintmillError(f"--input={root}: no files in it; wanted a folder of pictures")
    weights = settings.embedder.weights if settings.embedder else "random"
    return Plan(
        settings=settings,
        input=root,
        folder=folder,
        class_names=tuple(sorted(labels)),
        counts=tuple(counts.items()),
        limit_hash=limit_hash,
        inputs=f"{digest:064x}",
        weights_file=None if weights in ("imagenet", "random") else hashlib.sha256(files.read(weights)).hexdigest(),
        versions=installed_versions(),
    )


def installed_versions() -> tuple[tuple[str, str], ...]:
    """(library, version) pairs, read without importing the libraries."""
    return tuple((name, importlib.metadata.version(name)) for name in _LIBRARIES)


def list_references(plan: Plan) -> Iterator[Reference]:
    """The references that belong to the plan, in listing order."""
    for reference in SOURCES[plan.settings.source].references(plan.input):
        if _selected(plan.settings, plan.limit_hash, reference):
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
    """By hash of the id: mixed, and the same for every listing order. Same ids stay neighbours."""
    return sorted(references, key=lambda r: (hash64("order", r.id), r.id, r.path))


def hash64(purpose: str, text: str) -> int:
    """A hash in 0..2^64-1; `purpose` keeps split, shard, order and limit independent of each other."""
    digest = hashlib.blake2b(text.encode(), digest_size=8, person=purpose.encode())
    return int.from_bytes(digest.digest(), "big")


def read_committed(plan: Plan, split: str, index: int) -> dict | None:
    """The report that committed a shard of this plan, or None where the shard has yet to be built."""
    path = plan.report_path(split, index)
    report = _read_report(path) if files.exists(path) else None
    if not report:
        return None
    shard = plan.path(plan.shard_name(split, index))
    intact = files.exists(shard) and files.size(shard) == report["bytes"]
    return report if intact and report["plan"] == plan.fingerprint else None


def _read_report(path: str) -> dict | None:
    """A report, or None where it is damaged: it commits nothing then, and its shard is built again."""
    try:
        return json.loads(files.read(path))
    except ValueError:
        return None


def check_resumable(plan: Plan) -> None:
    """Refuses a folder that holds something else than this plan's shards.

    Raises:
      TintmillError: naming the settings that differ, the pictures that changed, or the foreign files.
    """
    path = plan.path("plan.json")
    if not files.exists(path):
        _check_unused(plan)
        return
    old, new = _read_plan(path), plan.to_json()
    if old == new or not _has_work(plan):
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


def _read_plan(path: str) -> dict:
    try:
        return json.loads(files.read(path))
    except ValueError as error:
        raise TintmillError(f"{path} is damaged ({error}); delete its folder and prepare again") from error


def _check_unused(plan: Plan) -> None:
    if files.is_remote(plan.folder) or not files.exists(plan.folder):
        return
    found = next((entry.name for entry in files.list_files(plan.folder) if ".tmp-" not in entry.name), None)
    if found:
        raise TintmillError(f"{plan.folder} holds {found}, which no `tintmill prepare` began; give another --output")


def _has_work(plan: Plan) -> bool:
    if _committed_reports(plan):
        return True
    # A shard whose run was killed before its report: under another plan it would stay as a foreign shard.
    return not files.is_remote(plan.folder) and any(".tfrecord-" in e.name for e in files.list_files(plan.folder))


def _committed_reports(plan: Plan) -> list[str]:
    folder = plan.path("reports")
    if not files.is_remote(folder) and not files.exists(folder):
        return []
    return [entry.path for entry in files.list_files(folder) if entry.name.endswith(".json")]


def _changed(plan: Plan) -> str:
    old = {}
    for path in _committed_reports(plan):
        report = _read_report(path) or {"inputs": []}
        old.update((entry[0], tuple(entry[1:])) for entry in report["inputs"])
    new = {r.id: (r.size, r.modified) for r in list_references(plan)}
    for name in sorted(old):
        if name not in new:
            return f"{name} is gone"
        if new[name] != old[name]:
            return f"{name} had (size, time) {old[name]}, now {new[name]}"
    return f"{sum(dict(plan.counts).values())} pictures now, others before"


def _selected(settings: Settings, limit_hash: int | None, reference: Reference) -> bool:
    if settings.classes and reference.label not in settings.classes:
        return False
    return limit_hash is None or hash64("limit", reference.id) <= limit_hash


def _limit_hash(settings: Settings, references: Iterator[Reference]) -> int | None:
    if not settings.limit:
        return None
    hashes = (hash64("limit", r.id) for r in references if _selected(settings, None, r))
    return max(heapq.nsmallest(settings.limit, hashes), default=0)


def _count(settings: Settings, limit_hash: int | None, references: Iterator[Reference]):
    counts = {name: 0 for name, _ in settings.splits}
    labels: set[str] = set()
    digest = 0
    for reference in references:
        if not _selected(settings, limit_hash, reference):
            continue
        counts[split_of(settings, reference)] += 1
        if reference.label is not None:
            labels.add(reference.label)
        line = json.dumps([reference.id, reference.size, reference.modified, reference.label, reference.split])
        digest += int.from_bytes(hashlib.sha256(line.encode()).digest(), "big")  # a sum knows no order
    return counts, labels, digest % 2**256
