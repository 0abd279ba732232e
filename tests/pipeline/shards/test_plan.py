"""The plan: split, shard and order are functions of the id."""

import collections
import dataclasses
import itertools
import os
import random

import pytest

from tintmill.pipeline.common import files
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.dataset.settings import EmbedderSettings, Settings
from tintmill.pipeline.listing.reference import Description, Reference
from tintmill.pipeline.shards import assign, plan
from tintmill.pipeline.sources import SOURCES, Source, folder

SETTINGS = Settings(name="toy", shard_examples=16, embedder=None)


def references(count: int = 2000, classes: int = 4) -> list[Reference]:
    names = [f"class_{i % classes}/{i:05d}.jpg" for i in range(count)]
    return [Reference(name, f"/in/{name}", 100, 1.0, name.split("/")[0]) for name in names]


@pytest.fixture
def listing(monkeypatch):
    """Puts a listing in place of the folder source's; returns the function that sets it."""
    now = references()

    def put(listed):
        now[:] = listed

    monkeypatch.setitem(SOURCES, "folder", Source(lambda *_: Description(), lambda *_: iter(now)))
    return put


def made(tmp_path, **settings) -> plan.Plan:
    return plan.make_plan(dataclasses.replace(SETTINGS, **settings), "/in", str(tmp_path / "out"))


def selected(the_plan: plan.Plan) -> set[str]:
    return {reference.id for reference in plan.list_references(the_plan)}


# Assignment


def test_the_split_of_a_picture_does_not_depend_on_other_pictures(listing, tmp_path):
    splits = {r.id: assign.choose_split(SETTINGS, r) for r in references()}
    listing(references()[500:700])
    assert all(assign.choose_split(SETTINGS, r) == splits[r.id] for r in plan.list_references(made(tmp_path)))


def test_splits_hold_about_their_shares():
    counts = collections.Counter(assign.choose_split(SETTINGS, r) for r in references(20000))
    assert counts["train"] == pytest.approx(18000, rel=0.02)
    assert counts["val"] == pytest.approx(1000, rel=0.15)
    assert counts["test"] == pytest.approx(1000, rel=0.15)


def test_an_official_split_is_kept():
    for reference in references(100):
        assert assign.choose_split(SETTINGS, dataclasses.replace(reference, split="val")) == "val"


def test_every_picture_falls_into_a_shard_of_its_split(listing, tmp_path):
    the_plan = made(tmp_path)
    filled = collections.Counter(plan.choose_shard(the_plan, r) for r in plan.list_references(the_plan))
    assert set(filled) <= set(the_plan.list_shards())
    assert sum(filled.values()) == 2000
    assert max(filled.values()) < 3 * SETTINGS.shard_examples


def test_the_number_of_shards_follows_from_the_number_of_pictures(listing, tmp_path):
    the_plan = made(tmp_path, splits=(("train", 1.0),))
    assert the_plan.count_shards("train") == 2000 // 16
    assert the_plan.name_shard("train", 7) == "toy-train.tfrecord-00007-of-00125"


def test_classes_are_mixed_inside_a_shard(listing, tmp_path):
    the_plan = made(tmp_path, shard_examples=200)
    shards = collections.defaultdict(list)
    for reference in plan.list_references(the_plan):
        shards[plan.choose_shard(the_plan, reference)].append(reference)
    for shard in (shard for shard in shards.values() if len(shard) >= 100):
        labels = [r.label for r in assign.sort_for_shard(shard)]
        changes = sum(a != b for a, b in itertools.pairwise(labels))
        assert changes > len(labels) / 2  # 3 when sorted by class, 3/4 of all when mixed
        assert labels != [r.label for r in sorted(shard, key=lambda r: r.id)]


def test_the_order_in_a_shard_does_not_depend_on_the_listing():
    listed = references(300)
    shuffled = random.Random(0).sample(listed, len(listed))
    assert assign.sort_for_shard(listed) == assign.sort_for_shard(shuffled)


def test_split_shard_and_order_are_independent_hashes(listing, tmp_path):
    """Were one hash used for all, the first shards would be the first split."""
    hashes = [
        [assign.hash64(purpose, r.id) % 97 for r in references(500)] for purpose in ("split", "shard", "order", "limit")
    ]
    agreement = [sum(a == b for a, b in zip(x, y, strict=True)) for x in hashes for y in hashes if x is not y]
    assert max(agreement) < 30


def test_hashes_never_change():
    """A release that changed them would deal every dataset anew: old and new shards would share pictures."""
    assert assign.hash64("split", "cat/1.jpg") == 8967323326016791932
    assert assign.hash64("shard", "Zürich\n") == 10247102553793217905


def test_the_layout_of_a_dataset_never_changes(listing, tmp_path):
    """The same for split, shard and order as a whole: (split, shard) of the first pictures, and the first in order."""
    the_plan = made(tmp_path)
    assert [plan.choose_shard(the_plan, r) for r in references(6)] == [
        ("val", 1),
        ("test", 4),
        ("train", 56),
        ("train", 57),
        ("train", 20),
        ("test", 1),
    ]
    assert [r.id for r in assign.sort_for_shard(references(2000))[:3]] == [
        "class_1/00277.jpg",
        "class_2/00610.jpg",
        "class_0/01520.jpg",
    ]


# --limit and --classes


def test_limited_subsets_nest(listing, tmp_path):
    subsets = [selected(made(tmp_path, limit=n)) for n in (10, 100, 1000)]
    assert [len(subset) for subset in subsets] == [10, 100, 1000]
    assert subsets[0] < subsets[1] < subsets[2]


def test_a_limited_subset_keeps_its_splits(listing, tmp_path):
    small, whole = made(tmp_path, limit=100), made(tmp_path)
    of_whole = {r.id: assign.choose_split(whole.settings, r) for r in plan.list_references(whole)}
    assert all(assign.choose_split(small.settings, r) == of_whole[r.id] for r in plan.list_references(small))


def test_a_limit_above_the_number_of_pictures_takes_all(listing, tmp_path):
    assert len(selected(made(tmp_path, limit=5000))) == 2000


def test_the_limit_counts_pictures_of_the_chosen_classes(listing, tmp_path):
    chosen = selected(made(tmp_path, limit=50, classes=("class_1",)))
    assert len(chosen) == 50
    assert all(name.startswith("class_1/") for name in chosen)


def test_limits_by_class_and_by_split_count_each_and_nest(listing, tmp_path):
    by_class = [selected(made(tmp_path, limit_per_class=n)) for n in (5, 20)]
    assert [collections.Counter(name.split("/")[0] for name in names) for names in by_class] == [
        {f"class_{i}": n for i in range(4)} for n in (5, 20)
    ]
    by_split = [made(tmp_path, limit_per_split=(("train", n), ("test", n // 2))) for n in (10, 30)]
    assert [the_plan.counts for the_plan in by_split] == [
        tuple({**dict(made(tmp_path).counts), "train": n, "test": n // 2}.items()) for n in (10, 30)
    ]
    assert by_class[0] < by_class[1]
    assert selected(by_split[0]) < selected(by_split[1])


def test_a_limit_of_a_split_that_is_not_there_is_named(listing, tmp_path):
    with pytest.raises(TintmillError, match="--limit_per_split: dev is no split here; there are train, val, test"):
        made(tmp_path, limit_per_split=(("dev", 5),))


def test_refused_references_come_after_the_picture_of_the_same_id():
    good = Reference("a.jpg", "/in/z.zip", 1, 1.0, kind="zip", offset=50)
    refused = dataclasses.replace(good, offset=9, refused="duplicate_member")
    assert assign.sort_for_shard([refused, good]) == assign.sort_for_shard([good, refused]) == [good, refused]


def test_an_unknown_class_is_named(listing, tmp_path):
    with pytest.raises(TintmillError, match=r"--classes: \['unicorn'\].*class_0"):
        made(tmp_path, classes=("class_1", "unicorn"))


# Fingerprint


def test_a_shuffled_listing_gives_the_same_plan(listing, tmp_path):
    before = made(tmp_path)
    listing(random.Random(1).sample(references(), 2000))
    after = made(tmp_path)
    assert after.fingerprint == before.fingerprint
    assert after == before


@pytest.mark.parametrize("field", ["size", "version", "label", "split", "id"])
def test_a_changed_picture_changes_the_fingerprint(listing, tmp_path, field):
    value = {"size": 101, "version": 2.0, "label": "class_3", "split": "test", "id": "class_0/new.jpg"}[field]
    before = made(tmp_path, splits=(("train", 1.0),)).fingerprint
    listing([dataclasses.replace(references()[0], **{field: value}), *references()[1:]])
    assert made(tmp_path, splits=(("train", 1.0),)).fingerprint != before


def test_swapped_pictures_change_the_fingerprint(listing, tmp_path):
    """The digest is a sum; it must not cancel out."""
    before = made(tmp_path).fingerprint
    a, b, *rest = references()
    listing([dataclasses.replace(a, size=7), dataclasses.replace(b, size=9), *rest])
    one = made(tmp_path).fingerprint
    listing([dataclasses.replace(a, size=9), dataclasses.replace(b, size=7), *rest])
    assert len({before, one, made(tmp_path).fingerprint}) == 3


def test_paths_are_not_part_of_the_fingerprint(listing, tmp_path):
    one = plan.make_plan(SETTINGS, "/in", "/out")
    assert plan.make_plan(SETTINGS, "/elsewhere", "/other").fingerprint == one.fingerprint


def test_the_content_of_the_weights_file_is_part_of_the_fingerprint(listing, tmp_path):
    weights = tmp_path / "net.weights.h5"
    weights.write_bytes(b"one")
    embedder = EmbedderSettings("mobilenet_v2", weights=str(weights))
    before = made(tmp_path, embedder=embedder).fingerprint
    weights.write_bytes(b"two")
    assert made(tmp_path, embedder=embedder).fingerprint != before


def test_a_plan_says_which_libraries_made_it(listing, tmp_path):
    assert {"tintmill", "numpy", "pillow", "tensorflow", "keras"} <= set(dict(made(tmp_path).versions))


# Inputs that are none


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(TintmillError, match="found nothing, wanted a folder"):
        plan.make_plan(SETTINGS, str(tmp_path / "none"), str(tmp_path / "out"))


def test_a_file_is_not_a_folder(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(TintmillError, match="found a file, wanted a folder"):
        plan.make_plan(SETTINGS, str(tmp_path / "file"), str(tmp_path / "out"))


def test_an_empty_folder_is_named(tmp_path):
    (tmp_path / "in" / "deeper").mkdir(parents=True)
    with pytest.raises(TintmillError, match=f"{tmp_path / 'in'}: no files"):
        plan.make_plan(SETTINGS, str(tmp_path / "in"), str(tmp_path / "out"))


# The folder source


def listed(root) -> dict[str, Reference]:
    found = list(folder.references(str(root), SETTINGS))
    assert len({r.id for r in found}) == len(found)
    return {r.id: r for r in found}


def write(root, *names: str | bytes) -> None:
    for name in names:
        path = os.path.join(os.fsencode(root), os.fsencode(name))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as f:
            f.write(b"x")


def test_the_topmost_folder_names_the_class(tmp_path):
    write(tmp_path, "cat/1.jpg", "dog/deep/er/2.jpg", "3.jpg")
    assert {name: r.label for name, r in listed(tmp_path).items()} == {
        "cat/1.jpg": "cat",
        "dog/deep/er/2.jpg": "dog",
        "3.jpg": None,
    }


def test_names_and_extensions_do_not_matter(tmp_path):
    names = {"a.jpg", "b.jpeg", "c.JPG", "d", "e.txt", ".hidden", "f.jpg.png", "g.gz"}
    write(tmp_path, *names)
    assert set(listed(tmp_path)) == names


def test_the_same_basename_in_two_folders_is_two_pictures(tmp_path):
    write(tmp_path, "a/1.jpg", "b/1.jpg", "A/1.jpg")
    assert set(listed(tmp_path)) == {"a/1.jpg", "b/1.jpg", "A/1.jpg"}


def test_hostile_names_become_valid_text(tmp_path):
    long = "n" * 251 + ".jpg"
    write(
        tmp_path,
        "new\nline.jpg",
        " lead and trail ",
        "tab\t.jpg",
        long,
        "-rf",
        "a:b*?.jpg",
        b"caf\xe9.jpg",
        "猫/犬.jpg",
    )
    found = listed(tmp_path)
    assert {
        "new\nline.jpg",
        " lead and trail ",
        "tab\t.jpg",
        long,
        "-rf",
        "a:b*?.jpg",
        "caf\\xe9.jpg",
        "猫/犬.jpg",
    } == set(found)
    for name, reference in found.items():
        name.encode()
        assert files.read(reference.path) == b"x"


def test_an_nfc_and_an_nfd_name_are_one_id(tmp_path):
    write(tmp_path, "caf\u00e9.jpg", "cafe\u0301.jpg")
    assert [r.id for r in folder.references(str(tmp_path), SETTINGS)] == ["caf\u00e9.jpg"] * 2


def test_class_names_are_single_lines(tmp_path):
    """A class name is a line of a .labels.txt file."""
    write(tmp_path, "two\nlines/1.jpg", " spaces  around /2.jpg", "ok/3.jpg")
    assert {r.label for r in folder.references(str(tmp_path), SETTINGS)} == {"two lines", "spaces around", "ok"}


def test_a_folder_without_a_printable_name_still_names_a_class(tmp_path):
    write(tmp_path, " /1.jpg", "cat/2.jpg")
    assert all(r.label for r in folder.references(str(tmp_path), SETTINGS))


def test_dead_links_and_pipes_are_listed_and_not_followed(tmp_path):
    write(tmp_path, "cat/1.jpg")
    os.symlink("/nowhere", tmp_path / "cat" / "dead")
    os.symlink(tmp_path / "cat", tmp_path / "cat" / "loop")
    os.mkfifo(tmp_path / "cat" / "pipe")
    found = listed(tmp_path)
    assert set(found) == {"cat/1.jpg", "cat/dead", "cat/pipe"}
    for name in ("cat/dead", "cat/pipe"):
        with pytest.raises(OSError):
            files.read(found[name].path)
