"""`--source=linnaeus5`: Linnaeus 5, {train,test}/{berry,bird,dog,flower,other}/1_256.jpg, at 256, 128, 64 or 32 pixels.

`--input` is the folder `Linnaeus 5 256X256`, the one around it, or a zip or tar of either. The test folder is the test
split; of the train folder a tenth, by hash, becomes val (or what --splits says). Ids are relative to the inner folder.
"""

import dataclasses
import re
from collections.abc import Iterator

from tintmill.pipeline.dataset.settings import Settings
from tintmill.pipeline.listing import layout, tree
from tintmill.pipeline.listing.reference import Description, Reference, one_line
from tintmill.pipeline.sources.source import Source

_WANTED = "the folder 'Linnaeus 5 256X256' (or 128, 64, 32) with train and test in it, or an archive of it"
_PLACE = re.compile(r"(train|test)/([^/]+)/[^/]+")


def describe(root: str, settings: Settings) -> Description:
    layout.find_prefix(root, "train", _WANTED)
    return Description(splits=(("train", 0.9), ("val", 0.1)))


def references(root: str, settings: Settings) -> Iterator[Reference]:
    for entry in tree.list_below(root, layout.find_prefix(root, "train", _WANTED)):
        place = _PLACE.fullmatch(entry.id)
        if entry.refused:
            yield entry
        elif place is None:
            yield dataclasses.replace(entry, refused="outside_layout")
        else:
            split, label = place.groups()
            yield dataclasses.replace(entry, label=one_line(label, "blank"), split="test" if split == "test" else None)


SOURCE = Source(
    describe,
    references,
    example={"train/berry/1_256.jpg": None, "train/bird/1_256.jpg": None, "test/berry/2_256.jpg": None},
)
