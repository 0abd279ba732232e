"""A table as text, continued below where it is too wide for the terminal."""

import shutil
import sys


def terminal_width() -> int | None:
    """Characters of a line; None where there is no terminal."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def fold(columns: list[list[str]], width: int | None) -> str:
    """Columns of cells of equal width side by side: in lines of at most `width` characters, by as many tables as that
    takes, the first column in each.

    A table has the first column and one other at least, whatever their width; None is any width.
    """
    names, *others = columns
    tables, line = [], []
    for cells in others:
        if line and width and sum(len(column[0]) + 2 for column in (names, *line, cells)) - 2 > width:
            tables.append([names, *line])
            line = []
        line.append(cells)
    tables.append([names, *line])
    return "\n\n".join("\n".join("  ".join(cells).rstrip() for cells in zip(*table, strict=True)) for table in tables)
