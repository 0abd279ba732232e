"""Who is shown what: a practice round, then questions with checks of attention among them, drawn for each participant.

No picture is asked twice of one person, so practice, questions and checks together want as many pictures. In `2afc` a
trial shows two versions of one picture; in `single` one version.
"""

import dataclasses
import random
import secrets

from tintmill.launch.pages.studies.settings import CHECK, REAL, StudySettings

PRACTICE, QUESTION = "practice", "question"
ANSWERS = {"2afc": ("a", "b"), "single": ("real", "coloured")}


@dataclasses.dataclass(frozen=True)
class Trial:
    """One question.

    Attributes:
      part: PRACTICE or QUESTION.
      picture: the picture's number.
      a, b: the versions shown: REAL, CHECK or a model's name. `b` is empty where one version is shown.
      token_a, token_b: the names under which the browser gets the pictures; random, others for each participant.
    """

    number: int
    part: str
    picture: int
    a: str
    b: str
    token_a: str
    token_b: str

    @property
    def fake(self) -> str:
        """The version that is not real: a model's name or CHECK; REAL where `single` shows the real picture."""
        return self.b if self.a == REAL and self.b else self.a

    @property
    def is_check(self) -> bool:
        return self.fake == CHECK

    @property
    def right(self) -> str:
        """The right answer: the side of the coloured version, or what the only version is."""
        if self.b:
            return "b" if self.a == REAL else "a"
        return "real" if self.a == REAL else "coloured"


def draw(settings: StudySettings, pictures: int, source: random.Random) -> list[Trial]:
    """Draws the trials of one participant.

    Args:
      pictures: how many pictures the study has; at least `settings.pictures_needed`.
    """
    practice = _versions(settings, settings.practice, source)
    asked = [*_versions(settings, settings.questions, source), *([CHECK] * settings.checks)]
    source.shuffle(asked)
    chosen = source.sample(range(pictures), len(practice) + len(asked))
    parts = [PRACTICE] * len(practice) + [QUESTION] * len(asked)
    return [
        _trial(number, part, picture, version, settings.mode, source)
        for number, (part, picture, version) in enumerate(zip(parts, chosen, practice + asked, strict=True))
    ]


def _versions(settings: StudySettings, count: int, source: random.Random) -> list[str]:
    """The versions that `count` trials ask about: each model equally often, give or take one, and in `single` half of
    them real."""
    real = count // 2 if settings.mode == "single" else 0
    models = source.sample(settings.models, len(settings.models))
    found = [REAL] * real + [models[i % len(models)] for i in range(count - real)]
    source.shuffle(found)
    return found


def _trial(number: int, part: str, picture: int, version: str, mode: str, source: random.Random) -> Trial:
    if mode == "single":
        return Trial(number, part, picture, version, "", secrets.token_urlsafe(12), secrets.token_urlsafe(12))
    shown = (version, REAL) if source.random() < 0.5 else (REAL, version)
    return Trial(number, part, picture, *shown, secrets.token_urlsafe(12), secrets.token_urlsafe(12))
