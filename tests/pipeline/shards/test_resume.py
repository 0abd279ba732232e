"""A folder that was begun before: what may go on in it, and what is refused and named."""

import dataclasses
import importlib.metadata
import json
import os

import pytest

from tests.support.helpers import write_photos
from tests.support.manifests import make_report
from tintmill.pipeline.common import files
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.dataset.settings import Settings
from tintmill.pipeline.dataset.shard_report import write_report
from tintmill.pipeline.shards import plan, resume

SETTINGS = Settings(name="toy", shard_examples=16, embedder=None)


def planned(tmp_path, count: int = 3, **settings) -> plan.Plan:
    """A plan over real files."""
    write_photos(tmp_path / "in", count)
    return plan.make_plan(dataclasses.replace(SETTINGS, **settings), str(tmp_path / "in"), str(tmp_path / "out"))


def begun(tmp_path, count: int = 3, **settings) -> plan.Plan:
    """A plan over real files whose first shard is committed."""
    the_plan = planned(tmp_path, count, **settings)
    os.makedirs(the_plan.path("reports"))
    files.write(the_plan.path("plan.json"), json.dumps(the_plan.to_json()))
    commit(the_plan, "train", 0)
    return the_plan


def commit(the_plan: plan.Plan, split: str, index: int) -> None:
    files.write(the_plan.path(the_plan.name_shard(split, index)), b"shard")
    inputs = [[r.id, r.size, r.version] for r in plan.list_references(the_plan)]
    write_report(the_plan.report_path(split, index), make_report(the_plan, split, index, inputs=inputs))


def again(the_plan: plan.Plan, **settings) -> plan.Plan:
    return plan.make_plan(dataclasses.replace(the_plan.settings, **settings), the_plan.input, the_plan.folder)


def test_the_same_plan_is_resumed(tmp_path):
    the_plan = begun(tmp_path)
    resume.check_resumable(again(the_plan))
    assert resume.read_committed(again(the_plan), "train", 0)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"encoding": "lab16"}, "encoding 'lab8' -> 'lab16'"),
        ({"fit": "pad", "size": 64}, "size 224 -> 64, fit 'crop' -> 'pad'"),
        ({"splits": (("train", 1.0),)}, "splits"),
    ],
)
def test_other_settings_are_refused_and_named(tmp_path, settings, named):
    the_plan = begun(tmp_path)
    with pytest.raises(TintmillError, match="other settings") as caught:
        resume.check_resumable(again(the_plan, **settings))
    assert named in str(caught.value)


def test_a_shard_of_other_settings_without_its_report_is_refused_too(tmp_path):
    """Killed between shard and report: under other settings the shard would stay behind, in no manifest."""
    the_plan = begun(tmp_path)
    os.remove(the_plan.report_path("train", 0))
    resume.check_resumable(again(the_plan))
    with pytest.raises(TintmillError, match="shard_examples"):
        resume.check_resumable(again(the_plan, shard_examples=1))


def test_a_plan_of_which_nothing_was_built_may_be_changed(tmp_path):
    the_plan = begun(tmp_path)
    os.remove(the_plan.report_path("train", 0))
    os.remove(the_plan.path(the_plan.name_shard("train", 0)))
    resume.check_resumable(again(the_plan, encoding="lab16"))


def test_other_library_versions_are_refused_and_named(tmp_path, monkeypatch):
    the_plan = begun(tmp_path)
    versions = dict(the_plan.versions)
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "0.1" if name == "pillow" else versions[name])
    with pytest.raises(TintmillError, match=r"other versions: pillow '.*' -> '0.1'"):
        resume.check_resumable(again(the_plan))


def test_a_removed_picture_is_named(tmp_path):
    the_plan = begun(tmp_path)
    (tmp_path / "in" / "cat" / "photo_000.png").unlink()
    with pytest.raises(TintmillError, match=r"changed since .*cat/photo_000.png is gone"):
        resume.check_resumable(again(the_plan))


def test_a_changed_picture_is_named(tmp_path):
    the_plan = begun(tmp_path)
    (tmp_path / "in" / "cat" / "photo_000.png").write_bytes(b"other")
    with pytest.raises(TintmillError, match=r"changed since .*cat/photo_000.png had \(size, version\)"):
        resume.check_resumable(again(the_plan))


def test_an_added_picture_is_noticed(tmp_path):
    the_plan = begun(tmp_path)
    (tmp_path / "in" / "cat" / "new.png").write_bytes(b"new")
    with pytest.raises(TintmillError, match="changed since"):
        resume.check_resumable(again(the_plan))


def test_a_folder_of_other_files_is_refused(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.doc").write_text("years of work")
    with pytest.raises(TintmillError, match=r"thesis.doc.*another --output"):
        resume.check_resumable(planned(tmp_path))


def test_what_a_killed_writer_left_is_no_foreign_file(tmp_path):
    (tmp_path / "out" / "reports").mkdir(parents=True)
    (tmp_path / "out" / ".tmp-0123").write_text("")
    resume.check_resumable(planned(tmp_path))


@pytest.mark.parametrize("damage", ["truncated", "emptied", "other plan", "no shard", "short shard"])
def test_a_shard_that_is_not_wholly_committed_is_built_again(tmp_path, damage):
    the_plan = begun(tmp_path)
    report, shard = the_plan.report_path("train", 0), the_plan.path(the_plan.name_shard("train", 0))
    text = files.read(report).decode()
    if damage == "no shard":
        os.remove(shard)
    elif damage == "short shard":
        files.write(shard, b"shar")
    else:
        broken = {"truncated": text[:40], "emptied": "", "other plan": text.replace(the_plan.fingerprint, "0" * 64)}
        files.write(report, broken[damage])
    assert resume.read_committed(the_plan, "train", 0) is None
