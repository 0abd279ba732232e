"""Two evaluations of the same pictures: how much they differ, picture by picture, and whether that says anything.

Pictures are hard or easy for both, so two means may differ for sure though their intervals overlap. The bootstrap
therefore resamples the differences of each picture, not the scores.
"""

import dataclasses
import os

import numpy as np

from tintmill.model.metrics import bootstrap
from tintmill.model.metrics.registry import METRICS
from tintmill.pipeline.common import checked_json
from tintmill.pipeline.common.checked_json import number, optional, record, sequence, text
from tintmill.pipeline.common.errors import TintmillError
from tintmill.trainer.evaluation.results import MetricsFile
from tintmill.trainer.run.folder import EvaluationFolder, RunFolder

# Of metrics.json the scores of each picture.
_SCORES = record(
    {
        "pictures": sequence(
            record({"id": text()}, dict.fromkeys(METRICS, optional(number())) | {"colourfulness_truth": number()}),
            least=1,
        )
    }
)
_SAME_TRUTH = 1e-6  # of the truths' colourfulness: other pictures of the same names differ by far more


@dataclasses.dataclass(frozen=True)
class Difference:
    """The first's scores less the second's, in one metric.

    Attributes:
      pictures: how many have a finite difference.
      interval: of the mean, [low, high]; None for fewer than two pictures.
      first, second: the share of pictures where the first (the second) is better, or where neither is better, greater.
    """

    metric: str
    pictures: int
    mean: float
    interval: list[float] | None
    first: float
    second: float

    @property
    def sentence(self) -> str:
        """What the interval says, in plain words."""
        label, better = METRICS[self.metric].title, METRICS[self.metric].better
        if self.interval is None:
            return f"{label}: {self.pictures} pictures say nothing about others"
        low, high = self.interval
        if low == high == self.first == self.second == 0:
            return f"{label}: the same in every picture"
        if low <= 0 <= high:
            return f"{label}: the interval holds 0; which is ahead, these pictures do not tell"
        ahead = "first" if (low > 0) == (better != "less") else "second"
        how = "better" if better else "greater"
        return f"{label}: the interval excludes 0; the {ahead} is {how}"


def find_evaluation(path: str, split: str) -> MetricsFile:
    """Finds the metrics.json that a path means: the file itself, the one in the folder, or a run's of a split.

    Raises:
      TintmillError: there is none, or it is damaged.
    """
    places = (path, EvaluationFolder(path).metrics_file, RunFolder(path).evaluation(split).metrics_file)
    for place in places:
        if os.path.isfile(place):
            return MetricsFile(place, checked_json.read(place, _SCORES, "evaluate again"))
    raise TintmillError(
        f"{path}: no metrics.json in it, nor in its evaluation/{split}; wanted a run that was evaluated on "
        f"--split={split}, or the --output of `tintmill evaluate`"
    )


def compare(one: dict, other: dict) -> list[Difference]:
    """The differences in every metric that both have.

    Args:
      one, other: contents of two metrics.json.
    Raises:
      TintmillError: they are not of the same pictures.
    """
    pairs = _pairs(one["pictures"], other["pictures"])
    common = [name for name in METRICS if all(name in a and name in b for a, b in pairs)]
    return [difference(name, pairs) for name in common]


def _pairs(one: list[dict], other: list[dict]) -> list[tuple[dict, dict]]:
    """Scores of the same picture, by id."""
    first, second = ({scores["id"]: scores for scores in found} for found in (one, other))
    alone = len(first.keys() - second.keys()), len(second.keys() - first.keys())
    if any(alone):
        raise TintmillError(
            f"the two are of different pictures: {alone[0]} of {len(first)} are in the first alone, {alone[1]} of "
            f"{len(second)} in the second; wanted the same, by id"
        )
    pairs = [(scores, second[name]) for name, scores in first.items()]
    key = "colourfulness_truth"
    others = sum(abs(a[key] - b[key]) > _SAME_TRUTH for a, b in pairs if key in a and key in b)
    if others:
        raise TintmillError(
            f"the truths of {others} of {len(pairs)} pictures are not the same, though their ids are; wanted two "
            "evaluations at one size, by one resizing"
        )
    return pairs


def difference(name: str, pairs: list[tuple[dict, dict]]) -> Difference:
    """One metric's; pictures whose PSNR is infinite in either are left out of PSNR's."""
    metric = METRICS[name]
    known = [(a, b) for a, b in pairs if a[name] is not None and b[name] is not None]
    values = np.array([a[name] - b[name] for a, b in known])
    weights = np.array([a[metric.weight] if metric.weight else 1.0 for a, _ in known])
    if not known:
        return Difference(name, 0, 0.0, None, 0.0, 0.0)
    sums = bootstrap.resampled_sums({"difference": values * weights, "weight": weights})
    ends = bootstrap.interval(sums["difference"] / sums["weight"]) if len(known) > 1 else None
    ahead, behind = float((values > 0).mean()), float((values < 0).mean())
    if metric.better == "less":
        ahead, behind = behind, ahead
    return Difference(name, len(known), float(np.average(values, weights=weights)), ends, ahead, behind)


def format_differences(differences: list[Difference]) -> str:
    """A table, and below it a sentence on each metric."""
    lines = [
        f"{'first - second':<18}{'pictures':>9}{'mean':>10}{'95 % interval':>22}{'first ahead':>13}{'second ahead':>14}"
    ]
    for found in differences:
        ends = "-" if found.interval is None else "[{:+.4f}, {:+.4f}]".format(*found.interval)
        lines.append(
            f"{METRICS[found.metric].title:<18}{found.pictures:>9}{found.mean:>+10.4f}{ends:>22}"
            f"{found.first:>13.1%}{found.second:>14.1%}"
        )
    sentences = [found.sentence for found in differences]
    if any(found.pictures < bootstrap.FEW for found in differences):
        sentences.append(f"WARNING: of fewer than {bootstrap.FEW} pictures such intervals are too narrow")
    return "\n".join([*lines, "", *sentences])


def to_json(first: str, second: str, differences: list[Difference]) -> dict:
    """The content of comparison.json."""
    rows = [dataclasses.asdict(found) | {"sentence": found.sentence} for found in differences]
    return {
        "first": first,
        "second": second,
        "resamples": bootstrap.RESAMPLES,
        "seed": bootstrap.SEED,
        "differences": rows,
    }
