"""The result of a study: how often coloured pictures were taken for real, with Wilson intervals.

In `2afc` a coloured picture was taken for real where the real picture of the pair was called the coloured one. Colours
that cannot be told from real ones come to 50 %. In `single` it was taken for real where it was called real. Read that
share beside the share of real pictures that were called real.

Only participants who came to the end count: how attentive the others were is not known.
"""

import collections
import dataclasses
import math
import statistics
from collections.abc import Mapping, Sequence

from tintmill.launch.pages.studies import trials
from tintmill.launch.pages.studies.answers import Answered
from tintmill.launch.pages.studies.settings import REAL, LeftOut, Study

CONFIDENCE = 0.95


@dataclasses.dataclass(frozen=True)
class Published:
    """A published share of coloured pictures taken for real, and how it was asked for."""

    name: str
    share: float
    protocol: str


# The protocols differ from each other and from a study's, so that the shares cannot be compared row by row.
PUBLISHED = (
    Published(
        "koalarization (Baldassarre et al. 2017), user study",
        0.4587,
        "one picture at a time, real or recoloured; 12 pictures, 9 of them recoloured, among its best; about 41 "
        "people. Chosen pictures flatter, and with single pictures 50 % is no ceiling: what counts is how often "
        "real ones are called real",
    ),
    Published(
        "Zhang et al. 2016, full method, Amazon Mechanical Turk",
        0.323,
        "pairs of one picture (2AFC) at 256x256, 1 second, 10 practice and 40 test pairs, 40 people; pictures of "
        "ImageNet's test set. 50 % is the ceiling: real and coloured cannot be told apart",
    ),
)


def wilson(successes: int, count: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Wilson's score interval of a share, without continuity correction (Wilson 1927; Newcombe 1998, method 3).

    Raises:
      ValueError: no observation, or more successes than observations.
    """
    if not 0 <= successes <= count or not count:
        raise ValueError(f"wanted 0 <= successes <= count and count > 0, got {successes} and {count}")
    z = statistics.NormalDist().inv_cdf((1 + confidence) / 2)
    share = successes / count
    middle = share + z * z / (2 * count)
    half = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    scale = 1 + z * z / count
    return max(0.0, (middle - half) / scale), min(1.0, (middle + half) / scale)


@dataclasses.dataclass(frozen=True)
class Share:
    """How many answers took a picture for real.

    `share` and its interval `low` to `high` are 0..1; without answers they and `median_seconds` are None.
    """

    answers: int
    taken_for_real: int
    share: float | None
    low: float | None
    high: float | None
    median_seconds: float | None


@dataclasses.dataclass(frozen=True)
class PictureShare:
    """The share of one model's version of one picture."""

    picture: str
    number: int
    model: str
    taken: Share


@dataclasses.dataclass(frozen=True)
class Summary:
    """The result of a study.

    Attributes:
      participants: those whose answers count.
      left_out_by_checks: those who came to the end and missed too many checks of attention.
      unfinished: those who began and did not come to the end.
      checks_passed: share of the checks, of all who came to the end; None without checks.
      each_picture: those taken for real most often first.
    """

    settings: dict[str, object]
    pictures: int
    pictures_left_out: Sequence[LeftOut]
    participants: int
    left_out_by_checks: int
    unfinished: int
    checks_passed: float | None
    confidence: float
    models: Mapping[str, Share]
    real_taken_for_real: Share
    each_picture: Sequence[PictureShare]
    published: Sequence[Published]

    def to_json(self) -> dict:
        """The content of result.json."""
        content = dataclasses.asdict(self)
        content["each_picture"] = [row | row.pop("taken") for row in content["each_picture"]]
        return content


def summarise(study: Study, rows: Sequence[Answered]) -> Summary:
    """Counts the answers of all participants who came to the end and passed enough checks."""
    people = collections.defaultdict(list)
    for row in rows:
        people[row.code].append(row)
    begun = {code: found for code, found in people.items() if any(row.answer for row in found)}
    finished = {code: found for code, found in begun.items() if all(row.answer for row in found)}
    missed = {code: _missed_checks(found) for code, found in finished.items()}
    attentive = {code for code, share in missed.items() if share <= study.settings.missed_checks}
    counted = [
        row
        for code in attentive
        for row in finished[code]
        if row.trial.part == trials.QUESTION and not row.trial.is_check
    ]
    checks = [row for found in finished.values() for row in found if row.trial.is_check]
    asked = ("mode", "seconds", "side", "questions", "practice", "checks", "missed_checks")
    return Summary(
        settings={name: getattr(study.settings, name) for name in asked},
        pictures=len(study.pictures),
        pictures_left_out=study.left_out,
        participants=len(attentive),
        left_out_by_checks=len(finished) - len(attentive),
        unfinished=len(begun) - len(finished),
        checks_passed=_mean([row.answer == row.trial.right for row in checks]),
        confidence=CONFIDENCE,
        models=_count_by_model(study, counted),
        real_taken_for_real=_count([row for row in counted if row.trial.fake == REAL]),
        each_picture=_count_by_picture(study, counted),
        published=PUBLISHED,
    )


def is_taken_for_real(row: Answered) -> bool:
    """Whether the picture in question was called real; in a pair: whether the other one was called coloured."""
    return row.answer == "real" if not row.trial.b else row.answer != row.trial.right


def _missed_checks(rows: Sequence[Answered]) -> float:
    return _mean([row.answer != row.trial.right for row in rows if row.trial.is_check]) or 0.0


def _count_by_model(study: Study, rows: Sequence[Answered]) -> dict[str, Share]:
    return {model: _count([row for row in rows if row.trial.fake == model]) for model in study.settings.models}


def _count_by_picture(study: Study, rows: Sequence[Answered]) -> list[PictureShare]:
    """The share of each coloured picture that was asked about, those taken for real most often first."""
    asked = collections.defaultdict(list)
    for row in rows:
        if row.trial.fake != REAL:
            asked[row.trial.picture, row.trial.fake].append(row)
    found = [
        PictureShare(study.pictures[number], number, model, _count(answered))
        for (number, model), answered in asked.items()
    ]
    return sorted(found, key=lambda row: (-row.taken.share, row.picture, row.model))


def _count(rows: Sequence[Answered]) -> Share:
    if not rows:
        return Share(0, 0, None, None, None, None)
    taken = sum(is_taken_for_real(row) for row in rows)
    low, high = wilson(taken, len(rows))
    seconds = statistics.median(row.milliseconds for row in rows) / 1000
    return Share(len(rows), taken, taken / len(rows), low, high, seconds)


def _mean(outcomes: Sequence[bool]) -> float | None:
    return sum(outcomes) / len(outcomes) if outcomes else None
