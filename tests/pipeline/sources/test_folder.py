"""Folders, archives, patterns and lists: the same pictures by all of these ways; hostile members are refused."""

import os
import random
import stat
import tarfile
import tracemalloc
import zipfile

import pytest

from tests.support import helpers as commands
from tests.support import source_files
from tests.support.source_files import contents, listed, made, picture, write_files, write_tar, write_zip
from tintmill.pipeline.common.errors import TintmillError

MEMBERS = {f"{label}/{i}.jpg": picture(i) for i, label in enumerate(["cat", "dog", "cat", "dog", "caf\u00e9"])}
ARCHIVES = ("a.zip", "a.tar", "a.tar.gz", "a.tgz", "a.tar.bz2", "a.tar.xz")


def write_archive(path, members):
    return write_zip(path, members) if path.suffix == ".zip" else write_tar(path, members)


@pytest.mark.parametrize("name", ARCHIVES)
def test_an_archive_holds_the_same_pictures_as_its_folder(tmp_path, name):
    folder = listed("folder", write_files(tmp_path / "in", MEMBERS))
    packed = listed("folder", write_archive(tmp_path / name, MEMBERS))
    assert {key: (r.label, r.size, r.split) for key, r in packed.items()} == {
        key: (r.label, r.size, r.split) for key, r in folder.items()
    }
    assert contents(packed.values()) == contents(folder.values()) == MEMBERS


@pytest.mark.parametrize("name", ARCHIVES)
def test_members_are_read_in_any_order_and_asked_for_twice(tmp_path, name):
    found = listed("folder", write_archive(tmp_path / name, MEMBERS))
    backwards = sorted(found.values(), key=lambda r: -r.offset)
    assert contents(backwards) == contents(backwards) == MEMBERS


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_zip_members_are_read_behind_foreign_bytes(tmp_path, compression):
    """Self-extracting zips begin with a program; offsets in them count from behind it."""
    path = write_zip(tmp_path / "a.zip", MEMBERS, compression)
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.writestr("first", b"x" * 1000)
    with zipfile.ZipFile(tmp_path / "b.zip", "a", compression) as archive:
        for name, data in MEMBERS.items():
            archive.writestr(name, data)
    assert contents(listed("folder", path).values()) == MEMBERS
    assert contents(listed("folder", tmp_path / "b.zip").values()) == MEMBERS | {"first": b"x" * 1000}


def test_a_folder_of_the_archives_own_name_is_no_class(tmp_path):
    members = {f"flowers/{name}": data for name, data in MEMBERS.items()}
    found = listed("folder", write_tar(tmp_path / "flowers.tgz", members))
    assert {r.label for r in found.values()} == {"cat", "dog", "caf\u00e9"}
    assert set(found) == set(members)


def test_an_archive_is_known_by_its_content(tmp_path):
    path = write_zip(tmp_path / "pictures", MEMBERS)
    assert contents(listed("folder", path).values()) == MEMBERS


# Hostile members


def hostile_tar(path):
    with tarfile.open(path, "w") as archive:
        source_files.add_member(archive, "ok.jpg", picture(1))
        source_files.add_member(archive, "/etc/passwd", b"root")
        source_files.add_member(archive, "a/../../up.jpg", picture(2))
        source_files.add_member(archive, "C:\\windows.jpg", picture(2))
        source_files.add_member(archive, "soft.jpg", kind=tarfile.SYMTYPE)
        source_files.add_member(archive, "hard.jpg", kind=tarfile.LNKTYPE)
        source_files.add_member(archive, "fifo.jpg", kind=tarfile.FIFOTYPE)
        source_files.add_member(archive, "device.jpg", kind=tarfile.CHRTYPE)
        source_files.add_member(archive, "folder", kind=tarfile.DIRTYPE)
        source_files.add_member(archive, "ok.jpg", picture(3))
        source_files.add_member(archive, "last..jpg", picture(4))
    return path


def codes(references):
    """(id, reason code or None) in listing order."""
    return [(r.id, r.refused) for r in references]


def references(root):
    from tintmill.pipeline.sources import folder

    return list(folder.references(str(root), source_files.settings("folder")))


def test_hostile_tar_members_are_refused_one_by_one(tmp_path):
    found = references(hostile_tar(tmp_path / "a.tar"))
    assert codes(found) == [
        ("ok.jpg", None),
        ("/etc/passwd", "unsafe_member"),
        ("a/../../up.jpg", "unsafe_member"),
        ("C:\\windows.jpg", "unsafe_member"),
        ("soft.jpg", "not_a_file"),
        ("hard.jpg", "not_a_file"),
        ("fifo.jpg", "not_a_file"),
        ("device.jpg", "not_a_file"),
        ("ok.jpg", "duplicate_member"),
        ("last..jpg", None),
    ]


def test_hostile_zip_members_are_refused_one_by_one(tmp_path, recwarn):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("ok.jpg", picture(1))
        archive.writestr("../up.jpg", picture(2))
        archive.writestr("a\\..\\up.jpg", picture(2))
        link = zipfile.ZipInfo("link.jpg")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr(zipfile.ZipInfo("b.jpg"), picture(3), zipfile.ZIP_BZIP2)
        archive.writestr("ok.jpg", picture(4))
    assert codes(references(tmp_path / "a.zip")) == [
        ("ok.jpg", None),
        ("../up.jpg", "unsafe_member"),
        ("a\\..\\up.jpg", "unsafe_member"),
        ("link.jpg", "not_a_file"),
        ("b.jpg", "unsupported_compression"),
        ("ok.jpg", "duplicate_member"),
    ]


def test_encrypted_members_are_refused(tmp_path):
    path = write_zip(tmp_path / "a.zip", {"a.jpg": picture(1)})
    data = bytearray(path.read_bytes())
    data[data.rindex(b"PK\1\2") + 8] |= 1  # the flag in the directory
    path.write_bytes(data)
    assert codes(references(path)) == [("a.jpg", "encrypted")]


def test_a_zip_bomb_is_not_inflated(tmp_path):
    path = write_zip(tmp_path / "a.zip", {"bomb.jpg": bytes(200 << 20), "ok.jpg": picture(1)})
    found = listed("folder", path)
    tracemalloc.start()
    assert contents(found.values()) == {"bomb.jpg": "too_large", "ok.jpg": picture(1)}
    assert tracemalloc.get_traced_memory()[1] < 20 << 20
    tracemalloc.stop()


def test_a_member_that_lies_about_its_size_is_not_inflated_whole(tmp_path):
    path = write_zip(tmp_path / "a.zip", {"liar.jpg": bytes(200 << 20)})
    data = bytearray(path.read_bytes())
    at = data.rindex(b"PK\1\2") + 24
    data[at : at + 4] = (1000).to_bytes(4, "little")  # the size in the directory
    path.write_bytes(data)
    tracemalloc.start()
    assert contents(listed("folder", path).values()) == {"liar.jpg": "damaged_member"}
    assert tracemalloc.get_traced_memory()[1] < 20 << 20
    tracemalloc.stop()


def test_a_flipped_byte_in_a_zip_member_is_noticed(tmp_path):
    path = write_zip(tmp_path / "a.zip", {"a.jpg": picture(1), "b.jpg": picture(2)}, zipfile.ZIP_STORED)
    data = bytearray(path.read_bytes())
    data[200] ^= 1
    path.write_bytes(data)
    assert contents(listed("folder", path).values()) == {"a.jpg": "damaged_member", "b.jpg": picture(2)}


@pytest.mark.parametrize("name", ARCHIVES)
def test_an_archive_that_was_written_after_listing_is_noticed(tmp_path, name):
    path = write_archive(tmp_path / name, MEMBERS)
    found = listed("folder", path)
    os.utime(path, (1, 1))
    assert set(contents(found.values()).values()) == {"changed"}


@pytest.mark.parametrize("name", ARCHIVES)
@pytest.mark.parametrize("share", [0.3, 0.5])
def test_a_cut_archive_is_named(tmp_path, name, share):
    path = write_archive(tmp_path / name, MEMBERS)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(TintmillError, match=rf"{name}.*(damaged|cut off).*again"):
        made("folder", path)


def test_a_tar_that_is_cut_between_two_members_is_named(tmp_path):
    path = write_tar(tmp_path / "a.tar", MEMBERS)
    third = sorted(r.offset for r in references(path))[2]
    path.write_bytes(path.read_bytes()[: third - 512])
    with pytest.raises(TintmillError, match="cut off at byte"):
        made("folder", path)


def test_a_damaged_tar_header_is_no_end(tmp_path):
    """Python's tarfile stops there as if the archive were at its end."""
    path = write_tar(tmp_path / "a.tar", MEMBERS)
    data = bytearray(path.read_bytes())
    third = sorted(r.offset for r in references(path))[2]
    data[third - 512 + 148] ^= 1  # its header's checksum
    path.write_bytes(data)
    with pytest.raises(TintmillError, match="damaged header"):
        made("folder", path)


@pytest.mark.parametrize("name", ARCHIVES)
def test_an_empty_archive_is_an_error(tmp_path, name):
    with pytest.raises(TintmillError, match="no files in it"):
        made("folder", write_archive(tmp_path / name, {}))


def damaged(data: bytes, rng: random.Random) -> bytes:
    """With a changed byte, a lost or overwritten stretch, or a number that is absurd; once or several times."""
    data = bytearray(data)
    for _ in range(rng.choice([1, 1, 2, 8])):
        at, length = rng.randrange(len(data)), rng.randrange(1, 600)
        kinds = [
            (1, rng.randbytes(1)),
            (length, b""),
            (length, rng.randbytes(length)),
            (8, b"\xff" * 8),
            (8, b"-1" + bytes(6)),
        ]
        removed, put = rng.choice(kinds)
        data[at : at + removed] = put
        data = data or bytearray(b"x")
    return bytes(data)


@pytest.mark.parametrize("name", ARCHIVES)
def test_a_damaged_archive_is_an_error_or_rejects_but_never_a_crash(tmp_path, name):
    rng, errors = random.Random(name), 0
    whole = write_archive(tmp_path / name, MEMBERS).read_bytes()
    for _ in range(150):
        (tmp_path / name).write_bytes(damaged(whole, rng))
        try:
            contents(listed("folder", tmp_path / name).values())
        except TintmillError:
            errors += 1
    assert errors > 0  # in a tar.gz every one, by its checksum


def test_nothing_is_unpacked(tmp_path):
    path = hostile_tar(tmp_path / "a.tar")
    contents(references(path))
    assert [p.name for p in tmp_path.rglob("*")] == ["a.tar"]


# Patterns


def test_a_pattern_takes_what_it_matches(tmp_path):
    write_files(tmp_path, MEMBERS | {"dog/notes.txt": b"no"})
    found = listed("folder", tmp_path / "*" / "*.jpg")
    assert contents(found.values()) == MEMBERS
    assert {r.label for r in found.values()} == {"cat", "dog", "caf\u00e9"}
    assert set(listed("folder", tmp_path / "do*" / "*")) == {"dog/1.jpg", "dog/3.jpg", "dog/notes.txt"}
    assert set(listed("folder", tmp_path / "**" / "*.txt")) == {"dog/notes.txt"}


def test_archives_that_a_pattern_matches_are_one_source(tmp_path):
    write_zip(tmp_path / "one.zip", MEMBERS)
    write_tar(tmp_path / "two.tar", MEMBERS)
    found = listed("folder", tmp_path / "*.[zt]*")
    assert set(found) == {f"{archive}/{name}" for archive in ("one.zip", "two.tar") for name in MEMBERS}
    assert {r.label for r in found.values()} == {"cat", "dog", "caf\u00e9"}
    assert sorted(contents(found.values()).values()) == sorted([*MEMBERS.values()] * 2)


def test_a_folder_with_wildcards_in_its_name_is_a_folder(tmp_path):
    write_files(tmp_path / "in[1]*", MEMBERS)
    assert set(listed("folder", tmp_path / "in[1]*")) == set(MEMBERS)


def test_a_pattern_without_matches_is_an_error(tmp_path):
    with pytest.raises(TintmillError, match=r"\*.png"):
        made("folder", tmp_path / "*.png")


def test_topmost_folders_that_are_splits_are_no_classes(tmp_path):
    names = ("train/cat/0.jpg", "train/1.jpg", "val/cat/2.jpg", "test/dog/small/3.jpg", "more/4.jpg", "5.jpg")
    write_files(tmp_path, {name: picture(number) for number, name in enumerate(names)})
    assert {key: (r.label, r.split) for key, r in listed("folder", tmp_path).items()} == {
        "train/cat/0.jpg": ("cat", None),
        "train/1.jpg": (None, None),
        "val/cat/2.jpg": ("cat", "val"),
        "test/dog/small/3.jpg": ("dog", "test"),
        "more/4.jpg": ("more", None),
        "5.jpg": (None, None),
    }
    assert made("folder", tmp_path).counts == (("train", 4), ("val", 1), ("test", 1))


def test_a_class_may_be_called_train(tmp_path):
    write_files(tmp_path, {"train/0.jpg": picture(0), "ship/1.jpg": picture(1)})
    assert {r.label for r in listed("folder", tmp_path).values()} == {"train", "ship"}


# Lists


def test_a_text_lists_paths(tmp_path):
    write_files(tmp_path / "in", MEMBERS)
    (tmp_path / "list.txt").write_text(f"in/cat/0.jpg\n\n{tmp_path}/in/dog/1.jpg\ttall dog\nin/./cat/2.jpg\n")
    found = listed("folder", tmp_path / "list.txt")
    assert {key: r.label for key, r in found.items()} == {
        "in/cat/0.jpg": None,
        f"{tmp_path}/in/dog/1.jpg": "tall dog",
        "in/cat/2.jpg": None,
    }
    assert contents(found.values())["in/cat/2.jpg"] == MEMBERS["cat/2.jpg"]


def test_a_table_brings_labels_and_splits(tmp_path):
    write_files(tmp_path, MEMBERS)
    rows = 'split,path,photographer,label\ntrain,cat/0.jpg,me,"cat, small"\nvalidation,dog/1.jpg,,dog\n,dog/3.jpg\n'
    (tmp_path / "list.csv").write_text("\ufeff" + rows)
    found = listed("folder", tmp_path / "list.csv")
    assert {key: (r.label, r.split) for key, r in found.items()} == {
        "cat/0.jpg": ("cat, small", None),
        "dog/1.jpg": ("dog", "val"),
        "dog/3.jpg": (None, None),
    }
    assert made("folder", tmp_path / "list.csv").counts == (("train", 2), ("val", 1))


@pytest.mark.parametrize("head", ["path,class", "Class,File", "image,category,other"])
def test_the_head_of_a_table_may_have_other_names(tmp_path, head):
    write_files(tmp_path, MEMBERS)
    row = "cat,cat/0.jpg" if head.startswith("Class") else "cat/0.jpg,cat"
    (tmp_path / "list.csv").write_text(f"{head}\n{row}\n")
    assert {key: r.label for key, r in listed("folder", tmp_path / "list.csv").items()} == {"cat/0.jpg": "cat"}


def test_listed_pictures_that_are_missing_or_twice_are_rejected(tmp_path):
    write_files(tmp_path, MEMBERS)
    (tmp_path / "list.tsv").write_text("cat/0.jpg\tcat\nnowhere.jpg\ncat/0.jpg\tdog\ttest\ncat\n")
    found = [(r.id, r.refused) for r in references(tmp_path / "list.tsv")]
    refused = [("nowhere.jpg", "unreadable"), ("cat/0.jpg", "duplicate_id"), ("cat", "unreadable")]
    assert found == [("cat/0.jpg", None), *refused]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("a.jpg,cat,holdout\n", "line 1: found split 'holdout'"),
        ("path,label\n,cat\n", "line 2: found no path"),
        ("path,label,class\na.jpg,cat,dog\n", "line 1: found two columns of labels"),
        ("http://example.org/a.jpg\n", "line 1: .*gs://"),
    ],
)
def test_a_wrong_line_is_named(tmp_path, text, named):
    (tmp_path / "list.csv").write_text(text)
    with pytest.raises(TintmillError, match=named):
        made("folder", tmp_path / "list.csv")


# Whole


def test_a_hostile_archive_becomes_a_dataset_with_its_rejects(tmp_path):
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as archive:
        for i in range(30):
            source_files.add_member(archive, f"cat/{i}.jpg", picture(i))
        source_files.add_member(archive, "../up.jpg", picture(31))
        source_files.add_member(archive, "cat/3.jpg", picture(32))
        source_files.add_member(archive, "soft.jpg", kind=tarfile.SYMTYPE)
    folder = commands.prepare(path, tmp_path / "out", "--max_reject_fraction=0.5")
    manifest = commands.manifest(folder)
    assert manifest["pictures"]["rejected"] == {"duplicate_member": 1, "not_a_file": 1, "unsafe_member": 1}
    assert manifest["pictures"]["kept"] == 30
    lines = "".join(p.read_text() for p in (folder / "rejects").iterdir()).splitlines()
    assert len(lines) == 3
    assert commands.tintmill("verify", folder).returncode == 0
