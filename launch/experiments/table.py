"""The table of an experiment: a row for each run, averaged over its seeds, and the trivial answers."""

import dataclasses
import os
from collections.abc import Sequence

import numpy as np

from tintmill.launch.experiments.arguments import ExperimentArguments
from tintmill.launch.experiments.catalogue import EXPERIMENTS, Experiment
from tintmill.model.metrics import registry

_METRICS = registry.in_table("experiment")
# (title, format) by the name of a column.
COLUMNS = {name: (metric.title, f".{metric.digits}f") for name, metric in _METRICS.items()} | {
    "parameters": ("parameters", ",.0f"),
    "multiply_adds_m": ("multiply-adds, M", ",.0f"),
    "step_ms": ("step, ms", ",.0f"),
}


@dataclasses.dataclass(frozen=True)
class Score:
    """One evaluation of a run.

    Attributes:
      label: the row of the table that it belongs to.
      metrics: what metrics.json holds.
      step_ms: median milliseconds of a training step.
    """

    label: str
    metrics: dict
    step_ms: float

    @property
    def values(self) -> dict:
        """The value of each column."""
        costs = {"parameters": self.metrics["parameters"], "multiply_adds_m": self.metrics["multiply_adds"] / 1e6}
        return self.metrics["rows"][0] | costs | {"step_ms": self.step_ms}


def format_table(arguments: ExperimentArguments, scores: Sequence[Score]) -> str:
    """The table in Markdown: a row for each label, over all seeds, then the trivial answers of each test."""
    experiment = EXPERIMENTS[arguments.name]
    columns = [title for title, _ in COLUMNS.values()]
    lines = [f"# {arguments.name}: {experiment.about}", "", *describe_scale(arguments, experiment, scores), ""]
    lines += [f"| | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    for label in dict.fromkeys(score.label for score in scores):
        lines.append(_format_row(label, [score.values for score in scores if score.label == label]))
    tests = {score.metrics["dataset"]["name"]: score.metrics for score in reversed(scores)}
    for test, metrics in list(tests.items())[: None if experiment.tests else 1]:
        for row in metrics["rows"][1:]:
            label = row["row"] + (f" ({test})" if experiment.tests else "")
            lines.append(_format_row(f"*{label}*", [row]))
    return "\n".join(lines) + "\n"


def _format_row(label: str, rows: Sequence[dict]) -> str:
    return f"| {label} | " + " | ".join(format_cell(rows, column) for column in COLUMNS) + " |"


def format_cell(rows: Sequence[dict], column: str) -> str:
    """The mean of a column over the seeds, and half of their range."""
    values = [row[column] for row in rows if row.get(column) is not None]
    if not values:
        return "-"
    form = COLUMNS[column][1]
    spread = f" ± {np.ptp(values) / 2:{form}}" if np.ptp(values) else ""
    return f"{np.mean(values):{form}}{spread}"


def describe_scale(arguments: ExperimentArguments, experiment: Experiment, scores: Sequence[Score]) -> list[str]:
    """What was run, and what of it is smaller than the experiment."""
    first = scores[0].metrics
    smaller = " ".join(
        [
            *arguments.list_flags("size", "limit", "steps", "global_batch", "global_size", "embedder"),
            *arguments.prepare,
            *arguments.train,
        ]
    )
    embedder = first["embedder"]
    return [
        f"- {first['rows'][0]['pictures']} pictures of `{experiment.split}` at {first['dataset']['size']}x"
        f"{first['dataset']['size']}, {first['steps']} steps, {arguments.seeds} seed(s); ± is half the range over them",
        f"- embedder: {embedder['name']}, {embedder['layer']}, {embedder['weights']}" if embedder else "- no embedder",
        f"- encoders: tint {_weights_name(arguments.encoder_weights)}, vgg {_weights_name(arguments.vgg_weights)}, "
        f"glaze {_weights_name(arguments.lite_weights)}",
        f"- scaled down by {smaller}" if smaller else "- at full size",
        f"- step: the median of the training, input included, on this machine, {arguments.jobs} run(s) at a time",
        f"- {first['protocol']}",
    ]


def _weights_name(weights: str) -> str:
    return os.path.basename(weights) or "imagenet"
