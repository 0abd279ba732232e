"""Tiny ImageNet: its layout, its lists, from folder and zip."""

import pytest

from tests.support import helpers as commands
from tests.support.source_files import contents, listed, made, picture, write_files, write_zip
from tintmill.pipeline.common.errors import TintmillError

WNIDS = ("n02000002", "n01000001", "n03000003")
PICTURES = {f"train/{wnid}/images/{wnid}_{i}.JPEG": picture(i) for wnid in WNIDS for i in range(3)}
PICTURES |= {f"val/images/val_{i}.JPEG": picture(10 + i) for i in range(3)}
PICTURES |= {f"test/images/test_{i}.JPEG": picture(20 + i) for i in range(2)}
LISTS = {
    "wnids.txt": "\n".join(WNIDS).encode(),
    "words.txt": b"n01000001\ttench, Tinca tinca\nn02000002\tcrane\nn03000003\tcrane, hoist\nn04000004\tother\n",
    "val/val_annotations.txt": "".join(f"val_{i}.JPEG\t{w}\t0\t0\t9\t9\n" for i, w in enumerate(WNIDS)).encode(),
    "train/n01000001/n01000001_boxes.txt": b"n01000001_0.JPEG\t0\t0\t9\t9\n",
}
NAMES = ("crane (n02000002)", "tench", "crane (n03000003)")


@pytest.mark.parametrize("prefix", ["", "tiny-imagenet-200/"])
@pytest.mark.parametrize("zipped", [True, False])
def test_labels_and_splits(tmp_path, prefix, zipped):
    files = {prefix + name: data for name, data in (PICTURES | LISTS).items()}
    root = write_zip(tmp_path / "a.zip", files) if zipped else write_files(tmp_path / "a", files)
    found = listed("tiny_imagenet", root)
    assert contents(found.values()) == PICTURES
    assert [found[f"train/{wnid}/images/{wnid}_0.JPEG"].label for wnid in WNIDS] == list(NAMES)
    assert [found[f"val/images/val_{i}.JPEG"].label for i in range(3)] == list(NAMES)
    assert {r.split for r in found.values()} == {None, "val", "test"}
    assert {r.label for r in found.values() if r.split == "test"} == {None}
    the_plan = made("tiny_imagenet", root)
    assert the_plan.class_names == NAMES
    assert the_plan.counts == (("train", 9), ("val", 3), ("test", 2))


def test_class_numbers_do_not_depend_on_a_limit(tmp_path):
    write_files(tmp_path, PICTURES | LISTS)
    assert made("tiny_imagenet", tmp_path, limit=1, splits=(("train", 1.0),)).class_names == NAMES


def test_lists_that_do_not_fit_are_named(tmp_path):
    write_files(tmp_path / "a", PICTURES | LISTS | {"val/val_annotations.txt": b""})
    with pytest.raises(TintmillError, match=r"val_annotations.txt has no line for val_0.JPEG"):
        made("tiny_imagenet", tmp_path / "a")
    write_files(tmp_path / "b", PICTURES | LISTS | {"wnids.txt": b"n01000001\n"})
    with pytest.raises(TintmillError, match=r"has class n0.* which wnids.txt lacks"):
        made("tiny_imagenet", tmp_path / "b")
    with pytest.raises(TintmillError, match=r"wnids.txt is missing"):
        made("tiny_imagenet", write_files(tmp_path / "c", PICTURES))


@pytest.mark.real_data
def test_real_tiny_imagenet(real_data, tmp_path):
    root = real_data / "tiny_imagenet_layout"
    manifest = commands.manifest(
        commands.prepare(root, tmp_path, "--source=tiny_imagenet", "--splits=", *commands.NO_FILTERS)
    )
    assert manifest["splits"] == {"train": 24, "val": 6}
    assert manifest["class_names"][:2] == ["loggerhead", "green lizard"]
