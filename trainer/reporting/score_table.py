"""The scores of one split, of one run or of several, as rows for a page."""

import dataclasses

from tintmill.model.metrics import registry
from tintmill.model.metrics.registry import Metric
from tintmill.trainer.evaluation.results import Evaluation

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
    """`columns`: the metrics of which a row has a value."""

    columns: list[Metric]
    rows: list[Row]


def make_table(evaluations: dict[str, Evaluation]) -> Table:
    """The runs' rows, then the others: once where they are the same for all runs, else with the run's name.

    Args:
      evaluations: of one split, by the name of the run.
    """
    rows = [row for evaluation in evaluations.values() for row in evaluation.metrics["rows"]]
    columns = registry.present(rows)
    return Table([*columns.values()], _make_rows(evaluations, columns))


def _make_rows(evaluations: dict[str, Evaluation], columns: dict[str, Metric]) -> list[Row]:
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


def _make_row(label: str, row: dict, columns: dict[str, Metric], is_run: bool) -> Row:
    cells = [_make_cell(row, metric) for metric in columns.values()]
    return Row(label, is_run, row["pictures"], row["infinite_psnr"], cells)


def _make_cell(row: dict, metric: Metric) -> Cell:
    interval = row["intervals"].get(metric.name) or []
    return Cell(metric.format(row.get(metric.name)), "–".join(metric.format(end) for end in interval))
