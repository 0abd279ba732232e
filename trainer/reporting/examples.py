"""The example pictures of the report: which are shown, in which groups, and what lies behind each slider.

Runs share a picture's slider where name and truth are the same, whatever their datasets.
"""

import dataclasses

from tintmill.trainer.evaluation.results import WHYS, Evaluation, Example

_TITLES = {
    "best": "best by CIEDE2000",
    "median": "around the median of CIEDE2000",
    "worst": "worst by CIEDE2000",
    "first": "the first of the split, less those above",
}


@dataclasses.dataclass(frozen=True)
class Layer:
    """One picture of several of the same size; `url` holds it."""

    name: str
    url: str


@dataclasses.dataclass(frozen=True)
class Figure:
    """A picture grey, coloured by a run or by several, and in truth; a line of scores for each run."""

    id: str
    layers: list[Layer]
    scores: list[str]


@dataclasses.dataclass(frozen=True)
class Group:
    title: str
    figures: list[Figure]


@dataclasses.dataclass(frozen=True)
class Take:
    """A picture as one run coloured it, and all reasons why it was kept, in the order of WHYS."""

    example: Example
    whys: list[str]


def group(evaluations: dict[str, Evaluation]) -> list[Group]:
    """The groups of figures, each picture once; of several runs first those that two or more of them show.

    Args:
      evaluations: of one split, by the name of the run.
    """
    takes = {name: _collect_takes(evaluation) for name, evaluation in evaluations.items()}
    by_run = {key: {name: of[key] for name, of in takes.items() if key in of} for of in takes.values() for key in of}
    shared = {key: found for key, found in by_run.items() if len(found) > 1}
    groups = [Group("The same pictures by each run", [_make_figure(found) for found in shared.values()])]
    for name, of in takes.items():
        rest = [take for key, take in of.items() if key not in shared]
        for why, title in _TITLES.items():
            figures = [_make_figure({name: take}) for take in rest if take.whys[0] == why]
            groups.append(Group(f"{name if len(evaluations) > 1 else 'Pictures'}: {title}", figures))
    return [found for found in groups if found.figures]


def _collect_takes(evaluation: Evaluation) -> dict[tuple[str, str], Take]:
    """By what tells pictures apart: the same name is the same picture where the truth is, in another dataset too."""
    found: dict[tuple[str, str], Take] = {}
    for example in sorted(evaluation.examples, key=lambda example: WHYS.index(example.why)):
        take = found.setdefault((example.id, example.pictures["truth"]), Take(example, []))
        take.whys.append(example.why)
    return found


def _make_figure(by_run: dict[str, Take]) -> Figure:
    several, first = len(by_run) > 1, next(iter(by_run.values())).example
    pictures = {name: take.example.pictures["coloured"] for name, take in by_run.items()}
    coloured = [Layer(name if several else "coloured", url) for name, url in pictures.items()]
    layers = [Layer("grey", first.pictures["grey"]), *coloured, Layer("truth", first.pictures["truth"])]
    return Figure(
        first.id, layers, [(f"{name}: " if several else "") + _describe_take(t) for name, t in by_run.items()]
    )


def _describe_take(take: Take) -> str:
    psnr, difference = take.example.scores["psnr"], take.example.scores["ciede2000"]
    among = [why for why in take.whys if why != "first"]
    return (
        f"CIEDE2000 {difference:.1f}, "
        + ("equal to the truth" if psnr is None else f"{psnr:.1f} dB")
        + (f" ({', '.join(among)})" if among else "")
    )
