"""Tables as text for a terminal, continued below where they are too wide for it."""

import shutil
import sys

from tintmill.model.metrics import registry
from tintmill.model.metrics.registry import Metric


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


def format_scores(rows: list[dict], width: int | None = None) -> str:
    """The rows as text for a terminal of `width` characters, each mean with half the width of its interval."""
    columns = [["", *(row["row"] for row in rows)]]
    columns += [
        [label, *(str(row[name]) for row in rows)] for name, label in (("pictures", "n"), ("infinite_psnr", "inf"))
    ]
    columns += [
        [metric.title, *(_format_score(row, metric) for row in rows)] for metric in registry.present(rows).values()
    ]
    widest = [max(map(len, cells)) for cells in columns]
    aligned = [[cell.rjust(length) for cell in cells] for cells, length in zip(columns, widest, strict=True)]
    aligned[0] = [cell.ljust(widest[0]) for cell in columns[0]]
    return (
        f"{fold(aligned, width)}\n"
        "n: pictures; inf: infinite PSNRs; \u00b1: half of the 95 % interval over pictures, ends in metrics.json"
    )


def format_card(card: dict[str, str]) -> str:
    return "\n".join(f"  {name}: {text}" for name, text in card.items())


def _format_score(row: dict, metric: Metric) -> str:
    """A cell of the table: value and, where there is an interval, half its width."""
    text = metric.format(row.get(metric.name))
    ends = row["intervals"].get(metric.name)
    return f"{text} \u00b1{metric.format((ends[1] - ends[0]) / 2)}" if ends and text != "-" else text
