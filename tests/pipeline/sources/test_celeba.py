"""CelebA: pictures from zip or folder, splits from the partition list, attributes; lists that are short are named."""

import json
import shutil

import numpy as np
import pytest

from tests.support import helpers as commands
from tests.support.source_files import contents, listed, made, picture, write_files, write_zip
from tintmill.pipeline.common.errors import TintmillError

NAMES = [f"{i:06d}.jpg" for i in range(1, 9)]
PICTURES = {f"img_align_celeba/{name}": picture(i) for i, name in enumerate(NAMES)}
PARTITION = "".join(f"{name} {0 if i < 4 else i % 2 + 1}\n" for i, name in enumerate(NAMES))
ATTRIBUTES = f"{len(NAMES)}\nBald Smiling Young \n" + "".join(
    f"{name} {'-1 ' if i % 2 else ' 1 '} -1  1\n" for i, name in enumerate(NAMES)
)


def write_celeba(folder, unpacked=False, partition=PARTITION, attributes=ATTRIBUTES):
    folder.mkdir(parents=True, exist_ok=True)
    if unpacked:
        write_files(folder, PICTURES)
    else:
        write_zip(folder / "img_align_celeba.zip", PICTURES)
    for name, text in (("list_eval_partition.txt", partition), ("list_attr_celeba.txt", attributes)):
        if text is not None:
            (folder / name).write_text(text)
    return folder


def without_paths(found):
    return {key: (r.label, r.split, r.attributes, r.size) for key, r in found.items()}


def test_splits_and_attributes_come_from_the_lists(tmp_path):
    found = listed("celeba", write_celeba(tmp_path))
    assert [r.split for r in found.values()] == [None] * 4 + ["val", "test"] * 2
    assert list(np.frombuffer(found["img_align_celeba/000002.jpg"].attributes, np.int8)) == [-1, -1, 1]
    assert contents(found.values()) == PICTURES
    the_plan = made("celeba", tmp_path)
    assert the_plan.counts == (("train", 4), ("val", 2), ("test", 2))
    assert the_plan.attribute_names == ("Bald", "Smiling", "Young")
    assert the_plan.class_names == ()


@pytest.mark.parametrize("place", ["", "img_align_celeba"])
def test_zip_and_folder_are_the_same_dataset(tmp_path, place):
    packed = write_celeba(tmp_path / "packed")
    unpacked = write_celeba(tmp_path / "unpacked", unpacked=True)
    zip_itself = packed / "img_align_celeba.zip" if place else packed
    assert without_paths(listed("celeba", zip_itself)) == without_paths(listed("celeba", unpacked / place))


def test_the_folders_of_the_download_are_looked_into(tmp_path):
    write_celeba(tmp_path)
    for name, folder in (("img_align_celeba.zip", "Img"), ("list_eval_partition.txt", "Eval")):
        (tmp_path / folder).mkdir()
        shutil.move(tmp_path / name, tmp_path / folder / name)
    assert len(listed("celeba", tmp_path)) == len(NAMES)
    assert len(listed("celeba", tmp_path / "Img" / "img_align_celeba.zip")) == len(NAMES)


def test_an_attribute_may_be_the_label(tmp_path):
    the_plan = made("celeba", write_celeba(tmp_path), celeba_label="Bald")
    assert the_plan.class_names == ("not_Bald", "Bald")
    found = listed("celeba", tmp_path, celeba_label="Bald")
    assert [found[f"img_align_celeba/{name}"].label for name in NAMES[:2]] == ["Bald", "not_Bald"]


@pytest.mark.parametrize("flags", [{"celeba_label": "Happy"}, {"celeba_label": "Bald", "celeba_attributes": False}])
def test_an_attribute_that_is_not_there_is_named(tmp_path, flags):
    with pytest.raises(TintmillError, match=r"--celeba_label=(Happy|Bald): found"):
        made("celeba", write_celeba(tmp_path), **flags)


def test_a_missing_partition_is_named_and_missing_attributes_are_said(tmp_path):
    the_plan = made("celeba", write_celeba(tmp_path / "a", attributes=None))
    assert the_plan.attribute_names == ()
    assert "no list_attr_celeba.txt" in the_plan.notes[0]
    with pytest.raises(TintmillError, match=r"list_eval_partition.txt is missing"):
        made("celeba", write_celeba(tmp_path / "b", partition=None))


def test_a_partition_without_a_wanted_split_is_named(tmp_path):
    """The preset takes so many pictures of each split."""
    no_val = PARTITION.replace(" 1\n", " 0\n")
    with pytest.raises(TintmillError, match=r"--limit_per_split: val is no split here; there are train, test; leave"):
        made("celeba", write_celeba(tmp_path, partition=no_val), limit_per_split=(("train", 2), ("val", 1)))


def test_short_lists_are_named_with_the_first_picture_that_lacks_a_line(tmp_path):
    short = "".join(PARTITION.splitlines(keepends=True)[:5])
    with pytest.raises(TintmillError, match=r"partition.txt: 3 of 8 pictures have no line in it, the first 000006.jpg"):
        made("celeba", write_celeba(tmp_path / "a", partition=short))
    lines = ATTRIBUTES.splitlines(keepends=True)
    with pytest.raises(TintmillError, match=r"attr_celeba.txt: 2 of 8 .* first 000007.jpg.*--celeba_attributes=false"):
        made("celeba", write_celeba(tmp_path / "b", attributes="6\n" + "".join(lines[1:8])))
    with pytest.raises(TintmillError, match=r"first line says '8', 6 pictures follow"):
        made("celeba", write_celeba(tmp_path / "c", attributes="".join(lines[:8])))
    assert made("celeba", tmp_path / "c", celeba_attributes=False).attribute_names == ()


@pytest.mark.parametrize("line", ["000001.jpg 3\n", "000001.jpg\n", "000001.jpg 0 1\n"])
def test_a_wrong_partition_line_is_named(tmp_path, line):
    with pytest.raises(TintmillError, match=r"list_eval_partition.txt, line 9"):
        made("celeba", write_celeba(tmp_path, partition=PARTITION + line))


def test_what_is_no_picture_of_celeba_is_refused(tmp_path):
    write_celeba(tmp_path)
    write_zip(tmp_path / "img_align_celeba.zip", PICTURES | {"../000001.jpg": b"", "img_align_celeba/a.txt": b""})
    refused = {key: r.refused for key, r in listed("celeba", tmp_path).items() if r.refused}
    assert refused == {"../000001.jpg": "unsafe_member", "img_align_celeba/a.txt": "outside_layout"}


def test_a_dataset_keeps_the_attributes(tmp_path):
    folder = commands.prepare(
        write_celeba(tmp_path / "in"), tmp_path / "out", "--source=celeba", "--splits=", "--celeba_label=Bald"
    )
    manifest = commands.manifest(folder)
    assert manifest["attribute_names"] == ["Bald", "Smiling", "Young"]
    assert manifest["split_rule"] == "val, test: the source's own; the rest by blake2b of the id, in shares train:1"
    assert commands.tintmill("verify", folder).returncode == 0
    code = (
        "import sys, json, tensorflow_datasets as tfds\n"
        "b = tfds.builder_from_directory(sys.argv[1])\n"
        "rows = [(e['id'].decode(), e['attributes'].tolist(), int(e['label']))\n"
        "        for e in tfds.as_numpy(b.as_dataset(split='train+val+test'))]\n"
        "print(json.dumps(sorted(rows)))"
    )
    rows = json.loads(commands.run_python(code, folder).splitlines()[-1])
    assert rows == [[f"img_align_celeba/{n}", [-1 if i % 2 else 1, -1, 1], 1 - i % 2] for i, n in enumerate(NAMES)]


@pytest.mark.real_data
def test_real_celeba(real_data, tmp_path):
    root = real_data / "celeba_archive_layout"
    with pytest.raises(TintmillError, match="50 of 200 pictures have no line in it"):
        made("celeba", root)
    folder = commands.prepare(
        root, tmp_path, "--source=celeba", "--splits=", "--celeba_attributes=false", "--shard_examples=100"
    )
    manifest = commands.manifest(folder)
    assert manifest["splits"] == {"train": 150, "test": 50}
    assert manifest["pictures"] == {"read": 200, "kept": 200, "rejected": {}}
