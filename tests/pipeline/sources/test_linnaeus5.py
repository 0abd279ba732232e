"""Linnaeus 5: its folders are classes and splits, at any of its sizes, in a folder or in an archive."""

import pytest

from tests.support import helpers as commands
from tests.support.source_files import contents, listed, made, picture, write_files, write_tar, write_zip
from tintmill.pipeline.common.errors import TintmillError

CLASSES = ("berry", "flower")
FILES = {
    f"{split}/{label}/{i}_64.jpg": picture(i + 10 * (label == "berry") + 20 * (split == "test"))
    for split, count in (("train", 8), ("test", 4))
    for label in CLASSES
    for i in range(1, count)
}
INSIDE = {f"Linnaeus 5 64X64/{name}": data for name, data in FILES.items()}


def test_the_test_folder_is_the_test_split(tmp_path):
    found = listed("linnaeus5", write_files(tmp_path, INSIDE))
    assert contents(found.values()) == FILES
    assert {r.split for key, r in found.items() if key.startswith("test/")} == {"test"}
    assert {r.split for key, r in found.items() if key.startswith("train/")} == {None}
    assert {key.split("/")[1]: r.label for key, r in found.items()} == {"berry": "berry", "flower": "flower"}


def test_inner_folder_outer_folder_and_archives_are_the_same(tmp_path):
    write_files(tmp_path / "in", INSIDE)
    write_zip(tmp_path / "in.zip", INSIDE)
    write_tar(tmp_path / "inner.tar.gz", FILES)
    for root in ("in", "in/Linnaeus 5 64X64", "in.zip", "inner.tar.gz"):
        assert contents(listed("linnaeus5", tmp_path / root).values()) == FILES, root


def test_one_class_of_it(tmp_path):
    the_plan = made("linnaeus5", write_files(tmp_path, INSIDE), classes=("flower",))
    assert the_plan.class_names == ("flower",)
    assert sum(dict(the_plan.counts).values()) == 10
    with pytest.raises(
        TintmillError, match=r"--classes: \['tree'\] not among the classes found, \['berry', 'flower'\]"
    ):
        made("linnaeus5", tmp_path, classes=("tree",))


def test_a_share_may_not_be_called_as_an_official_split(tmp_path):
    with pytest.raises(TintmillError, match="--splits: found test, which the source has itself"):
        made("linnaeus5", write_files(tmp_path, INSIDE), splits=(("train", 0.9), ("test", 0.1)))


def test_two_sizes_in_one_folder_must_be_told_apart(tmp_path):
    write_files(tmp_path, INSIDE)
    write_files(tmp_path, {name.replace("64", "32"): data for name, data in INSIDE.items()})
    with pytest.raises(TintmillError, match="found Linnaeus 5 32X32, Linnaeus 5 64X64; give one of them"):
        made("linnaeus5", tmp_path)


@pytest.mark.parametrize("files", [{}, {"flower/1_64.jpg": b""}, {"a/b/train/1.jpg": b""}])
def test_another_layout_is_an_error(tmp_path, files):
    with pytest.raises(TintmillError, match="found no folder train in it, wanted the folder 'Linnaeus 5"):
        made("linnaeus5", write_files(tmp_path, files))


def test_what_lies_elsewhere_is_refused(tmp_path):
    write_zip(tmp_path / "a.zip", INSIDE | {"Linnaeus 5 64X64/1.jpg": b"", "../2.jpg": b"", "beside.txt": b""})
    refused = {key: r.refused for key, r in listed("linnaeus5", tmp_path / "a.zip").items() if r.refused}
    assert refused == {"1.jpg": "outside_layout", "../2.jpg": "unsafe_member"}


@pytest.mark.real_data
def test_real_pictures_in_the_layout_of_linnaeus_5(real_data, tmp_path):
    """A stand-in: other pictures in its layout."""
    root = real_data / "linnaeus_layout_standin"
    flags = ("--source=linnaeus5", "--splits=", "--classes=flower", "--shard_examples=64")
    manifest = commands.manifest(commands.prepare(root, tmp_path, *flags))
    assert manifest["class_names"] == ["flower"]
    assert manifest["splits"]["test"] == 40
    assert sum(manifest["splits"].values()) == 200
