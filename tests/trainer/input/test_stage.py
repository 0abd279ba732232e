"""Datasets from a bucket: copied once, checked, bounded, and trained on as local ones."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import types
from pathlib import Path

import pytest

from tests.support import helpers, training
from tests.support.gcs import Bucket, answer, flip_a_byte
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.dataset.manifest import Dataset, open_dataset
from tintmill.trainer.input import stage

SHARD = r"tfrecord-.*alt=media"

# Stages a dataset, says where, and lives until its stdin is closed.
USE = """
import sys
from tintmill.pipeline.dataset.manifest import open_dataset
from tintmill.trainer.input import stage
values = stage.CacheArguments(sys.argv[2], 1.0)
print(stage.bring_here(open_dataset(sys.argv[1]), {"train"}, values).folder, flush=True)
sys.stdin.read()
"""

# The manifest and the reservation are written before the shards; each file is flushed before it gets its name.
DIE_AT_THE_SECOND_SHARD = """
import os
left = [4]
def fsync(_):
    left[0] -= 1
    if not left[0]:
        os.kill(os.getpid(), 9)
os.fsync = fsync
"""


def start_user(url: str, cache: Path, env: dict | None = None) -> subprocess.Popen:
    line = [sys.executable, "-c", USE, url, str(cache)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    return subprocess.Popen(line, cwd=helpers.ROOT, env=os.environ | (env or {}), **pipes)


@pytest.fixture
def url(bucket, plain_dataset) -> str:
    bucket.upload(plain_dataset, "toy/1.0.0")
    bucket.storage.forget()
    return bucket / "toy/1.0.0"


@pytest.fixture(autouse=True)
def release():
    """What this process staged is in use until it ends; here, until the test does."""
    yield
    let_go()


def let_go() -> None:
    while stage._held:
        stage._held.pop().close()


def staged(url: str, cache: Path, *splits: str, gb: float = 1.0) -> Dataset:
    values = stage.CacheArguments(str(cache), gb)
    return stage.bring_here(open_dataset(url), set(splits or ["train"]), values)


def shards_of(dataset: Dataset, split: str) -> set[str]:
    return {entry.file for entry in dataset.shards(split)}


def cached_shards(dataset: Dataset) -> set[str]:
    return {path.name for path in helpers.shard_files(dataset.folder)}


def another(bucket: Bucket, plain_dataset: Path, name: str) -> str:
    """The dataset once more in another folder, its manifest in other words, which makes it another one."""
    text = json.dumps(helpers.manifest(plain_dataset) | {"split_rule": name})
    bucket.upload(plain_dataset, name)
    bucket.put(f"{name}/manifest.json", text.encode())
    return bucket / name


def test_only_the_shards_of_the_splits_that_are_read_are_copied(url, plain_dataset, tmp_path):
    found = staged(url, tmp_path, "val")
    assert cached_shards(found) == shards_of(found, "val")
    for path in helpers.shard_files(found.folder):
        assert path.read_bytes() == (plain_dataset / path.name).read_bytes()
    assert cached_shards(staged(url, tmp_path, "train", "val")) == shards_of(found, "val") | shards_of(found, "train")
    assert open_dataset(found.folder).manifest == found.manifest


@pytest.mark.parametrize("name", ["../../outside", "/tmp/outside-of-the-cache", "a/../../outside"])
def test_a_manifest_s_names_do_not_lead_out_of_the_cache(url, bucket, plain_dataset, tmp_path, name):
    """Before a byte is copied."""
    told = helpers.manifest(plain_dataset)
    told["shards"][0]["file"] = name
    bucket.put("toy/1.0.0/manifest.json", json.dumps(told).encode())
    with pytest.raises(TintmillError, match=r"shards\[0\]\.file: found .*outside.*, wanted a shard's name"):
        staged(url, tmp_path / "cache")
    assert not list(tmp_path.iterdir())
    assert not os.path.exists("/tmp/outside-of-the-cache")


def test_a_manifest_that_says_something_else_than_the_reports_is_not_staged(url, bucket, plain_dataset, tmp_path):
    told = helpers.manifest(plain_dataset) | {"mean_ab": [1.0, 2.0]}
    bucket.put("toy/1.0.0/manifest.json", json.dumps(told).encode())
    with pytest.raises(TintmillError, match=r"manifest\.json: mean_ab is .*, reports say"):
        staged(url, tmp_path / "cache")


def test_a_restart_copies_nothing_again(url, bucket, tmp_path):
    first = staged(url, tmp_path)
    assert bucket.storage.count("GET", SHARD) == len(shards_of(first, "train"))
    bucket.storage.forget()
    assert staged(url, tmp_path).folder == first.folder
    assert bucket.storage.count("GET", SHARD) == 0


def test_the_same_dataset_in_another_place_is_not_copied_again(url, bucket, plain_dataset, tmp_path):
    staged(url, tmp_path)
    bucket.upload(plain_dataset, "copy")
    bucket.storage.forget()
    staged(bucket / "copy", tmp_path)
    assert bucket.storage.count("GET", SHARD) == 0


def test_a_copy_that_broke_off_goes_on_where_it_was(url, bucket, tmp_path):
    names = sorted(shards_of(open_dataset(url), "train"))
    bucket.storage.fault("GET", f"{names[-1]}.*alt=media", answer(403, "no access"))
    with pytest.raises(TintmillError, match=f"{names[-1]}.*403: no access"):
        staged(url, tmp_path)
    (folder,) = (path for path in tmp_path.iterdir() if path.is_dir())
    there = {path.name for path in helpers.shard_files(folder)}
    assert names[-1] not in there
    bucket.storage.forget()
    staged(url, tmp_path)
    assert bucket.storage.count("GET", SHARD) == len(set(names) - there)


def test_what_a_killed_copy_left_is_cleared_and_the_copy_goes_on(url, bucket, tmp_path):
    kill = helpers.site(tmp_path / "site", DIE_AT_THE_SECOND_SHARD)
    user = start_user(url, tmp_path / "cache", kill)
    user.communicate(timeout=helpers.TIMEOUT)
    assert user.returncode == -signal.SIGKILL
    assert list((tmp_path / "cache").rglob(".tmp-*"))
    there = len(list((tmp_path / "cache").rglob("*.tfrecord-*")))
    bucket.storage.forget()
    found = staged(url, tmp_path / "cache")
    assert cached_shards(found) == shards_of(found, "train")
    assert bucket.storage.count("GET", SHARD) == len(shards_of(found, "train")) - there
    assert not list(Path(found.folder).rglob(".tmp-*"))


def test_a_shard_that_the_disk_has_damaged_is_copied_again(url, plain_dataset, tmp_path):
    found = staged(url, tmp_path)
    shard = helpers.shard_files(found.folder)[0]
    shard.write_bytes(shard.read_bytes()[:-1])
    staged(url, tmp_path)
    assert shard.read_bytes() == (plain_dataset / shard.name).read_bytes()


def test_a_shard_that_was_damaged_on_its_way_is_copied_again(url, bucket, plain_dataset, tmp_path):
    bucket.storage.fault("GET", SHARD, flip_a_byte, 1)
    for path in helpers.shard_files(staged(url, tmp_path).folder):
        assert path.read_bytes() == (plain_dataset / path.name).read_bytes()


def test_a_shard_that_is_not_the_manifests_is_refused_by_name_and_not_kept(url, bucket, tmp_path):
    name = min(shards_of(open_dataset(url), "train"))
    bucket.put(f"toy/1.0.0/{name}", b"whole, but another")
    with pytest.raises(TintmillError, match=rf"{url} is damaged: {name}: its sha256 .*`tintmill verify`"):
        staged(url, tmp_path)
    assert not list(tmp_path.rglob(name))


def test_a_missing_shard_is_refused_by_name(url, bucket, tmp_path):
    name = min(shards_of(open_dataset(url), "train"))
    bucket.delete(f"toy/1.0.0/{name}")
    with pytest.raises(TintmillError, match=rf"{name}: missing"):
        staged(url, tmp_path)


def size_of(url: str) -> float:
    return sum(entry.bytes for entry in open_dataset(url).shards("train")) / 1e9


@pytest.mark.parametrize(
    ("fault", "said"),
    [(answer(503, "backend is down"), "no success in 2 s, at last .*backend is down"), (answer(403), "refused")],
)
def test_a_bucket_that_goes_away_during_the_copy_is_one_error_after_one_deadline(
    url, bucket, tmp_path, monkeypatch, fault, said
):
    """However many shards are left; what was copied stays."""
    monkeypatch.setattr("tintmill.pipeline.common.gcs.DEADLINE", 2.0)
    monkeypatch.setattr(stage, "_THREADS", 1)
    dataset = open_dataset(url)
    first = dataset.shards()[0].file
    bucket.storage.fault("GET", rf"tfrecord[^?]*(?<!{first})\?.*alt=media", fault)
    begun = time.monotonic()
    with pytest.raises(TintmillError, match=rf"{url}/.*tfrecord.*{said}"):
        stage.bring_here(dataset, set(dataset.splits), stage.CacheArguments(str(tmp_path), 1.0))
    assert len(dataset.shards()) * 2.0 > time.monotonic() - begun
    bucket.storage.forget()
    time.sleep(1.1)
    stage.bring_here(dataset, set(dataset.splits), stage.CacheArguments(str(tmp_path), 1.0))
    assert bucket.storage.count("GET", rf"{first}.*alt=media") == 0


def test_a_dataset_above_the_bound_is_refused_with_both_numbers(url, tmp_path):
    size = size_of(url)
    with pytest.raises(TintmillError, match=rf"take {size:.3g} GB, --cache_gb={size / 2:g} allows less"):
        staged(url, tmp_path, gb=size / 2)
    assert not list(tmp_path.rglob("*.tfrecord-*"))


def test_a_disk_without_room_is_refused_with_both_numbers(url, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: types.SimpleNamespace(free=2000))
    with pytest.raises(TintmillError, match=rf"{size_of(url):.3g} GB of {url} .*, 2e-06 GB are free there"):
        staged(url, tmp_path)


def test_at_the_bound_the_dataset_used_longest_ago_is_deleted(url, bucket, plain_dataset, tmp_path):
    bound = 2.5 * size_of(url)
    first, second = staged(url, tmp_path, gb=bound), staged(another(bucket, plain_dataset, "b"), tmp_path, gb=bound)
    staged(url, tmp_path, gb=bound)  # used again
    let_go()
    third = staged(another(bucket, plain_dataset, "c"), tmp_path, gb=bound)
    assert [os.path.exists(dataset.folder) for dataset in (first, second, third)] == [True, False, True]


def test_a_dataset_that_a_living_process_reads_is_never_deleted(url, bucket, plain_dataset, tmp_path):
    bound, other = 1.5 * size_of(url), another(bucket, plain_dataset, "b")
    with start_user(url, tmp_path) as user:
        folder = user.stdout.readline().strip()
        with pytest.raises(TintmillError, match=r"others that are in use .* together more than --cache_gb"):
            staged(other, tmp_path, gb=bound)
        assert len(helpers.shard_files(folder)) == len(shards_of(open_dataset(url), "train"))
        user.communicate()
    staged(other, tmp_path, gb=bound)
    assert not os.path.exists(folder)


def test_two_processes_copy_a_dataset_once(url, bucket, tmp_path):
    users = [start_user(url, tmp_path) for _ in range(2)]
    folders = {user.communicate(timeout=helpers.TIMEOUT)[0] for user in users}
    assert [user.returncode for user in users] == [0, 0]
    assert len(folders) == 1
    assert bucket.storage.count("GET", SHARD) == len(shards_of(open_dataset(url), "train"))


def test_a_cache_in_a_bucket_is_refused(url, bucket):
    values = stage.CacheArguments(bucket / "cache", 1.0)
    with pytest.raises(TintmillError, match="wanted a folder on this machine"):
        stage.bring_here(open_dataset(url), {"train"}, values)


@pytest.mark.slow
def test_a_run_on_a_bucket_is_the_local_run_to_the_bit(url, bucket, plain_dataset, tmp_path):
    steps = "--steps=10"
    local = training.trained(plain_dataset, tmp_path / "local", "toy_dropout", steps)
    remote = training.trained(url, tmp_path / "remote", "toy_dropout", steps, f"--cache={tmp_path / 'cache'}")
    training.assert_same_checkpoint(local, remote)
    bucket.storage.forget()
    # Another cache is no other computation: the run goes on.
    more = training.trained(url, remote, "toy_dropout", "--steps=20", f"--cache={tmp_path / 'cache'}", "--cache_gb=9")
    assert training.checkpoint_steps(more)[-1] == 20
    assert bucket.storage.count("GET", SHARD) == 0


@pytest.mark.slow
def test_a_dataset_in_a_bucket_is_scored_as_the_local_one(url, plain_dataset, tmp_path):
    run = training.trained(plain_dataset, tmp_path / "run", "toy_dropout", "--steps=5")
    flags = [f"--run={run}", "--split=val", "--examples=1"]
    local = helpers.tintmill("evaluate", *flags, f"--data={plain_dataset}")
    remote = helpers.tintmill("evaluate", *flags, f"--data={url}", f"--cache={tmp_path / 'cache'}")
    assert local.returncode == remote.returncode == 0, remote.stderr
    assert remote.stdout == local.stdout
