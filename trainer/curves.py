"""The curves of a run: metrics.csv and validation.csv, read and drawn."""

import base64
import csv
import io
import os
import statistics

from pipeline.errors import TintmillError


def read_rows(path: str) -> list[dict]:
    """The rows of a CSV file as numbers; none where there is no such file.

    A last row without an end does not count: it is being written, or was when its run was killed.

    Raises:
      TintmillError: a row is not of numbers, one a column.
    """
    if not os.path.exists(path):
        return []
    try:
        with open(path) as f:
            rows = csv.DictReader([line for line in f if line.endswith("\n")])
        return [{key: float(value) for key, value in row.items()} for row in rows]
    except (TypeError, ValueError) as error:
        raise TintmillError(f"{path} is damaged ({error}); delete the row that is not of numbers") from error


def speed(run: str, global_batch: int) -> dict[str, float] | None:
    """How fast a run trained; None where nothing was logged.

    Returns:
      pictures_per_second: median of the rows. waiting: share of all their time that was spent waiting for input. The
      first row is left out where there are more: its time went into compiling.
    """
    rows = read_rows(os.path.join(run, "metrics.csv"))
    if not rows or "waiting" not in rows[0]:
        return None
    steps = [row["step"] - before for row, before in zip(rows, [0, *(row["step"] for row in rows)], strict=False)]
    rows, steps = rows[1:] or rows, steps[1:] or steps
    rates = [row["pictures_per_second"] for row in rows]
    seconds = [count * global_batch / rate for count, rate in zip(steps, rates, strict=True)]
    waited = sum(row["waiting"] * spent for row, spent in zip(rows, seconds, strict=True))
    return {"pictures_per_second": statistics.median(rates), "waiting": waited / sum(seconds)}


def draw(run: str) -> str | None:
    """Losses over steps, and what validation found, as an SVG data URL; None where nothing was logged."""
    training, validation = (read_rows(os.path.join(run, name)) for name in ("metrics.csv", "validation.csv"))
    if not training:
        return None
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 3 if validation else 1, figsize=(12, 3), squeeze=False)
    _plot(axes[0, 0], "loss", training=training, validation=validation)
    axes[0, 0].set(yscale="log")
    if validation:
        _plot(axes[0, 1], "psnr", validation=validation)
        _plot(axes[0, 2], "chroma", validation=validation)
        axes[0, 2].set(ylabel="chroma over the truth's")
    figure.tight_layout()
    image = io.BytesIO()
    figure.savefig(image, format="svg", bbox_inches="tight")
    pyplot.close(figure)
    return "data:image/svg+xml;base64," + base64.b64encode(image.getvalue()).decode()


def _plot(axes, column: str, **curves: list[dict]) -> None:
    for name, rows in curves.items():
        if rows:
            marker = "o" if len(rows) == 1 else None
            axes.plot(
                *zip(*((row["step"], row[column]) for row in rows), strict=True), marker=marker, linewidth=1, label=name
            )
    axes.set(xlabel="step", ylabel=column)
    axes.grid(alpha=0.3)
    axes.legend()
