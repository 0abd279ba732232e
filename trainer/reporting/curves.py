"""The curves of runs: metrics.csv and validation.csv, read and drawn."""

import dataclasses
import statistics

from tintmill.trainer.reporting.drawing import Drawing, add_legend, finish, new_plot
from tintmill.trainer.run.folder import RunFolder

# column of either file: (what it is called, its scale)
_COLUMNS = {
    "loss": ("loss", "log"),
    "psnr": ("PSNR, dB", "linear"),
    "chroma": ("share of the truth's chroma", "linear"),
}


@dataclasses.dataclass(frozen=True)
class Curve:
    """The rows of one file of a run; `style` is matplotlib's, of the line."""

    label: str
    run: str
    rows: list[dict]
    style: str


def measure_speed(run: RunFolder, global_batch: int) -> dict[str, float] | None:
    """How fast a run trained; None where nothing was logged.

    Returns:
      pictures_per_second: median of the rows. waiting: share of all their time that was spent waiting for input. The
      first row is left out where there are more: its time went into compiling.
    """
    rows = run.read_log()
    if not rows or "waiting" not in rows[0]:
        return None
    steps = [row["step"] - before for row, before in zip(rows, [0, *(row["step"] for row in rows)], strict=False)]
    rows, steps = rows[1:] or rows, steps[1:] or steps
    rates = [row["pictures_per_second"] for row in rows]
    seconds = [count * global_batch / rate for count, rate in zip(steps, rates, strict=True)]
    waited = sum(row["waiting"] * spent for row, spent in zip(rows, seconds, strict=True))
    return {"pictures_per_second": statistics.median(rates), "waiting": waited / sum(seconds)}


def draw(runs: dict[str, RunFolder]) -> list[Drawing]:
    """Losses over steps, and what validation found; all runs in one plot of each.

    Args:
      runs: run directories by the names that are written beside their curves.
    """
    training = {name: run.read_log() for name, run in runs.items()}
    validation = {name: run.read_validations() for name, run in runs.items()}
    curves = []
    for name in runs:
        of_run = "" if len(runs) == 1 else f"{name}, "
        curves += [Curve(f"{of_run}training", name, training[name], "-")] if training[name] else []
        curves += [Curve(f"{of_run}validation", name, validation[name], "--")] if validation[name] else []
    return [
        _draw_column(curves, column, title, scale)
        for column, (title, scale) in _COLUMNS.items()
        if any(column in curve.rows[0] for curve in curves)
    ]


def _draw_column(curves: list[Curve], column: str, title: str, scale: str) -> Drawing:
    figure, axes = new_plot(xlabel="step", ylabel=title, yscale=scale)
    shown = [curve for curve in curves if column in curve.rows[0]]
    runs = list(dict.fromkeys(curve.run for curve in curves))  # of all plots: a run keeps its colour
    for curve in shown:
        steps, values = ([row[key] for row in curve.rows] for key in ("step", column))
        marker = "o" if len(steps) == 1 else None
        axes.plot(steps, values, curve.style, color=f"C{runs.index(curve.run) % 10}", marker=marker, linewidth=1.2)
    add_legend(axes, [curve.label for curve in shown])
    return finish(figure, f"{title} over steps", "; ".join(_describe_curve(curve, column) for curve in shown))


def _describe_curve(curve: Curve, column: str) -> str:
    first, last = curve.rows[0], curve.rows[-1]
    return f"{curve.label}: {first[column]:.4g} at step {first['step']:.0f}, {last[column]:.4g} at {last['step']:.0f}"
