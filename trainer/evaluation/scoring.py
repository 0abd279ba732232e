"""Scores pictures beside the trivial answers, wherever the pictures come from.

Rows: the answers themselves; `grey` (ab = 0); the mean ab of the pictures everywhere, which is what an uninformed
network converges to; `another picture's ab`, right in its statistics and wrong everywhere; and `true ab halved`, right
but washed out, which PSNR rewards. All but the first have the truth's own L*.

Which examples lie at the median is known only when all pictures are scored, so the chosen ones are read and coloured
again.
"""

import dataclasses
import os
import re
from collections.abc import Iterable, Iterator
from typing import Protocol

import numpy as np
from PIL import Image

from tintmill.model.losses import bins
from tintmill.model.metrics import ab_histogram, bootstrap, colour_accuracy
from tintmill.model.metrics import scores as picture_scores
from tintmill.model.metrics.colourfulness import colourfulness
from tintmill.model.metrics.frechet import Features, Moments, distance
from tintmill.model.metrics.lpips import Lpips
from tintmill.pipeline.imaging import filters, lab
from tintmill.trainer.run.folder import EvaluationFolder

AUC = (
    "thresholds 0..150 of ab; rebalanced by 1 / share of the ab bin among the scored pictures, the shares smoothed "
    f"over the bins by a Gaussian of sigma {bins.SIGMA:g}"
)
TRUTH_ROW = "truth through the encoding"
_FEATURE_ROWS = 3  # the answers, grey and the mean: the rows that have a Frechet distance and LPIPS
_OF_A_KIND = 4  # examples: so many of the best, the median and the worst
_EXAMPLE_FILE = re.compile(r"\d{3,}_(grey|coloured|truth)\.png")


@dataclasses.dataclass(frozen=True)
class Example:
    """A true picture with its answer.

    Attributes:
      id: unique among those scored.
      lab: float32 [H, W, 3], the truth, whose L* the trivial answers take.
      truth, picture: uint8 [H, W, 3] sRGB, what is compared.
    """

    id: str
    lab: np.ndarray
    truth: np.ndarray
    picture: np.ndarray

    def with_ab(self, ab) -> np.ndarray:
        """The truth's L* with these colours, a pair or [H, W, 2], as uint8 [H, W, 3] sRGB."""
        ab = np.broadcast_to(np.asarray(ab, np.float32), (*self.lab.shape[:2], 2))
        return lab.lab_to_rgb8(np.concatenate([self.lab[..., :1], ab], axis=-1))


class Source(Protocol):
    """Where examples come from.

    Attributes:
      answer: the name of the answers' row.
      mean_ab: the mean colour, and `mean_name` of what, its row's name.
      histogram: pixels of the truths in each ab bin, [313].
    """

    answer: str
    mean_ab: tuple[float, float]
    mean_name: str
    histogram: list[int] | np.ndarray

    def examples(self, numbers: list[int] | None = None) -> Iterator[Example]:
        """All of them, always in the same order, or those of these numbers."""

    def card(self) -> dict[str, str]:
        """What of the protocol the source decides: resize, rounding, truth, left_out."""


@dataclasses.dataclass(frozen=True)
class Networks:
    """Feature networks for a Frechet distance and LPIPS; None for those not asked for."""

    frechet: Features | None = None
    lpips: Lpips | None = None


@dataclasses.dataclass
class Scores:
    """The scores of a source's pictures.

    Attributes:
      rows: scores of each picture by row, in the source's order.
      truth: colourfulness of each truth.
      moments: of the features by row, and of "truth"; empty without a network.
      histograms: `ab_histogram` of "truth" and of "run", the answers, over all pictures.
      grey: how many truths are grey; the answer grey is right for them.
    """

    rows: dict[str, list[dict]]
    truth: list[dict]
    moments: dict[str, Moments]
    histograms: dict[str, np.ndarray]
    grey: int = 0


def score(source: Source, networks: Networks) -> Scores:
    """Scores every picture of the source in every row."""
    weights = colour_accuracy.rarity(source.histogram)
    shape = (ab_histogram.CELLS, ab_histogram.CELLS)
    scores = Scores({}, [], {}, {name: np.zeros(shape, np.int64) for name in ("truth", "run")})
    for example, other in pair_with_another(source.examples()):
        _add(scores, example, make_answers(source, example, other), weights, networks)
    for found in (scores.truth, *scores.rows.values()):
        found[:] = [found[-1], *found[:-1]]  # the first was scored last, see `pair_with_another`
    return scores


def _add(scores: Scores, example: Example, pictures: dict, weights: np.ndarray, networks: Networks) -> None:
    found = {row: {"id": example.id} | picture_scores.score(example.truth, p, weights) for row, p in pictures.items()}
    judged = dict(list(pictures.items())[:_FEATURE_ROWS])
    if networks.lpips:
        for row, found_lpips in zip(judged, networks.lpips(example.truth, list(judged.values())), strict=True):
            found[row]["lpips"] = found_lpips
    if networks.frechet:
        judged["truth"] = example.truth
        for row, features in zip(judged, networks.frechet(list(judged.values())), strict=True):
            scores.moments.setdefault(row, Moments()).add(features[None])
    for row, values in found.items():
        scores.rows.setdefault(row, []).append(values)
    scores.grey += filters.is_grey(lab.rgb_to_lab(example.truth))
    own = {"colourfulness": colourfulness(example.truth)}
    scores.truth.append(own | {"colourfulness_abs": colourfulness(example.truth, absolute=True)})
    for name, picture in (("truth", example.truth), ("run", example.picture)):
        scores.histograms[name] += ab_histogram.ab_histogram(picture)


def make_answers(source: Source, example: Example, other: Example) -> dict[str, np.ndarray]:
    """The pictures that are scored against the truth, by row: the answer, and the trivial answers.

    Returns:
      uint8 [H, W, 3] sRGB each.
    """
    truth = example.lab[..., 1:]  # (H, W, 2)
    return {
        source.answer: example.picture,
        "grey": example.with_ab((0, 0)),
        source.mean_name: example.with_ab(source.mean_ab),
        "another picture's ab": example.with_ab(_resize(other.lab[..., 1:], truth.shape)),
        "true ab halved": example.with_ab(truth / 2),
    }


def pair_with_another(examples: Iterable[Example]) -> Iterator[tuple[Example, Example]]:
    """Each example with the one before it; the first comes at the end, with the last."""
    examples = iter(examples)
    first = before = next(examples)
    for example in examples:
        yield example, before
        before = example
    yield first, before


def _resize(ab: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """ab float32 [h, w, 2] at another shape (H, W, 2), bilinear."""
    if ab.shape == shape:
        return ab
    channels = [Image.fromarray(np.ascontiguousarray(ab[..., i])) for i in range(2)]
    return np.stack([np.asarray(c.resize(shape[1::-1], Image.Resampling.BILINEAR)) for c in channels], axis=-1)


def make_rows(scores: Scores) -> list[dict]:
    """The table's rows: means, their intervals, and the Frechet distances there are."""
    rows = [{"row": row} | picture_scores.summarise(found) for row, found in scores.rows.items()]
    for row in rows:
        if row["row"] in scores.moments:
            row["frechet"] = distance(scores.moments[row["row"]], scores.moments["truth"])
    return rows


def make_truth_row(scores: Scores, encoding_fidelity: dict | None) -> dict:
    """The last row: the truth itself, with its colourfulness.

    Args:
      encoding_fidelity: of records, how they differ from the original pixels; None where the truth is the file itself.
    """
    if encoding_fidelity:
        name, known = TRUTH_ROW, encoding_fidelity
    else:
        count = len(scores.truth)
        name, known = "truth itself", {"pictures": count, "infinite_psnr": count, "psnr": None}
    columns = {key: np.array([s[key] for s in scores.truth]) for key in scores.truth[0]}
    means = {key: float(values.mean()) for key, values in columns.items()}
    gaps = dict.fromkeys(("colourfulness_gap", "colourfulness_gap_each"), 0.0)
    return {"row": name} | known | means | gaps | {"intervals": bootstrap.mean_intervals(columns)}


def make_card(source: Source, scores: Scores, networks: Networks) -> dict[str, str]:
    """How the scores were measured, as short strings: what a reader needs to compare them with others."""
    pictures = len(scores.truth)
    few = "; WARNING: of so few pictures they are too narrow" if pictures < bootstrap.FEW else ""
    return source.card() | {
        "colour_space": "8-bit sRGB; L*, a*, b*: CIELAB, D65, 2 degree observer, L* of luminance",
        "answers": "trivial rows: the truth's L* with the row's ab, chroma reduced into sRGB, rounded to 8 bits",
        "grey_truths": f"{scores.grey} of {pictures}: no a* or b* beyond {filters.GREY_AB:.0f}; they are scored",
        "psnr": "mean over pictures, infinite ones left out; beside it the PSNR of the mean MSE of all pictures",
        "ssim": "11x11 Gaussian, sigma 1.5, over sRGB channels",
        "auc": AUC,
        "colourfulness": "Hasler and Suesstrunk M3, signed; (absolute) with |R - G| and |(R + G)/2 - B|",
        "intervals": f"{100 * bootstrap.SHARE:.0f} %, percentile bootstrap over the {pictures} pictures{few}",
        "bootstrap_resamples": str(bootstrap.RESAMPLES),
        "bootstrap_seed": str(bootstrap.SEED),
        "frechet": networks.frechet.describe(pictures) if networks.frechet else "not computed (--frechet_weights)",
        "lpips": networks.lpips.describe() if networks.lpips else "not computed (--lpips_weights)",
    }


def format_histograms(scores: Scores) -> dict:
    """The ab histograms as metrics.json has them: pixels over a* (rows) and b* (columns)."""
    counts = {name: found.tolist() for name, found in scores.histograms.items()}
    return counts | {"step": ab_histogram.STEP, "low": ab_histogram.LOW}


def choose_examples(scores: list[dict], first: int) -> list[tuple[str, int]]:
    """(why, number) of the first pictures, and of the best, median and worst by CIEDE2000."""
    by_difference = sorted(range(len(scores)), key=lambda number: scores[number]["ciede2000"])
    middle = max(0, (len(scores) - _OF_A_KIND) // 2)
    chosen = {
        "first": range(min(first, len(scores))),
        "best": by_difference[:_OF_A_KIND],
        "median": by_difference[middle : middle + _OF_A_KIND],
        "worst": by_difference[::-1][:_OF_A_KIND],
    }
    return [(why, number) for why, numbers in chosen.items() for number in numbers]


def keep_examples(source: Source, scores: list[dict], first: int, folder: EvaluationFolder) -> list[dict]:
    """Writes the chosen examples to the folder; returns them as metrics.json names them.

    The median pictures are known once all are scored. So the chosen ones are read and coloured once more: keeping
    all pictures until then would take more disk than the pictures themselves.
    """
    chosen = choose_examples(scores, first)
    numbers = sorted({number for _, number in chosen})
    files = {}
    for number, example in zip(numbers, source.examples(numbers), strict=True):
        pictures = {"grey": example.with_ab((0, 0)), "coloured": example.picture, "truth": example.truth}
        files[number] = {kind: f"{number:03d}_{kind}.png" for kind in pictures}
        for kind, name in files[number].items():
            Image.fromarray(pictures[kind]).save(folder.picture(name))
    return [
        {"id": scores[n]["id"], "files": files[n], "why": why, "scores": null_infinite(scores[n])} for why, n in chosen
    ]


def remove_examples(folder: EvaluationFolder) -> None:
    """Deletes the examples of an earlier evaluation, which would stay beside the new ones; nothing else."""
    for name in os.listdir(folder.path):
        if _EXAMPLE_FILE.fullmatch(name):
            os.remove(folder.picture(name))


def null_infinite(scores: dict) -> dict:
    """JSON has no infinity; an infinite PSNR (the answer equals the truth) is null."""
    return {key: value if isinstance(value, str) or np.isfinite(value) else None for key, value in scores.items()}
