"""`--source=tiny_imagenet`: Tiny ImageNet (200 classes, 64x64) as it is downloaded.

`--input` is `tiny-imagenet-200.zip`, the folder of it, or the one around that: train/SYNSET/images, val/images with
val_annotations.txt, test/images (without labels), wnids.txt (numbers the classes), words.txt (names them). val and test
are official; train is divided by --splits (default: all to train).
"""

import dataclasses
import re
from collections.abc import Iterator

from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.dataset.settings import Settings
from tintmill.pipeline.listing import layout, synsets, tree
from tintmill.pipeline.listing.reference import Description, Reference
from tintmill.pipeline.sources.source import Source

_WANTED = "the folder tiny-imagenet-200 with train, val and wnids.txt in it, or its zip"
_PLACE = re.compile(r"train/(?P<wnid>n\d{8})/images/[^/]+|(?P<split>val|test)/images/(?P<name>[^/]+)")
_LISTS = re.compile(r"wnids\.txt|words\.txt|val/val_annotations\.txt|train/n\d{8}/n\d{8}_boxes\.txt")


@dataclasses.dataclass(frozen=True)
class _Lists:
    """`prefix`: where the layout begins. `classes`: class name by synset. `val`: synset by picture name."""

    prefix: str
    classes: dict[str, str]
    val: dict[str, str]


def describe(root: str, settings: Settings) -> Description:
    lists = _read_lists(root)
    return Description((("train", 1.0),), tuple(lists.classes.values()))


def references(root: str, settings: Settings) -> Iterator[Reference]:
    lists = _read_lists(root)
    for entry in tree.list_below(root, lists.prefix):
        place = _PLACE.fullmatch(entry.id)
        if entry.refused:
            yield entry
        elif place:
            yield _placed(root, entry, lists, **place.groupdict())
        elif not _LISTS.fullmatch(entry.id):
            yield dataclasses.replace(entry, refused="outside_layout")


def _placed(root: str, entry: Reference, lists: _Lists, wnid: str | None, split: str | None, name: str | None):
    if split == "val":
        wnid = lists.val.get(name)
        if wnid is None:
            raise TintmillError(f"--input={root}: val/val_annotations.txt has no line for {name}; unpack it again")
    if wnid and wnid not in lists.classes:
        raise TintmillError(f"--input={root}: {entry.id} has class {wnid}, which wnids.txt lacks; unpack it again")
    return dataclasses.replace(entry, label=lists.classes.get(wnid), split=split)


def _read_lists(root: str) -> _Lists:
    prefix = layout.find_prefix(root, "train", _WANTED)
    names = tuple(prefix + name for name in ("wnids.txt", "words.txt", "val/val_annotations.txt"))
    texts = tree.read_texts(root, names)
    if names[0] not in texts:
        raise TintmillError(f"--input={root}: {names[0]} is missing, wanted {_WANTED}")
    wnids = synsets.parse_synsets(texts[names[0]], names[0])
    annotations = [line.split("\t") for line in texts.get(names[2], "").splitlines()]
    val = {words[0]: words[1].strip() for words in annotations if len(words) > 1}
    return _Lists(prefix, synsets.class_names(wnids, synsets.parse_names(texts.get(names[1], ""))), val)


SOURCE = Source(
    describe,
    references,
    terms="Tiny ImageNet is cut from ImageNet, whose pictures are given for non-commercial research and education "
    "only; their authors keep their rights.",
    example={
        "train/n01443537/images/n01443537_0.JPEG": None,
        "train/n01629819/images/n01629819_0.JPEG": None,
        "val/images/val_0.JPEG": None,
        "val/val_annotations.txt": "val_0.JPEG\tn01443537\t0\t32\t44\t62\n",
        "test/images/test_0.JPEG": None,
        "wnids.txt": "n01443537\nn01629819\n",
        "words.txt": "n01443537\tgoldfish, Carassius auratus\nn01629819\tEuropean fire salamander\n",
    },
)
