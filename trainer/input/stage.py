"""Brings the shards that a command reads from a bucket to this machine; a local dataset stays where it is.

The cache holds a folder a dataset, by the digest of its manifest: the same dataset in two buckets is there once, and
what was copied before is not copied again. Shards show under their names once they are whole and checked, so a killed
copy goes on at the shard it came to. Where the bound would be passed, the datasets used longest ago are deleted, but
none that a living process reads.

A dataset is copied before it is trained on, because batches pick records at random: in the bucket each record would be
a request. Only the splits that are read are copied.
"""

import contextlib
import dataclasses
import fcntl
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed

from tintmill.pipeline.common import checked_json, files, gcs
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.common.options import option
from tintmill.pipeline.dataset import totals
from tintmill.pipeline.dataset.manifest import Dataset, ShardEntry
from tintmill.pipeline.dataset.names import MANIFEST

_THREADS = 8
_GB = 10**9
_RESERVED = "reserved.json"  # bytes by shard: what is there, or is being copied
_RESERVATIONS = checked_json.mapping(checked_json.whole(0))
_IN_USE = ".in_use"  # locked by those who read the dataset; its time is that of the last use
_held: list = []  # locks, kept until the process ends


@dataclasses.dataclass(frozen=True)
class CacheArguments:
    """Where datasets from buckets are copied to, and how much all copies may take."""

    cache: str = option("", "Copies of gs:// datasets; empty: ~/.cache/tintmill.", "Datasets in a bucket")
    cache_gb: float = option(500, "GB that all copies may take; old ones are deleted.", "Datasets in a bucket")


def bring_here(dataset: Dataset, splits: set[str], place: CacheArguments) -> Dataset:
    """Brings a dataset to a local disk, and checks its shards: those of `splits` where they are copied, else all.

    Raises:
      TintmillError: the manifest is not what the reports say, a shard is not what the manifest says, or there is no
        room for the copy.
    """
    from tintmill.trainer.input.shards import check_dataset

    totals.check(dataset)
    if not files.is_remote(dataset.folder):
        check_dataset(dataset)
        return dataset
    if place.cache and files.is_remote(place.cache):
        raise TintmillError(f"--cache={place.cache}: wanted a folder on this machine")
    root = files.absolute(place.cache or files.cache_folder())
    entries = [entry for entry in dataset.shards() if entry.split in splits]
    try:
        folder = _claim(root, dataset, entries, place.cache_gb * _GB)
        with _lock(os.path.join(folder, ".copying"), "another process is copying this dataset; waiting for it"):
            files.remove_leftovers(folder)
            _copy(dataset, folder, entries)
    except OSError as error:
        raise TintmillError(f"--cache={root}: cannot be written: {error}") from error
    return Dataset(folder, dataset.manifest)


def _claim(root: str, dataset: Dataset, entries: list[ShardEntry], bound: float) -> str:
    """The dataset's folder in the cache, with room for the entries, in use by this process until its end.

    Raises:
      TintmillError: there is no room, whatever is deleted.
    """
    text = dataset.manifest.to_text()
    name = f"{dataset.settings.name}-{dataset.settings.version}"
    folder = os.path.join(root, f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:16]}")
    wanted = {entry.file: entry.bytes for entry in entries}
    os.makedirs(root, exist_ok=True)
    with _lock(os.path.join(root, ".lock")):
        reserved = _read_reserved(folder) | wanted
        missing = sum(size for file, size in reserved.items() if not os.path.exists(os.path.join(folder, file)))
        _make_room(root, folder, dataset, sum(reserved.values()), missing, bound)
        os.makedirs(folder, exist_ok=True)
        files.write(os.path.join(folder, MANIFEST), text)
        files.write(os.path.join(folder, _RESERVED), json.dumps(reserved))
        in_use = open(os.path.join(folder, _IN_USE), "a")  # noqa: SIM115, it stays open
        fcntl.flock(in_use, fcntl.LOCK_SH)
        os.utime(in_use.fileno())
        _held.append(in_use)
    return folder


def _read_reserved(folder: str) -> dict[str, int]:
    path = os.path.join(folder, _RESERVED)
    remedy = f"delete {folder}: the dataset will be copied again"
    return checked_json.read(path, _RESERVATIONS, remedy) if os.path.exists(path) else {}


def _make_room(root: str, folder: str, dataset: Dataset, size: int, missing: int, bound: float) -> None:
    """Deletes other datasets, those used longest ago first, until one of `size` bytes fits."""
    if size > bound:
        raise TintmillError(
            f"{dataset.folder}: the splits that are read take {size / _GB:.3g} GB, --cache_gb={bound / _GB:g} allows "
            "less; give a greater bound"
        )
    others = {path: sum(_read_reserved(path).values()) for path in _list_others(root, folder)}
    for path in list(others):
        if size + sum(others.values()) <= bound and missing <= shutil.disk_usage(root).free:
            return
        if _delete_unused(path):
            del others[path]
    free = shutil.disk_usage(root).free
    if missing > free:
        raise TintmillError(
            f"--cache={root}: {missing / _GB:.3g} GB of {dataset.folder} have yet to be copied, {free / _GB:.3g} GB "
            "are free there; make room or give another folder"
        )
    if size + sum(others.values()) > bound:
        raise TintmillError(
            f"--cache={root}: {dataset.folder} takes {size / _GB:.3g} GB, others that are in use "
            f"{sum(others.values()) / _GB:.3g} GB, together more than --cache_gb={bound / _GB:g}; give a greater bound "
            "or another folder"
        )


def _list_others(root: str, folder: str) -> list[str]:
    """The other datasets of the cache, the one used longest ago first."""
    paths = [entry.path for entry in os.scandir(root) if os.path.exists(os.path.join(entry.path, _IN_USE))]
    return sorted(set(paths) - {folder}, key=lambda path: os.stat(os.path.join(path, _IN_USE)).st_mtime_ns)


def _delete_unused(folder: str) -> bool:
    """Deletes a dataset that no living process reads; False where one does."""
    with open(os.path.join(folder, _IN_USE)) as in_use:
        try:
            fcntl.flock(in_use, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        shutil.rmtree(folder)
        return True


@contextlib.contextmanager
def _lock(path: str, waiting: str = "") -> Iterator[None]:
    with open(path, "a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if waiting:
                print(waiting, file=sys.stderr, flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _copy(dataset: Dataset, folder: str, entries: list[ShardEntry]) -> None:
    """Several shards at once; the first that fails ends it."""
    from tqdm import tqdm

    total = sum(entry.bytes for entry in entries)
    with (
        ThreadPoolExecutor(_THREADS, "copy") as pool,
        tqdm(total=total, unit="B", unit_scale=True, desc=f"{dataset.folder} to this machine") as bar,
    ):
        sizes = {pool.submit(_copy_shard, dataset, folder, entry): entry.bytes for entry in entries}
        try:
            for future in as_completed(sizes):
                future.result()
                bar.update(sizes[future])
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _copy_shard(dataset: Dataset, folder: str, entry: ShardEntry) -> None:
    """A shard that is in the cache is read and checked as a new one is: disks forget too."""
    path, url = os.path.join(folder, entry.file), dataset.path(entry.file)
    if os.path.exists(path):
        with open(path, "rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() == entry.sha256:
                return
    with files.atomic_writer(path) as file:
        _download(url, file)
        file.seek(0)
        if hashlib.file_digest(file, "sha256").hexdigest() != entry.sha256:
            raise TintmillError(
                f"{dataset.folder} is damaged: {entry.file}: its sha256 is not the manifest's; `tintmill verify` "
                "lists all of it"
            )


def _download(url: str, file) -> None:
    try:
        gcs.download(url, file)
    except FileNotFoundError as error:
        raise TintmillError(f"{url}: missing; `tintmill verify` lists all that is") from error
