"""`--source=celeba`: CelebA's aligned faces, with their official partition and their 40 attributes.

`--input` is the folder with `img_align_celeba.zip` (or the folder of that name, unpacked), or the zip or that folder
itself; the lists `list_eval_partition.txt` and `list_attr_celeba.txt` lie beside it. CelebA's own folders Img, Eval and
Anno are looked into too. The partition's val and test are official; its train is divided by --splits (default: all to
train). Every picture needs a line in each list; without an attributes file, or with --celeba_attributes=false, the
records have no attributes. Ids are `img_align_celeba/000001.jpg`, from zip and folder alike.
"""

import dataclasses
import os
import re
from collections.abc import Iterator

from tintmill.pipeline.common import files
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.common.options import option
from tintmill.pipeline.dataset.settings import Settings, SourceOptions
from tintmill.pipeline.listing import tree
from tintmill.pipeline.listing.reference import Description, Reference
from tintmill.pipeline.sources.source import Source

_PICTURES = "img_align_celeba"
_PARTITION = "list_eval_partition.txt"
_ATTRIBUTES = "list_attr_celeba.txt"
_PLACE = re.compile(rf"(?:{_PICTURES}/)*[^/]+\.jpg")
_SPLITS = {"0": None, "1": "val", "2": "test"}
_WHERE = "it comes with CelebA (folders Eval and Anno of its download); put it beside the pictures"


@dataclasses.dataclass(frozen=True)
class CelebaOptions(SourceOptions):
    celeba_label: str = option("", "celeba: the attribute that becomes the label, as Smiling.", "Of some sources")
    celeba_attributes: bool = option(True, "celeba: store the attributes.", "Of some sources")


@dataclasses.dataclass(frozen=True)
class _Lists:
    """What the two lists say, by picture name: official split (None: train), and attributes, one int8 each."""

    partition: dict[str, str | None]
    attribute_names: tuple[str, ...]
    attributes: dict[str, bytes]


def describe(root: str, settings: Settings) -> Description:
    """Reads both lists and holds them against the pictures."""
    pictures, lists = _pictures(root), _read_lists(root, settings)
    names = [_name(entry) for entry in tree.list_entries(pictures) if _is_picture(entry)]
    if not names:
        raise TintmillError(f"{pictures}: found no .jpg in it, wanted CelebA's pictures, 000001.jpg and so on")
    _check_lines(_find_list(root, _PARTITION), names, lists.partition, _WHERE)
    notes = ()
    if lists.attribute_names:
        remedy = f"{_WHERE}, or give --celeba_attributes=false"
        _check_lines(_find_list(root, _ATTRIBUTES), names, lists.attributes, remedy)
    elif settings.options.celeba_attributes:
        notes = (f"no {_ATTRIBUTES} beside {pictures}: the records have no attributes",)
    label = settings.options.celeba_label
    classes = (f"not_{label}", label) if label else None
    return Description((("train", 1.0),), classes, lists.attribute_names, notes)


def references(root: str, settings: Settings) -> Iterator[Reference]:
    lists, label = _read_lists(root, settings), settings.options.celeba_label
    place = lists.attribute_names.index(label) if label else -1
    for entry in tree.list_entries(_pictures(root)):
        if not _is_picture(entry):
            yield dataclasses.replace(entry, refused=entry.refused or "outside_layout")
            continue
        name = _name(entry)
        attributes = lists.attributes.get(name, b"")
        shown = (label if attributes[place] == 1 else f"not_{label}") if label else None
        yield dataclasses.replace(
            entry, id=f"{_PICTURES}/{name}", label=shown, split=lists.partition[name], attributes=attributes
        )


def _is_picture(entry: Reference) -> bool:
    """Whether it needs lines in the lists."""
    return not entry.refused and _PLACE.fullmatch(entry.id) is not None


def _name(entry: Reference) -> str:
    return entry.id.rpartition("/")[2]


def _pictures(root: str) -> str:
    """The zip or the folder of the pictures."""
    if root.endswith((".zip", _PICTURES)):
        tree.check_input(root, "CelebA's pictures")
        return root
    tree.check_input(root, "CelebA's folder")
    for folder in (root, files.join(root, "Img")):
        for name in (f"{_PICTURES}.zip", _PICTURES):
            if files.exists(files.join(folder, name)):
                return files.join(folder, name)
    raise TintmillError(f"--input={root}: found neither {_PICTURES}.zip nor a folder {_PICTURES} in it or in its Img")


def _find_list(root: str, name: str) -> str | None:
    """The list's path: in the input, or beside it, or in the folders that CelebA's download has."""
    beside = root.rpartition("/")[0] if root.endswith((".zip", _PICTURES)) else root
    if os.path.basename(beside) == "Img":
        beside = os.path.dirname(beside)
    paths = [files.join(beside, *folder, name) for folder in ((), ("Eval",), ("Anno",))]
    return next((path for path in paths if files.exists(path)), None)


def _read_lists(root: str, settings: Settings) -> _Lists:
    partition = _find_list(root, _PARTITION)
    if partition is None:
        raise TintmillError(f"--input={root}: {_PARTITION} is missing, it says which picture is test; {_WHERE}")
    path = _find_list(root, _ATTRIBUTES) if settings.options.celeba_attributes else None
    names, attributes = _read_attributes(path) if path else ((), {})
    label = settings.options.celeba_label
    if label and label not in names:
        found = f"attributes {', '.join(names)}" if names else f"no {_ATTRIBUTES}, or --celeba_attributes=false"
        raise TintmillError(f"--celeba_label={label}: found {found}; wanted one of the list's attributes")
    return _Lists(_read_partition(partition), names, attributes)


def _read_partition(path: str) -> dict[str, str | None]:
    """Lines `000001.jpg 0`."""
    found = {}
    for number, line in enumerate(tree.read_text(path).splitlines(), 1):
        words = line.split()
        if not words:
            continue
        if len(words) != 2 or words[1] not in _SPLITS:
            raise TintmillError(f"{path}, line {number}: found {line!r}, wanted a file name and 0, 1 or 2; {_WHERE}")
        found[words[0]] = _SPLITS[words[1]]
    return found


def _read_attributes(path: str) -> tuple[tuple[str, ...], dict[str, bytes]]:
    """A line with the number of pictures, one with the names, then lines `000001.jpg -1 1 ...`."""
    lines = tree.read_text(path).splitlines()
    names = tuple(lines[1].split()) if len(lines) > 1 else ()
    found, bits = {}, {"1": 1, "-1": 255}
    for number, line in enumerate(lines[2:], 3):
        name, *values = line.split() or [""]
        if not name:
            continue
        if len(values) != len(names) or not set(values) <= set(bits):
            raise TintmillError(
                f"{path}, line {number}: found {len(values)} values, wanted {len(names)} of 1 or -1; {_WHERE}"
            )
        found[name] = bytes(bits[value] for value in values)
    if not names or not lines[0].strip().isdigit() or int(lines[0]) != len(found):
        told = lines[0].strip() if lines else "nothing"
        raise TintmillError(
            f"{path}: its first line says {told!r}, {len(found)} pictures follow; the download was cut short: "
            "get it again, or give --celeba_attributes=false"
        )
    return names, found


def _check_lines(path: str, names: list[str], lines: dict, remedy: str) -> None:
    missing = sorted(name for name in names if name not in lines)
    if missing:
        raise TintmillError(
            f"{path}: {len(missing)} of {len(names)} pictures have no line in it, the first {missing[0]}; {remedy}"
        )


SOURCE = Source(
    describe,
    references,
    options=CelebaOptions,
    terms="CelebA's pictures are given for non-commercial research only; the people in them are real.",
    example={
        **{f"img_align_celeba/{number:06d}.jpg": None for number in (1, 2, 3)},
        "list_eval_partition.txt": "000001.jpg 0\n000002.jpg 1\n000003.jpg 2\n",
        "list_attr_celeba.txt": "3\nBald Smiling\n000001.jpg -1 1\n000002.jpg 1 -1\n000003.jpg -1 -1\n",
    },
)
