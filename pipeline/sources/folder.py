"""`--source=folder`: pictures in a folder, in archives, matched by a glob pattern, or named by a list.

`--input` is a folder, a zip or tar file (plain, or packed by gzip, bzip2 or xz), a pattern like 'photos/**/*.jpg' or
'shards/*.tar', or a list of paths (see `lists`); each of them local or gs://. The topmost folder names the class. In an
archive that has everything below a folder of the archive's own name (flower_photos.tgz: flower_photos/daisy/1.jpg), the
next one does. Where a folder has train/ and one of val/, validation/ and test/, these are splits, and the folders in
them name the classes: val and test are official then, and train is divided by --splits.

An archive among the pictures of a plain folder is a file that is no picture. A pattern (`'photos/*.zip'`) opens
archives.
"""

import dataclasses
import os
from collections.abc import Iterator

from tintmill.pipeline.common import files
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.dataset.settings import Settings
from tintmill.pipeline.listing import archive, lists, tree
from tintmill.pipeline.listing.reference import Description, Reference, one_line, stable_text
from tintmill.pipeline.sources.source import Source


def describe(root: str, settings: Settings) -> Description:
    shape = _shape(root)
    if shape == "list":
        return lists.describe(root)
    return Description(splits=(("train", 1.0),)) if shape == "folder" and _has_splits(root) else Description()


def references(root: str, settings: Settings) -> Iterator[Reference]:
    """Every file is listed, whatever its name: what is no picture becomes a line in the rejects, not a silence."""
    shape = _shape(root)
    if shape == "list":
        yield from lists.read_references(root)
    elif shape == "pattern":
        yield from _matched(root)
    elif shape == "folder" and _has_splits(root):
        yield from map(_split, tree.list_entries(root))
    else:
        yield from map(_labelled, tree.list_entries(root))


def _has_splits(root: str) -> bool:
    """Whether the topmost folders are splits and no classes."""
    held_out = [name for name, split in lists.SPLITS.items() if split]
    return files.exists(files.join(root, "train")) and any(files.exists(files.join(root, name)) for name in held_out)


def _shape(root: str) -> str:
    """What `root` is: folder, archive, pattern or list. Raises TintmillError where it is none of them."""
    if files.is_pattern(root):
        return "pattern"
    if files.is_remote(root):
        return "archive" if archive.has_suffix(root) else "list" if lists.has_suffix(root) else "folder"
    if os.path.isdir(root):
        return "folder"
    if not os.path.isfile(root):
        wanted = "a folder of pictures, an archive, a pattern or a list"
        raise TintmillError(
            f"--input={root}: found {'no file' if os.path.exists(root) else 'nothing'}, wanted {wanted}"
        )
    return "archive" if archive.find_kind(root) else "list"


def _matched(pattern: str) -> Iterator[Reference]:
    """Matched pictures; members of matched archives, their ids prefixed by the archive's name."""
    for entry in files.match(pattern):
        name = stable_text(entry.name)
        if not archive.has_suffix(entry.path):
            yield _labelled(Reference(name, entry.path, entry.size, entry.version))
            continue
        for member in map(_labelled, archive.list_members(entry.path)):
            yield dataclasses.replace(member, id=f"{name}/{member.id}")


def _labelled(reference: Reference) -> Reference:
    if reference.refused:
        return reference
    top, *rest = reference.id.removeprefix("./").split("/")
    if reference.kind != "file" and len(rest) > 0 and top == archive.stem(reference.path):
        top, *rest = rest
    return dataclasses.replace(reference, label=one_line(top, "blank")) if rest else reference


def _split(reference: Reference) -> Reference:
    """Of a folder whose topmost folders are splits; what lies beside these has none, and its folder names the class."""
    top, *rest = reference.id.split("/")
    if reference.refused or top not in lists.SPLITS or not rest:
        return _labelled(reference)
    label = one_line(rest[0], "blank") if len(rest) > 1 else None
    return dataclasses.replace(reference, label=label, split=lists.SPLITS[top])


SOURCE = Source(
    describe,
    references,
    example={"cat/1.jpg": None, "cat/2.jpg": None, "dog/1.jpg": None, "3.jpg": None},
)
