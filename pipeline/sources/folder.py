"""`--source=folder`: every file below a folder; where there are subfolders, the topmost one names the class."""

from collections.abc import Iterator

from pipeline import files
from pipeline.errors import TintmillError
from pipeline.sources.reference import Reference, stable_text


def check(root: str) -> None:
    import os

    if not files.is_remote(root) and not os.path.isdir(root):
        found = "a file" if os.path.exists(root) else "nothing"
        raise TintmillError(f"--input={root}: found {found}, wanted a folder of pictures")


def references(root: str) -> Iterator[Reference]:
    """Every file is listed, whatever its name: what is no picture becomes a line in the rejects, not a silence."""
    for entry in files.list_files(root):
        name = stable_text(entry.name)
        label = (" ".join(name.split("/")[0].split()) or "blank") if "/" in name else None  # one line, never empty
        yield Reference(name, entry.path, entry.size, entry.modified, label)
