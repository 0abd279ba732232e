"""The scores of one split, of one run or of several, as rows for a page."""

import dataclasses

from tintmill.trainer.evaluation.results import Evaluation


@dataclasses.dataclass(frozen=True)
class Column:
    """`label` with soft hyphens; `digits` after the point; `better`: an arrow up or down, empty where neither is."""

    label: str
    digits: int
    better: str = ""


COLUMNS = {
    "psnr": Column("PSNR, dB", 2, "↑"),
    "psnr_pooled": Column("PSNR, pooled", 2, "↑"),
    "ssim": Column("SSIM", 3, "↑"),
    "ciede2000": Column("CIEDE2000", 2, "↓"),
    "auc": Column("AuC", 2, "↑"),
    "auc_rebalanced": Column("AuC, rebalanced", 2, "↑"),
    "colourfulness": Column("colour\u00adfulness, signed", 1),
    "colourfulness_abs": Column("colour\u00adfulness, absolute", 1),
    "colourfulness_gap": Column("gap to truth of the means", 1, "↓"),
    "colourfulness_gap_each": Column("gap to truth by picture", 1, "↓"),
    "lightness_error": Column("L* off", 3, "↓"),
    "lpips": Column("LPIPS", 3, "↓"),
    "frechet": Column("Frechet distance", 2, "↓"),
}
_OF_THE_PICTURES = ("pictures", "psnr", "ssim", "ciede2000", "colourfulness")  # of grey: they tell which were scored


@dataclasses.dataclass(frozen=True)
class Cell:
    """`interval` is empty where there is none."""

    value: str
    interval: str


@dataclasses.dataclass(frozen=True)
class Row:
    """`is_run`: not one of the trivial answers, nor the truth."""

    label: str
    is_run: bool
    pictures: int
    infinite_psnr: int
    cells: list[Cell]


@dataclasses.dataclass(frozen=True)
class Table:
    """`columns`: those of which a row has a value."""

    columns: list[Column]
    rows: list[Row]


def make_table(evaluations: dict[str, Evaluation]) -> Table:
    """The runs' rows, then the others: once where they are the same for all runs, else with the run's name.

    Args:
      evaluations: of one split, by the name of the run.
    """
    rows = [row for evaluation in evaluations.values() for row in evaluation.metrics["rows"]]
    columns = {key: column for key, column in COLUMNS.items() if any(row.get(key) is not None for row in rows)}
    return Table([*columns.values()], _make_rows(evaluations, columns))


def _make_rows(evaluations: dict[str, Evaluation], columns: dict[str, Column]) -> list[Row]:
    made, others = [], {}
    for name, evaluation in evaluations.items():
        own, *rest = evaluation.metrics["rows"]
        label = own["row"] if len(evaluations) == 1 else f"{name}: {own['row']}"
        made.append(_make_row(label, own, columns, is_run=True))
        for row in rest:
            others.setdefault(row["row"], {})[name] = row
    for label, by_run in others.items():
        same = all(row == next(iter(by_run.values())) for row in by_run.values())
        for name, row in list(by_run.items())[: 1 if same else None]:
            made.append(_make_row(label if same else f"{label} ({name})", row, columns, is_run=False))
    return made


def on_the_same_pictures(evaluations: dict[str, Evaluation]) -> bool:
    """Whether the scores may be compared: to answer the same pictures with grey scores the same."""
    greys = [row for each in evaluations.values() for row in each.metrics["rows"] if row["row"] == "grey"]
    return all(row.get(key) == greys[0].get(key) for row in greys for key in _OF_THE_PICTURES)


def _make_row(label: str, row: dict, columns: dict[str, Column], is_run: bool) -> Row:
    cells = [_make_cell(row, key, column.digits) for key, column in columns.items()]
    return Row(label, is_run, row["pictures"], row["infinite_psnr"], cells)


def _make_cell(row: dict, key: str, digits: int) -> Cell:
    value, interval = row.get(key), row["intervals"].get(key)
    return Cell(
        "-" if value is None else f"{value:.{digits}f}",
        "" if interval is None else "–".join(f"{end:.{digits}f}" for end in interval),
    )
