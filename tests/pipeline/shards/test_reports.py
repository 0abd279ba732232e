"""Reports of committed shards: each is read once, and what changed is read again."""

import os

import pytest

from tests.support import helpers
from tests.support.manifests import make_report
from tintmill.pipeline.common import files
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.dataset import settings
from tintmill.pipeline.dataset.shard_report import write_report
from tintmill.pipeline.shards import digest, plan, reports, resume


@pytest.fixture
def the_plan(tmp_path):
    """Three shards of train and val, none built."""
    helpers.write_photos(tmp_path / "in", 12)
    wanted = settings.Settings("toy", embedder=None, splits=(("train", 0.6), ("val", 0.4)), shard_examples=4)
    made = plan.make_plan(wanted, str(tmp_path / "in"), str(tmp_path / "out"))
    (tmp_path / "out" / "reports").mkdir(parents=True)
    return made


@pytest.fixture
def reading(monkeypatch):
    """The names of the shards whose reports are read, in order."""
    read, names = reports.read_committed, []

    def counted(the_plan, *key):
        names.append(key)
        return read(the_plan, *key)

    monkeypatch.setattr(reports, "read_committed", counted)
    return names


def commit(the_plan, key, excluded=(), rejected=()) -> None:
    """As a worker commits a shard, by the listing of the moment."""
    pictures = [r for r in plan.list_references(the_plan) if plan.choose_shard(the_plan, r) == key]
    files.write(the_plan.path(the_plan.name_shard(*key)), b"shard")
    told = {"read": len(pictures), "listing": f"{digest.digest_listing(pictures):064x}", "rejected": dict(rejected)}
    told |= {"inputs": [["a", 1, 0.0]], "pixels": [["a", "0f" * 8]], "excluded": list(excluded)}
    write_report(the_plan.report_path(*key), make_report(the_plan, *key, **told))


def commit_all(the_plan) -> list[tuple[str, int]]:
    keys = the_plan.list_shards()
    for key in keys:
        commit(the_plan, key)
    return keys


def test_each_report_is_read_once(the_plan, reading):
    found = reports.Reports(the_plan)
    keys = commit_all(the_plan)
    for _ in range(3):
        found.look()
    assert [report.key for report in found.all()] == keys
    found.all()
    assert sorted(reading) == sorted(keys)


def test_a_report_that_commits_nothing_is_read_again_only_once_it_changed(the_plan, reading):
    found = reports.Reports(the_plan)
    files.write(the_plan.report_path("train", 0), '{"plan": cut')
    found.look()
    found.look()
    assert (found.built, reading) == (0, [("train", 0)])
    commit(the_plan, ("train", 0))
    found.look()
    assert (found.built, reading) == (1, [("train", 0)] * 2)


def test_a_shard_to_be_built_again_waits_and_the_others_stay(the_plan, reading):
    keys = commit_all(the_plan)
    found = reports.Reports(the_plan)
    found.look()
    found.exclude({keys[1]: ["a"]})
    assert (found.todo, found.built) == (1, len(keys) - 1)
    assert found.plan.excluded == ((*keys[1], ("a",)),)
    with pytest.raises(TintmillError, match="1 shards were not built, the first toy-train"):
        found.all()
    del reading[:]
    commit(the_plan, keys[1], excluded=["a"])
    found.look()
    assert (found.todo, reading) == (0, [keys[1]])


def test_a_shard_lost_since_its_report_was_read_is_missing(the_plan):
    keys = commit_all(the_plan)
    found = reports.Reports(the_plan)
    assert len(found.all()) == len(keys)
    files.remove(the_plan.path(the_plan.name_shard(*keys[-1])))
    with pytest.raises(TintmillError, match="1 shards were not built"):
        found.all()


@pytest.mark.parametrize("change", ["gone", "new", "written"])
def test_a_listing_that_was_not_the_plans_is_an_error_and_its_shards_are_built_again(the_plan, tmp_path, change):
    """A picture that changes between the plan's listing and the job's, and is then put back."""
    victim = tmp_path / "in" / "cat" / ("new.png" if change == "new" else "photo_000.png")
    moved, info = tmp_path / "moved", victim.exists() and victim.stat()
    if change == "gone":
        victim.rename(moved)
    else:
        victim.write_bytes(b"x")
    commit_all(the_plan)
    with pytest.raises(TintmillError, match=r"changed while it was read, 12 files at first, then 1[123]; put it back"):
        reports.Reports(the_plan).all()
    if change == "gone":
        moved.rename(victim)
    elif change == "new":
        victim.unlink()
    else:
        helpers.write_photos(tmp_path / "in", 1)
        os.utime(victim, ns=(info.st_atime_ns, info.st_mtime_ns))
    found = reports.Reports(the_plan)
    found.look()
    found.take_back_changed()
    assert found.todo == 1
    commit_all(the_plan)
    found.look()
    assert found.all()


def test_a_shard_that_lacks_a_picture_that_changed_is_built_again(the_plan):
    keys = commit_all(the_plan)
    commit(the_plan, keys[1], rejected={"changed": 1, "empty": 1})
    commit(the_plan, keys[0], rejected={"empty": 1})
    found = reports.Reports(the_plan)
    found.look()
    found.take_back_changed()
    assert found.todo == 1
    assert resume.read_committed(the_plan, *keys[1]) is None
