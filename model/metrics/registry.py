"""The metrics: how each is computed, what it is called, how it is printed. Every table reads this list.

A new metric is a function in a file of its own and one line of `METRICS`. Means, intervals, trivial rows, the tables of
`tintmill evaluate`, comparisons, the report, the model card and experiments follow.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Literal

from tintmill.model.metrics import colour_accuracy, colourfulness, lightness, psnr
from tintmill.model.metrics.pair import Pair
from tintmill.pipeline.imaging import fidelity

SHORT_TABLES = ("card", "experiment", "runs")  # the tables that show a choice of metrics; others show all


@dataclasses.dataclass(frozen=True)
class Metric:
    """A number that says how good, or how colourful, coloured pictures are.

    A metric of each picture has `of_pair` or `of_scores`, or gets its values from a feature network. A metric without
    a value for each picture (a distance of two sets) is put into the table's row by whoever computes it.

    Attributes:
      name: key in metrics.json.
      title: heading of a column on a terminal.
      digits: printed after the decimal point.
      better: whether `more` or `less` is better; None where neither is.
      description: one sentence.
      heading: heading on a page, with soft hyphens; `title` where it is empty.
      of_pair: the value of one picture beside its truth. It is kept with the picture in metrics.json.
      of_scores: the value of one picture by its other scores. It is not kept.
      weight: the score that weighs a picture in the mean; all pictures count alike where it is empty. Pictures of
        infinite value are left out of the mean.
      finish: makes the table's number of the mean; of arrays, elementwise.
      tables: which of `SHORT_TABLES` have a column of it.
    """

    name: str
    title: str
    digits: int
    better: Literal["more", "less"] | None
    description: str
    heading: str = ""
    of_pair: Callable[[Pair], float] | None = None
    of_scores: Callable[[Mapping[str, float]], float] | None = None
    weight: str = ""
    finish: Callable = lambda mean: mean
    tables: tuple[str, ...] = ("card", "experiment")

    @property
    def page_heading(self) -> str:
        """With soft hyphens, for narrow columns of a page."""
        return self.heading or self.title

    @property
    def plain_heading(self) -> str:
        return self.page_heading.replace("\u00ad", "")

    @property
    def arrow(self) -> str:
        """Which way is better, as a sign beside the heading: up, down, or nothing."""
        return {"more": "↑", "less": "↓", None: ""}[self.better]

    def value_of(self, scores: Mapping[str, float]) -> float | None:
        """The value of one picture by its scores; None where they do not hold it."""
        return self.of_scores(scores) if self.of_scores else scores.get(self.name)

    def format(self, value: float | None) -> str:
        """The number for a table, `-` for None."""
        return "-" if value is None else f"{value:.{self.digits}f}"


_REGISTERED = (
    Metric(
        "psnr",
        "PSNR",
        2,
        "more",
        "Peak signal to noise ratio over the sRGB channels, in dB.",
        heading="PSNR, dB",
        of_pair=lambda pair: fidelity.psnr(pair.truth, pair.picture),
        tables=SHORT_TABLES,
    ),
    Metric(
        "psnr_pooled",
        "PSNR pooled",
        2,
        "more",
        "PSNR of the mean squared error, which the worst pictures decide.",
        heading="PSNR, pooled",
        of_scores=lambda scores: psnr.squared_error(scores["psnr"]),
        finish=psnr.of_squared_error,
        tables=(),
    ),
    Metric(
        "ssim",
        "SSIM",
        3,
        "more",
        "Structural similarity over the sRGB channels (Wang et al. 2004).",
        of_pair=lambda pair: fidelity.ssim(pair.truth, pair.picture),
    ),
    Metric(
        "ciede2000",
        "CIEDE2000",
        2,
        "less",
        "Mean colour difference of the pixels.",
        of_pair=lambda pair: fidelity.ciede2000(pair.truth, pair.picture),
        tables=SHORT_TABLES,
    ),
    Metric(
        "auc",
        "AuC",
        2,
        "more",
        "Area under the curve of pixels within an ab distance, 0..100.",
        of_pair=colour_accuracy.auc,
        tables=("experiment",),
    ),
    Metric(
        "auc_rebalanced",
        "AuC rebalanced",
        2,
        "more",
        "AuC in which each ab bin counts alike, however rare it is.",
        heading="AuC, rebalanced",
        of_pair=colour_accuracy.auc_rebalanced,
        weight="auc_weight",
        tables=SHORT_TABLES,
    ),
    Metric(
        "colourfulness",
        "colourfulness",
        1,
        None,
        "M3 of Hasler and Suesstrunk 2003.",
        heading="colour\u00adfulness, signed",
        of_pair=lambda pair: colourfulness.colourfulness(pair.picture),
    ),
    Metric(
        "colourfulness_abs",
        "CF (absolute)",
        1,
        None,
        "M3 of absolute differences, as most repositories have it.",
        heading="colour\u00adfulness, absolute",
        of_pair=lambda pair: colourfulness.colourfulness(pair.picture, absolute=True),
        tables=(),
    ),
    Metric(
        "colourfulness_gap",
        "CF gap of means",
        1,
        "less",
        "How far the mean colourfulness is from the truth's.",
        heading="gap to truth of the means",
        of_scores=lambda scores: scores["colourfulness"] - scores["colourfulness_truth"],
        finish=abs,
    ),
    Metric(
        "colourfulness_gap_each",
        "CF gap of each",
        1,
        "less",
        "How far a picture's colourfulness is from its truth's.",
        heading="gap to truth by picture",
        of_pair=colourfulness.gap,
        tables=(),
    ),
    Metric(
        "lightness_error",
        "L* off",
        3,
        "less",
        "Mean absolute error of L*, which a colorizer should not change.",
        of_pair=lightness.error,
        tables=(),
    ),
    Metric("lpips", "LPIPS", 3, "less", "Perceptual distance by a feature network (`lpips`).", tables=()),
    Metric(
        "frechet",
        "Frechet",
        2,
        "less",
        "Distance of two sets of pictures by a feature network (`frechet`).",
        heading="Frechet distance",
        tables=(),
    ),
)
METRICS = {metric.name: metric for metric in _REGISTERED}

# What the metrics above need of each picture and metrics.json keeps, though no table has a column of it.
PARTS: dict[str, Callable[[Pair], float]] = {
    "auc_weight": colour_accuracy.weight,
    "colourfulness_truth": lambda pair: colourfulness.colourfulness(pair.truth),
}


def in_table(table: str) -> dict[str, Metric]:
    """The metrics that one of `SHORT_TABLES` shows, by name."""
    return {name: metric for name, metric in METRICS.items() if table in metric.tables}


def present(rows: list[dict]) -> dict[str, Metric]:
    """The metrics of which one of the rows has a value, by name."""
    return {name: metric for name, metric in METRICS.items() if any(row.get(name) is not None for row in rows)}
