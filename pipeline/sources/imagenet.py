"""`--source=imagenet`: ILSVRC2012, from its tars or from unpacked synset folders.

`--input` is the folder with ILSVRC2012_img_train.tar (a tar of one tar a synset; read by offset, never unpacked) or
train/SYNSET/*.JPEG, and ILSVRC2012_img_val.tar or val/*.JPEG or val/SYNSET/*.JPEG; each part may be missing, and a tar
may be given by itself. The validation part is the val split; train is divided by --splits (default: all to train).

Labels of val: `--labels=FILE`, lines `ILSVRC2012_val_00000001.JPEG n01751748`, or one synset a line in the order of the
pictures. The devkit's ILSVRC2012_validation_ground_truth.txt, one number a line, is taken too; its numbers are rows of
the devkit's meta.mat, so `--label_names` must then be that table's synsets in its order, one a line (the .mat itself is
not read: that would take scipy). A sorted list of synsets is refused together with these numbers, because it would give
every validation picture a wrong label. Without a list val has no labels. `--label_names=FILE`, lines `n01440764 tench,
Tinca tinca`, makes class names readable. `--synsets=FILE` takes these synsets only and numbers the classes in its
order, else they are sorted by synset.
"""

import dataclasses
import re
from collections.abc import Iterator

from tintmill.pipeline.common import files
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.common.options import option
from tintmill.pipeline.dataset.settings import Settings, SourceOptions
from tintmill.pipeline.listing import archive, synsets, tree
from tintmill.pipeline.listing.reference import Description, Reference
from tintmill.pipeline.sources.source import Source

_WANTED = "ILSVRC2012_img_train.tar or a folder train, ILSVRC2012_img_val.tar or a folder val"
_TARS = {"train": "ILSVRC2012_img_train.tar", "val": "ILSVRC2012_img_val.tar"}
_SYNSET_TAR = re.compile(r"(?:\./)?(n\d{8})\.tar")
_PLACE = re.compile(r"(?:(n\d{8})/)?([^/]+)")
_MAT_REMEDY = (
    "wanted its synsets as text, in its order, one a line: the second field of each row of "
    "scipy.io.loadmat('meta.mat', squeeze_me=True)['synsets']"
)
_VAL_NUMBER = re.compile(r"(\d{8})\.JPEG$")


@dataclasses.dataclass(frozen=True)
class ImagenetOptions(SourceOptions):
    """Paths of lists, or empty; the module's docstring says what a list holds."""

    labels: str = option(
        "",
        "imagenet: list of the validation pictures' synsets.",
        "Of some sources",
        parse=files.absolute_or_empty,
        is_path=True,
    )
    label_names: str = option(
        "",
        "imagenet: list of synsets and their readable names.",
        "Of some sources",
        parse=files.absolute_or_empty,
        is_path=True,
    )
    synsets: str = option(
        "",
        "imagenet: list of the synsets to take; its order numbers them.",
        "Of some sources",
        parse=files.absolute_or_empty,
        is_path=True,
    )

    def to_json(self) -> dict:
        return {name: "given" if path else "" for name, path in dataclasses.asdict(self).items()}


@dataclasses.dataclass(frozen=True)
class _Labels:
    """`classes`: class name by synset, in the order that numbers them. `val`: what --labels says: synset by picture
    name, or in the pictures' order; None without a list.
    """

    classes: dict[str, str]
    val: dict[str, str] | list[str] | None


def describe(root: str, settings: Settings) -> Description:
    parts, options = _parts(root), settings.options
    labels = _read_labels(root, settings)
    notes = []
    if "val" in parts and labels.val is None and not _has_synset_folders(parts["val"]):
        notes.append("val pictures have no labels here; --labels=FILE brings them")
        if options.synsets:
            notes[0] += ", and without labels --synsets leaves all of val out"
    return Description((("train", 1.0),), tuple(labels.classes.values()), notes=tuple(notes))


def references(root: str, settings: Settings) -> Iterator[Reference]:
    parts, labels = _parts(root), _read_labels(root, settings)
    wanted = set(labels.classes) if settings.options.synsets else None
    if "train" in parts:
        yield from _train(parts["train"], labels, wanted)
    if "val" in parts:
        yield from _val(parts["val"], labels, wanted, settings.options.labels)


def _parts(root: str) -> dict[str, str]:
    """Tar or folder of `train` and `val`, as far as they are there."""
    if tree.is_archive(root):
        tree.check_input(root, _WANTED)
        return {"val" if "val" in root.rpartition("/")[2] else "train": root}
    found = {}
    for split, tar in _TARS.items():
        for name in (tar, split):
            if split not in found and files.exists(files.join(root, name)):
                found[split] = files.join(root, name)
    if not found:
        raise TintmillError(f"--input={root}: found neither part of ILSVRC2012 in it, wanted {_WANTED}")
    return found


def _train(path: str, labels: _Labels, wanted: set[str] | None) -> Iterator[Reference]:
    if tree.is_archive(path):
        yield from _tar_of_tars(path, labels, wanted)
        return
    for entry in tree.list_entries(path):
        wnid, name = _place(entry)
        if wnid is None:
            yield dataclasses.replace(entry, id=f"train/{entry.id}", refused=entry.refused or "outside_layout")
        elif wanted is None or wnid in wanted:
            yield dataclasses.replace(entry, id=f"train/{wnid}/{name}", label=labels.classes[wnid])


def _tar_of_tars(path: str, labels: _Labels, wanted: set[str] | None) -> Iterator[Reference]:
    """Pictures of the inner tars, at their offsets in the outer one."""
    version = files.stat(path).version
    for outer in archive.list_members(path):
        synset = _SYNSET_TAR.fullmatch(outer.id)
        if outer.refused or synset is None:
            yield dataclasses.replace(outer, refused=outer.refused or "outside_layout")
        elif wanted is None or synset[1] in wanted:
            with files.open_read(path, version) as f:
                inner = archive.list_tar_members(
                    f, f"{path}:{outer.id}", version, start=outer.offset, length=outer.size
                )
                for entry in archive.refuse_duplicates(inner):
                    label = None if entry.refused else labels.classes[synset[1]]
                    yield dataclasses.replace(entry, id=f"train/{synset[1]}/{entry.id}", path=path, label=label)


def _val(path: str, labels: _Labels, wanted: set[str] | None, list_file: str) -> Iterator[Reference]:
    for entry in tree.list_entries(path):
        wnid, name = _place(entry)
        if entry.refused or name is None:
            yield dataclasses.replace(entry, id=f"val/{entry.id}", refused=entry.refused or "outside_layout")
            continue
        if wnid is None and labels.val is not None:
            wnid = _val_synset(name, labels.val, list_file)
        if wanted is None or wnid in wanted:
            yield dataclasses.replace(entry, id=f"val/{entry.id}", label=labels.classes.get(wnid), split="val")


def _place(entry: Reference) -> tuple[str | None, str | None]:
    """(synset, file name) by the entry's folders; None for what they do not tell."""
    place = _PLACE.fullmatch(entry.id.removeprefix("./"))
    return place.groups() if place and not entry.refused else (None, None)


def _val_synset(name: str, listed: dict[str, str] | list[str], list_file: str) -> str:
    if isinstance(listed, dict):
        synset = listed.get(name)
    else:
        number = _VAL_NUMBER.search(name)
        position = int(number[1]) - 1 if number else -1
        synset = listed[position] if 0 <= position < len(listed) else None
    if synset is None:
        raise TintmillError(f"--labels={list_file}: {len(listed)} lines, none for {name}; wanted one for each picture")
    return synset


def _read_labels(root: str, settings: Settings) -> _Labels:
    options, parts = settings.options, _parts(root)
    for flag in ("labels", "label_names", "synsets"):
        if getattr(options, flag).endswith(".mat"):
            raise TintmillError(f"--{flag}={getattr(options, flag)}: MATLAB's format is not read; {_MAT_REMEDY}")
    names_text = tree.read_text(options.label_names) if options.label_names else ""
    val = _read_val_labels(options.labels, names_text, options.label_names) if options.labels else None
    if options.synsets:
        wnids = synsets.parse_synsets(tree.read_text(options.synsets), options.synsets)
    else:
        found = set().union(*(_synset_folders(path) for path in parts.values()))
        wnids = sorted(found | set(val.values() if isinstance(val, dict) else val or ()))
    names = synsets.parse_names(names_text)
    missing = [wnid for wnid in wnids if names_text and wnid not in names]
    if missing:
        raise TintmillError(
            f"--label_names={options.label_names}: {len(missing)} of {len(wnids)} synsets have no name in it, "
            f"the first {missing[0]}; wanted lines like 'n01440764 tench'"
        )
    return _Labels(synsets.class_names(wnids, names), val)


def _read_val_labels(path: str, names_text: str, names_path: str) -> dict[str, str] | list[str]:
    rows = [line.split() for line in tree.read_text(path).splitlines() if line.strip()]
    if not rows or len({len(row) for row in rows}) != 1 or len(rows[0]) > 2:
        raise TintmillError(f"--labels={path}: wanted one synset a line, or a file name and a synset")
    values = [row[-1] for row in rows]
    if all(value.isdecimal() for value in values):
        table = synsets.parse_synsets(names_text, names_path)
        low, high = min(map(int, values)), max(map(int, values))
        if low < 1 or high > len(table):
            raise TintmillError(
                f"--labels={path}: found numbers {low} to {high}, and {len(table)} synsets in --label_names; wanted "
                "synsets, or the devkit's numbers from 1 with --label_names in the devkit's order"
            )
        if len(table) > 1 and table == sorted(table):  # a common list; it would give every picture a wrong label
            raise TintmillError(
                f"--label_names={names_path}: its synsets are sorted, and the numbers of --labels={path} count in the "
                f"order of the devkit's meta.mat; {_MAT_REMEDY}"
            )
        values = [table[int(value) - 1] for value in values]
    wrong = next((value for value in values if not synsets.WNID.fullmatch(value)), None)
    if wrong:
        raise TintmillError(f"--labels={path}: found {wrong!r}, wanted a synset like n01440764")
    return dict(zip((row[0] for row in rows), values, strict=True)) if len(rows[0]) == 2 else values


def _synset_folders(path: str) -> set[str]:
    """Synsets that are folders in `path`, or tars in a tar."""
    if tree.is_archive(path):
        names = (entry.id for entry in archive.list_members(path) if not entry.refused)
        found = (_SYNSET_TAR.fullmatch(name) or re.match(r"(?:\./)?(n\d{8})/", name) for name in names)
        return {match[1] for match in found if match}
    return {name for name in files.list_names(path) if synsets.WNID.fullmatch(name)}


def _has_synset_folders(path: str) -> bool:
    return bool(_synset_folders(path))


SOURCE = Source(
    describe,
    references,
    options=ImagenetOptions,
    terms="ImageNet's pictures are given for non-commercial research and education only; their authors keep their "
    "rights.",
    example={
        "train/n01440764/n01440764_18.JPEG": None,
        "train/n01443537/n01443537_2.JPEG": None,
        "val/n01440764/ILSVRC2012_val_00000293.JPEG": None,
    },
)
