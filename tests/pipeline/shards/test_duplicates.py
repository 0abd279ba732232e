"""The same pixels in two splits: found from the reports, and left out of the one that is not to keep them."""

import json
import shutil
from types import SimpleNamespace

import pytest

from tests.support import helpers
from tests.support.manifests import make_shard_report
from tintmill.pipeline.dataset import settings
from tintmill.pipeline.listing.reference import Reference
from tintmill.pipeline.shards import assign, duplicates

SPLITS = (("train", 8), ("val", 4), ("test", 4))


def report(split, shard, *pixels):
    return make_shard_report(split, shard, pixels=[[f"{split}{shard}-{p}{i}", p] for i, p in enumerate(pixels)])


def find(*reports):
    return duplicates.find(SimpleNamespace(counts=SPLITS), list(reports))


def test_the_test_copy_stays():
    found = find(report("train", 0, "a", "b"), report("val", 0, "c"), report("test", 0, "a"))
    assert found == {("train", 0): ["train0-a0"]}


def test_test_goes_before_validation_and_validation_before_training():
    found = find(report("train", 0, "a"), report("val", 0, "a"), report("test", 0, "a"))
    assert found == {("train", 0): ["train0-a0"], ("val", 0): ["val0-a0"]}


def test_copies_within_a_split_are_left_alone():
    assert find(report("train", 0, "a", "a"), report("train", 1, "a")) == {}


def test_the_answer_does_not_change_once_the_copies_are_left_out():
    """Reports list left-out pictures too, so that a rerun finds the same and builds nothing again."""
    reports = [report("train", 0, "a", "b"), report("test", 0, "a")]
    assert find(*reports) == find(*reversed(reports))


def names_by_split(count):
    """Ids and the split each falls to, by the rule of prepare."""
    rules = settings.Settings(name="toy", splits=(("train", 0.7), ("val", 0.3)))
    ids = [f"cat/photo_{i:03d}.png" for i in range(count)]
    return {i: assign.choose_split(rules, Reference(i, "", 0, 0.0)) for i in ids}


@pytest.fixture(scope="module")
def with_copies(tmp_path_factory):
    """A prepared dataset whose training pictures include copies of two validation pictures."""
    splits = names_by_split(40)
    folder = tmp_path_factory.mktemp("copies") / "photos" / "cat"
    folder.mkdir(parents=True)
    for seed, name in enumerate(splits):
        (folder / name.split("/")[1]).write_bytes(helpers.encode(helpers.photo_pixels(seed)))
    train = [name for name, split in splits.items() if split == "train"][:2]
    val = [name for name, split in splits.items() if split == "val"][:2]
    for ours, theirs in zip(train, val, strict=True):
        shutil.copy(folder.parent / theirs, folder.parent / ours)
    made = helpers.prepare(folder.parent, folder.parent.parent / "out")
    return SimpleNamespace(photos=folder.parent, made=made, train=sorted(train), val=val)


def rejected(made):
    lines = [json.loads(line) for path in (made / "rejects").iterdir() for line in path.read_text().splitlines()]
    return {line["id"]: line["code"] for line in lines}


def test_training_copies_of_validation_pictures_are_left_out(with_copies):
    assert rejected(with_copies.made) == dict.fromkeys(with_copies.train, "duplicate")
    manifest = json.loads((with_copies.made / "manifest.json").read_text())
    assert manifest["pictures"]["rejected"] == {"duplicate": 2}
    assert helpers.tintmill("verify", with_copies.made).returncode == 0


def test_a_rerun_builds_nothing_again(with_copies):
    before = {path: path.stat().st_mtime_ns for path in with_copies.made.glob("*.tfrecord-*")}
    helpers.prepare(with_copies.photos, with_copies.made.parent.parent)
    assert {path: path.stat().st_mtime_ns for path in with_copies.made.glob("*.tfrecord-*")} == before


@pytest.mark.slow
def test_bytes_do_not_depend_on_where_the_copies_were_found(with_copies, tmp_path):
    again = helpers.prepare(with_copies.photos, tmp_path, workers=2)
    for path in with_copies.made.glob("*.tfrecord-*"):
        assert (again / path.name).read_bytes() == path.read_bytes()


def test_duplicates_may_be_kept(with_copies, tmp_path):
    kept = helpers.prepare(with_copies.photos, tmp_path, "--nodrop_duplicates")
    assert rejected(kept) == {}
