"""The card of a model that is known by a name: the export's own card, notes, and scores beside those of others.

No score is written by hand: each is read from the metrics.json of `tintmill evaluate`.
"""

import dataclasses
import json
from collections.abc import Sequence
from numbers import Real

from tintmill.model.builtin.catalogue import KnownModel
from tintmill.model.metrics import registry
from tintmill.pipeline.common import files
from tintmill.pipeline.common.errors import TintmillError

_USE = "## How to use it\n"  # before which notes and scores go
_COSTS = {"parameters": "parameters", "multiply_adds": "multiply-adds"}


@dataclasses.dataclass(frozen=True)
class Scores:
    """One evaluation: the row that it gets, and the content of its metrics.json."""

    label: str
    metrics: dict

    @property
    def pictures(self) -> str:
        """What was scored, in words; evaluations of the same pictures share a table."""
        dataset = self.metrics.get("dataset")
        count = self.metrics["rows"][0]["pictures"]
        where = f"`{self.metrics['split']}` of `{dataset['name']}`" if dataset else f"`{self.metrics['split']}`"
        return f"the {count} pictures of {where}"


def compose(exported: str, model: KnownModel, size: int, notes: str, scores: Sequence[str]) -> str:
    """The card's Markdown.

    Args:
      exported: the card that `tintmill export` wrote.
      size: bytes of the model's file.
      notes: path of a Markdown file; empty for none.
      scores: LABEL=FILE each, see `read_scores`.
    Raises:
      TintmillError: the notes or an evaluation cannot be read.
    """
    head, mark, use = exported.partition(_USE)
    if not mark:
        raise TintmillError(f"the card of the export has no part {_USE.strip()!r}; export it again with this Tintmill")
    about = ["## The model", "", "| | |", "|---|---|", f"| name, version | {model.name} {model.version} |"]
    about += [f"| file | {size / 1e6:.1f} MB, sha256 `{model.sha256}` |", ""]
    parts = [head.rstrip(), "", *about, *_format_scores([read_scores(text) for text in scores])]
    if notes:
        parts += [_read(notes, "notes").strip(), ""]
    return "\n".join([*parts, mark + use])


def read_exported(source: str) -> str:
    """The card beside an export.

    Raises:
      TintmillError: there is none.
    """
    return _read(f"{source}.MODEL_CARD.md", "install")


def read_scores(text: str) -> Scores:
    """An evaluation by LABEL=FILE, where FILE is its metrics.json.

    Raises:
      TintmillError: it is written otherwise, or there is no such evaluation.
    """
    label, _, path = text.partition("=")
    if not label or not path:
        raise TintmillError(f"--scores={text}: wanted LABEL=FILE, the metrics.json of an evaluation")
    try:
        metrics = json.loads(_read(path, "scores"))
        if isinstance(metrics["rows"][0]["pictures"], int) and isinstance(metrics["split"], str):
            return Scores(label, metrics)
    except (ValueError, KeyError, IndexError, TypeError):
        pass
    raise TintmillError(f"--scores={text}: no metrics.json of `tintmill evaluate`; evaluate again")


def _read(path: str, flag: str) -> str:
    try:
        return files.read(path).decode()
    except (OSError, UnicodeDecodeError) as error:
        raise TintmillError(f"--{flag}: {path} cannot be read: {error}") from error


def _format_scores(scores: Sequence[Scores]) -> list[str]:
    """A table for each set of pictures, its trivial answers last."""
    lines = []
    for pictures in dict.fromkeys(each.pictures for each in scores):
        lines += _format_table(pictures, [each for each in scores if each.pictures == pictures])
    return ["## Scores beside others", "", *lines] if lines else []


def _format_table(pictures: str, scores: Sequence[Scores]) -> list[str]:
    metrics = {name: metric.plain_heading for name, metric in registry.in_table("card").items()}
    titles = [*metrics.values(), *_COSTS.values()]
    lines = [f"On {pictures}:", "", f"| | {' | '.join(titles)} |", "|---" * (len(titles) + 1) + "|"]
    for each in scores:
        lines.append(_format_row(f"**{each.label}**", each.metrics["rows"][0], each.metrics, metrics))
    for row in scores[0].metrics["rows"][1:]:
        lines.append(_format_row(f"*{row['row']}*", row, {}, metrics))
    return [*lines, "", f"{scores[0].metrics['protocol']}.", ""]


def _format_row(label: str, row: dict, costs: dict, metrics: dict) -> str:
    values = [f"{row[name]:.3f}" if isinstance(row.get(name), Real) else "-" for name in metrics]
    values += [f"{costs[name]:,}" if isinstance(costs.get(name), Real) else "-" for name in _COSTS]
    return f"| {label} | {' | '.join(values)} |"
