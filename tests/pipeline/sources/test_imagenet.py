"""ImageNet: a tar of tars read by offset, validation with and without labels, subsets by synset and by class."""

import pytest

from tests.support import helpers as commands
from tests.support.source_files import contents, listed, made, picture, tar_bytes, write_files, write_tar
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.imaging import photo
from tintmill.pipeline.shards import plan

WNIDS = ("n01000001", "n02000002", "n03000003")
TRAIN = {f"{wnid}/{wnid}_{i}.JPEG": picture(10 * k + i) for k, wnid in enumerate(WNIDS) for i in range(5)}
VAL = {f"ILSVRC2012_val_{i:08d}.JPEG": picture(100 + i) for i in range(1, 7)}
EXPECTED = {f"train/{name}": data for name, data in TRAIN.items()} | {f"val/{name}": data for name, data in VAL.items()}
SYNSET_OF = {name: WNIDS[i % 3] for i, name in enumerate(VAL)}


def inner_tars(train=None):
    members = {}
    for name, data in (train or TRAIN).items():
        members.setdefault(name.split("/")[0] + ".tar", {})[name.split("/")[1]] = data
    return {name: tar_bytes(inner) for name, inner in members.items()}


@pytest.fixture
def tars(tmp_path):
    folder = tmp_path / "tars"
    folder.mkdir()
    write_tar(folder / "ILSVRC2012_img_train.tar", inner_tars())
    write_tar(folder / "ILSVRC2012_img_val.tar", VAL)
    return folder


def write_text(path, text):
    path.write_text(text)
    return str(path)


def val_labels(references):
    return {r.id.removeprefix("val/"): r.label for r in references.values() if r.split == "val"}


def test_tars_and_folders_are_the_same_dataset(tars, tmp_path):
    folders = write_files(tmp_path / "unpacked", EXPECTED)
    of_tars, of_folders = listed("imagenet", tars), listed("imagenet", folders)
    assert contents(of_tars.values()) == contents(of_folders.values()) == EXPECTED
    assert {k: (r.label, r.split) for k, r in of_tars.items()} == {k: (r.label, r.split) for k, r in of_folders.items()}
    assert {r.label for r in of_tars.values()} == {*WNIDS, None}
    assert made("imagenet", tars).counts == (("train", 15), ("val", 6))


@pytest.mark.parametrize(("name", "split"), [("ILSVRC2012_img_train.tar", "train"), ("ILSVRC2012_img_val.tar", "val")])
def test_a_tar_by_itself(tars, name, split):
    assert set(listed("imagenet", tars / name)) == {key for key in EXPECTED if key.startswith(split)}


def test_val_without_labels_is_said(tars):
    the_plan = made("imagenet", tars)
    assert the_plan.notes == ("val pictures have no labels here; --labels=FILE brings them",)
    assert set(val_labels(listed("imagenet", tars)).values()) == {None}


def test_val_in_synset_folders_has_labels(tmp_path):
    write_files(tmp_path, {f"val/{SYNSET_OF[name]}/{name}": data for name, data in VAL.items()})
    found = listed("imagenet", tmp_path)
    assert {r.id.rpartition("/")[2]: r.label for r in found.values()} == SYNSET_OF
    assert contents(found.values()).keys() == {f"val/{SYNSET_OF[name]}/{name}" for name in VAL}


def test_labels_by_name_by_order_and_by_the_devkits_numbers(tars, tmp_path):
    by_name = "".join(f"{name} {synset}\n" for name, synset in reversed(SYNSET_OF.items()))
    by_order = "".join(f"{synset}\n" for synset in SYNSET_OF.values())
    devkit = write_text(tmp_path / "meta.txt", "n03000003 c\nn01000001 a\nn02000002 b\n")
    numbers = "".join(f"{ {'n03000003': 1, 'n01000001': 2, 'n02000002': 3}[s] }\n" for s in SYNSET_OF.values())
    for text in (by_name, by_order):
        assert val_labels(listed("imagenet", tars, labels=write_text(tmp_path / "l", text))) == SYNSET_OF
    named = listed("imagenet", tars, labels=write_text(tmp_path / "l", numbers), label_names=devkit)
    assert val_labels(named) == {name: "abc"[WNIDS.index(synset)] for name, synset in SYNSET_OF.items()}


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("n01000001\n", r"--labels=.*: 1 lines, none for ILSVRC2012_val_00000002.JPEG"),
        ("ILSVRC2012_val_00000001.JPEG cat\n", "found 'cat', wanted a synset"),
        ("0\n1\n2\n", "found numbers 0 to 2, and 3 synsets in --label_names"),
        ("1\n2\n4\n", "found numbers 1 to 4"),
        ("a b c\n", "wanted one synset a line"),
        ("", "wanted one synset a line"),
    ],
)
def test_wrong_labels_are_named(tars, tmp_path, text, named):
    names = write_text(tmp_path / "names", "".join(f"{wnid} x\n" for wnid in WNIDS))
    with pytest.raises(TintmillError, match=named):
        made("imagenet", tars, labels=write_text(tmp_path / "l", text), label_names=names)


def test_sorted_synsets_are_not_taken_for_the_devkits_order(tars, tmp_path):
    names = write_text(tmp_path / "names", "".join(f"{wnid} x\n" for wnid in WNIDS))
    with pytest.raises(TintmillError, match=r"its synsets are sorted, .* order of the devkit's meta.mat"):
        made("imagenet", tars, labels=write_text(tmp_path / "l", "1\n2\n3\n"), label_names=names)


@pytest.mark.parametrize("flag", ["labels", "label_names", "synsets"])
def test_the_devkits_matlab_file_is_refused_with_the_way_out(tars, tmp_path, flag):
    (tmp_path / "meta.mat").write_bytes(b"MATLAB 5.0 MAT-file\0\xff")
    with pytest.raises(TintmillError, match=rf"--{flag}=.*meta.mat: MATLAB's format is not read; wanted .* as text"):
        made("imagenet", tars, **{flag: str(tmp_path / "meta.mat")})


def test_class_names_are_readable_different_and_in_the_order_of_the_synsets(tars, tmp_path):
    names = write_text(tmp_path / "names", "n03000003\tcrane\nn02000002\tape, monkey\nn01000001\tcrane\n")
    classes = ("crane (n01000001)", "ape", "crane (n03000003)")
    assert made("imagenet", tars, label_names=names).class_names == classes
    assert made("imagenet", tars, label_names=names, limit=1).class_names == classes
    with pytest.raises(TintmillError, match="2 of 3 synsets have no name in it, the first n01000001"):
        made("imagenet", tars, label_names=write_text(tmp_path / "short", "n02000002 ape\n"))


def test_a_list_of_synsets_chooses_and_numbers_classes(tars, tmp_path):
    chosen = write_text(tmp_path / "synsets", "n03000003 crane\nn01000001\n")
    the_plan = made("imagenet", tars, synsets=chosen)
    assert the_plan.class_names == ("n03000003", "n01000001")
    assert dict(the_plan.counts) == {"train": 10}
    assert "leaves all of val out" in the_plan.notes[0]
    labels = write_text(tmp_path / "l", "".join(f"{synset}\n" for synset in SYNSET_OF.values()))
    assert dict(made("imagenet", tars, synsets=chosen, labels=labels).counts) == {"train": 10, "val": 4}


@pytest.mark.parametrize(("line", "named"), [("cat\n", "line 1: found 'cat'"), ("n01000001\n" * 2, "is there twice")])
def test_a_wrong_list_of_synsets_is_named(tars, tmp_path, line, named):
    with pytest.raises(TintmillError, match=named):
        made("imagenet", tars, synsets=write_text(tmp_path / "s", line))


def test_the_first_pictures_of_each_class_nest(tars):
    chosen = {}
    for number in (1, 3):
        the_plan = made("imagenet", tars / "ILSVRC2012_img_train.tar", limit_per_class=number)
        assert dict(the_plan.counts) == {"train": 3 * number}
        chosen[number] = {r.id for r in plan.list_references(the_plan)}
    assert chosen[1] < chosen[3]


def test_hostile_and_foreign_members_are_refused(tmp_path):
    train = TRAIN | {"n01000001/../../up.JPEG": b""}
    inner = inner_tars(train) | {"notes.txt": b"", "../n01000001.tar": b"", "n09999999.tar": tar_bytes({"/a": b""})}
    write_tar(tmp_path / "ILSVRC2012_img_train.tar", inner)
    refused = {key: r.refused for key, r in listed("imagenet", tmp_path).items() if r.refused}
    assert refused == {
        "train/n01000001/..": "unsafe_member",
        "notes.txt": "outside_layout",
        "../n01000001.tar": "unsafe_member",
        "train/n09999999//a": "unsafe_member",
    }


def test_a_cut_inner_tar_is_named(tmp_path):
    inner = inner_tars()
    inner["n02000002.tar"] = inner["n02000002.tar"][:2000]
    write_tar(tmp_path / "ILSVRC2012_img_train.tar", inner)
    with pytest.raises(TintmillError, match=r"ILSVRC2012_img_train.tar:n02000002.tar: .*cut off"):
        made("imagenet", tmp_path)


def test_nothing_of_imagenet_is_an_error(tmp_path):
    with pytest.raises(TintmillError, match="found neither part of ILSVRC2012 in it"):
        made("imagenet", tmp_path)


@pytest.mark.real_data
def test_real_imagenet(real_data, tmp_path):
    """Among them a PNG named .JPEG."""
    root = real_data / "ilsvrc_archive_layout"
    flags = ("--source=imagenet", "--splits=", f"--label_names={root}/synset_labels.tsv", "--shard_examples=64")
    folder = commands.prepare(root, tmp_path, *flags)
    manifest = commands.manifest(folder)
    assert set(manifest["pictures"]["rejected"]) <= set(photo.FILTERS)
    assert manifest["pictures"]["read"] == 120
    assert manifest["class_names"][:2] == ["loggerhead", "green lizard"]
    assert "val: the source's own" in manifest["split_rule"]
    assert commands.tintmill("verify", folder).returncode == 0
