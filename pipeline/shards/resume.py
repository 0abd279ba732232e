"""A dataset's folder that was begun before: whether this plan may go on in it, and which of its shards are committed.

In a bucket plan.json is written once, under the precondition that there is none. A folder that was begun with other
settings is refused even before it holds a shard: of two runs that race, nothing tells which of them still lives.
"""

import dataclasses
import json

from tintmill.pipeline.common import checked_json, files
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.dataset import names
from tintmill.pipeline.dataset.manifest import PLAN_KIND
from tintmill.pipeline.dataset.shard_report import ShardReport, read_report
from tintmill.pipeline.shards.plan import Plan, list_references


def read_committed(plan: Plan, split: str, index: int) -> ShardReport | None:
    """The report that committed a shard of this plan, or None where the shard has yet to be built."""
    path = plan.report_path(split, index)
    report = _read_report(path) if files.exists(path) else None
    if not report:
        return None
    try:
        intact = is_shard(files.stat(plan.path(plan.name_shard(split, index))), report)
    except FileNotFoundError:
        intact = False
    if plan.excluded is not None and report.excluded != plan.list_excluded(split, index):
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


def begin(plan: Plan) -> Claim:
    """Makes the folders, and writes plan.json; `check_resumable` has passed the folder. In a bucket the plan is written
    only where there is none yet: of runs that begin at once with different plans, one stays.

    Raises:
      TintmillError: another run came first, with another plan.
      OSError: it cannot be written.
    """
    for part in ((), (names.REPORTS,), (names.REJECTS,)):
        files.make_folder(plan.path(*part))
    path, text = plan.path(names.PLAN), json.dumps(plan.to_json(), indent=1, sort_keys=True) + "\n"
    try:
        files.write(path, text, 0 if files.is_remote(path) else None)
    except FileExistsError:
        check_resumable(plan)
    return Claim(files.generation(path), files.generation(plan.path(names.MANIFEST)))


def _read_plan(path: str) -> dict:
    return checked_json.read(path, PLAN_KIND, "delete its folder and prepare again")


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
