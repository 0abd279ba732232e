"""The example pictures of the report: which are shown, in which groups, and what lies behind each slider."""

import dataclasses

from trainer.evaluations import WHYS, Evaluation, Example

_TITLES = {
    "first": "the first of the split",
    "best": "best by CIEDE2000",
    "median": "around the median of CIEDE2000",
    "worst": "worst by CIEDE2000",
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


def group(evaluations: dict[str, Evaluation]) -> list[Group]:
    """The groups of figures; of several runs first the pictures that two or more of them show, side by side.

    Args:
      evaluations: of one split, by the name of the run.
    """
    takes: dict[tuple, dict[str, Example]] = {}
    for name, evaluation in evaluations.items():
        for example in evaluation.examples:
            takes.setdefault(_identity(example), {}).setdefault(name, example)
    shared = {key: by_run for key, by_run in takes.items() if len(by_run) > 1}
    groups = [Group("The same pictures by each run", [_figure(by_run) for by_run in shared.values()])]
    for name, evaluation in evaluations.items():
        rest = [example for example in evaluation.examples if _identity(example) not in shared]
        for why in WHYS:
            title = f"{name if len(evaluations) > 1 else 'Pictures'}: {_TITLES[why]}"
            groups.append(Group(title, [_figure({name: example}) for example in rest if example.why == why]))
    return [found for found in groups if found.figures]


def _identity(example: Example) -> tuple[str, str]:
    """Pictures of the same name are the same where their truth is: two datasets may frame them differently."""
    return example.id, example.pictures["truth"]


def _figure(by_run: dict[str, Example]) -> Figure:
    several, first = len(by_run) > 1, next(iter(by_run.values()))
    coloured = [Layer(name if several else "coloured", take.pictures["coloured"]) for name, take in by_run.items()]
    layers = [Layer("grey", first.pictures["grey"]), *coloured, Layer("truth", first.pictures["truth"])]
    return Figure(
        first.id, layers, [(f"{name}: " if several else "") + _in_words(take.scores) for name, take in by_run.items()]
    )


def _in_words(scores: dict) -> str:
    psnr = scores["psnr"]
    return f"CIEDE2000 {scores['ciede2000']:.1f}, " + ("equal to the truth" if psnr is None else f"{psnr:.1f} dB")
