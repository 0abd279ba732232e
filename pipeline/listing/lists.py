"""A list of pictures: a text with one path a line, or a table (CSV, TSV) with columns path[,label[,split]].

A table may begin with a line of these names, in any order; further columns are left alone. Other words for them are
known too (`COLUMNS`). Lines of a text may have label and split behind tabs. Paths are relative to the list's folder,
absolute, or gs:// URLs, which cost a request each while listing. The list's val and test are official; train, and what
has no split, is divided by --splits. Files that are not there become lines in the rejects.
"""

import csv
import posixpath
from collections.abc import Iterator

from tintmill.pipeline.common import files
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.listing import tree
from tintmill.pipeline.listing.reference import Description, Reference, one_line, stable_text

_DELIMITERS = {".csv": ",", ".tsv": "\t", ".txt": "\t"}
COLUMNS = {  # name at the head of a table, in lower case: what it is
    "path": "path",
    "file": "path",
    "filename": "path",
    "image": "path",
    "label": "label",
    "class": "label",
    "category": "label",
    "split": "split",
    "set": "split",
    "subset": "split",
}
SPLITS = {"train": None, "val": "val", "validation": "val", "test": "test"}  # train: what --splits divides


def has_suffix(path: str) -> bool:
    return path.lower().endswith(tuple(_DELIMITERS))


def describe(path: str) -> Description:
    """All to train where the list has splits of its own. Raises TintmillError where the file is no list of paths."""
    if not has_suffix(path):
        raise TintmillError(
            f"--input={path}: found a file, wanted a folder of pictures, a zip or tar archive (by its "
            "content), a glob pattern, or a list of paths (.txt, .csv, .tsv)"
        )
    has_splits = any(split for _, (_, _, split) in _rows(path))
    return Description(splits=(("train", 1.0),)) if has_splits else Description()


def read_references(path: str) -> Iterator[Reference]:
    """One reference a line; a path that comes twice is refused the second time."""
    folder = path.rpartition("/")[0]
    seen: set[str] = set()
    for number, (name, label, split) in _rows(path):
        if split and split not in SPLITS:
            raise TintmillError(f"{path}, line {number}: found split {split!r}, wanted train, val or test")
        if name.startswith(("http://", "https://", "ftp://")):
            raise TintmillError(f"{path}, line {number}: found {name}, wanted a path or a gs:// URL; download it first")
        picture = stable_text(name if files.is_remote(name) else posixpath.normpath(name))
        absolute = name if files.is_remote(name) or name.startswith("/") else files.join(folder, name)
        size, version, refused = _stat(absolute)
        if picture in seen:
            refused = "duplicate_id"
        seen.add(picture)
        shown = one_line(label, "blank") if label else None
        yield Reference(picture, absolute, size, version, shown, SPLITS.get(split), refused=refused)


def _rows(path: str) -> Iterator[tuple[int, tuple[str, str, str]]]:
    """(line number, (path, label, split)) of each line that is not empty."""
    delimiter = next(sign for suffix, sign in _DELIMITERS.items() if path.lower().endswith(suffix))
    plain = path.lower().endswith(".txt")
    lines = tree.read_text(path).splitlines()
    rows = csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_NONE if plain else csv.QUOTE_MINIMAL)
    columns = {"path": 0, "label": 1, "split": 2}
    for row in _csv_rows(path, rows):
        cells = [cell.strip() for cell in row]
        if rows.line_num == 1 and (named := _name_columns(path, cells)):
            columns = named
        elif any(cells):
            values = tuple(_cell(cells, columns.get(name)) for name in ("path", "label", "split"))
            if not values[0]:
                raise TintmillError(f"{path}, line {rows.line_num}: found no path; wanted path[,label[,split]]")
            yield rows.line_num, values


def _name_columns(path: str, cells: list[str]) -> dict[str, int]:
    """Where path, label and split are, by a table's first line; nothing where that line is a picture's."""
    found: dict[str, int] = {}
    for position, cell in enumerate(cells):
        name = COLUMNS.get(cell.lower())
        if name in found:
            raise TintmillError(f"{path}, line 1: found two columns of {name}s; wanted path[,label[,split]]")
        if name:
            found[name] = position
    return found if "path" in found else {}


def _csv_rows(path: str, rows) -> Iterator[list[str]]:
    try:
        yield from rows
    except csv.Error as error:
        raise TintmillError(
            f"{path}, line {rows.line_num}: no table line ({error}); wanted path[,label[,split]]"
        ) from error


def _cell(cells: list[str], position: int | None) -> str:
    return cells[position] if position is not None and position < len(cells) else ""


def _stat(path: str) -> tuple[int, float, str | None]:
    try:
        entry = files.stat(path)
    except (OSError, ValueError):  # ValueError: a NUL in the name
        return 0, 0.0, "unreadable"
    return entry.size, entry.version, None
