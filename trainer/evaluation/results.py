"""Evaluations of a run, read back: the content of metrics.json, and the pictures beside it."""

import base64
import dataclasses
import io
import os

import numpy as np

from tintmill.pipeline.common.errors import TintmillError
from tintmill.trainer.evaluation.ab_histogram import AbHistogram
from tintmill.trainer.run.folder import EvaluationFolder, RunFolder

WHYS = ("best", "median", "worst", "first")
KINDS = ("grey", "coloured", "truth")
_LONGEST = 448  # pixels of a side on the page; a folder's pictures are scored at any size
_JPEG = {"quality": 92, "subsampling": 0}  # 0: colours as fine as brightness; they are what is looked at
# What reading a metrics.json raises that is whole and yet not of today's content, and Pillow of a picture.
_DAMAGES = (OSError, ValueError, TypeError, KeyError, IndexError, AttributeError, SyntaxError)


@dataclasses.dataclass(frozen=True)
class MetricsFile:
    """A metrics.json: where it lies, and its content."""

    path: str
    metrics: dict


@dataclasses.dataclass(frozen=True)
class Example:
    """A scored picture that was kept.

    Attributes:
      why: it was kept, one of WHYS.
      pictures: data URLs by KINDS.
      scores: psnr in dB, None where the picture equals the truth, and ciede2000.
    """

    id: str
    why: str
    pictures: dict[str, str]
    scores: dict


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """An evaluated split of a run.

    Attributes:
      metrics: the content of metrics.json. Each of its "rows" has its "intervals": {metric: [low, high]}.
      card: the protocol, {what: how}.
      truth, run: the colours of all scored pictures, and of the run's answers.
    """

    split: str
    metrics: dict
    card: dict[str, str]
    truth: AbHistogram
    run: AbHistogram
    examples: list[Example]


def load(run: RunFolder, name: str) -> dict[str, Evaluation]:
    """Every evaluated split, its pictures too, by split.

    Args:
      name: of the run, as it is called beside its colours.
    Raises:
      TintmillError: one is damaged or of an older version, or a picture is missing.
    """
    found = {}
    for split, metrics in run.read_evaluations().items():
        folder = run.evaluation(split)
        try:
            found[split] = _parse(folder, split, metrics, name)
        except _DAMAGES as error:
            raise TintmillError(
                f"{folder.metrics_file} is damaged or of an older version ({type(error).__name__}: "
                f"{error}); evaluate again on --split={split}"
            ) from error
    return found


def _parse(folder: EvaluationFolder, split: str, metrics: dict, name: str) -> Evaluation:
    metrics["same_pictures_as_training"], metrics["rows"][0]  # asked for later
    for row in metrics["rows"]:
        _check_row(row)
    colours = metrics["ab_histograms"]
    truth, run = (
        AbHistogram(label, np.array(colours[key], np.float64), float(colours["low"]), float(colours["step"]))
        for label, key in (("truth", "truth"), (name, "run"))
    )
    if truth.counts.ndim != 2 or truth.counts.shape != run.counts.shape or truth.step <= 0:
        raise ValueError(f"ab_histograms of {truth.counts.shape} and {run.counts.shape} bins of {truth.step}")
    names = {entry["files"][kind] for entry in metrics["examples"] for kind in KINDS}  # some are kept for two reasons
    urls = {name: _picture_url(folder.picture(os.path.basename(name))) for name in names}
    examples = [_make_example(entry, urls) for entry in metrics["examples"]]
    return Evaluation(split, metrics, dict(metrics["protocol_card"]), truth, run, examples)


def _check_row(row: dict) -> None:
    numbers = [value for key, value in row.items() if key not in ("row", "intervals") and value is not None]
    ends = [end for low, high in row["intervals"].values() for end in (low, high)]
    for number in (row["pictures"], row["infinite_psnr"], *numbers, *ends):
        if not isinstance(number, int | float):
            raise TypeError(f"{number!r} among the numbers of {row['row']}")


def _make_example(entry: dict, urls: dict[str, str]) -> Example:
    if entry["why"] not in WHYS:
        raise ValueError(f"an example kept as {entry['why']!r}")
    pictures = {kind: urls[entry["files"][kind]] for kind in KINDS}
    scores = {"psnr": entry["scores"]["psnr"], "ciede2000": float(entry["scores"]["ciede2000"])}
    return Example(str(entry["id"]), entry["why"], pictures, scores)


def _picture_url(path: str) -> str:
    """As a JPEG for the eye; scores were taken from the exact pixels."""
    from PIL import Image

    jpeg = io.BytesIO()
    with Image.open(path) as image:
        shown = image.convert("RGB")
        shown.thumbnail((_LONGEST, _LONGEST), Image.Resampling.LANCZOS)
        shown.save(jpeg, "JPEG", **_JPEG)
    return "data:image/jpeg;base64," + base64.b64encode(jpeg.getvalue()).decode()
