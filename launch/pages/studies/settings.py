"""What decides a study, and the study folder that holds it.

STUDY/study.json    settings, the pictures' names and what was left out; written last, so that a folder with it is whole
STUDY/pictures/     the pictures as they are shown
STUDY/answers.db    SQLite: participants, what each was shown, what each answered
"""

import dataclasses
import json
import os
import re

from tintmill.pipeline.common import files
from tintmill.pipeline.common.errors import TintmillError

MODES = ("2afc", "single")
REAL, CHECK = "real", "check"  # what may be shown of a picture beside the models' versions
_FILE = "study.json"


@dataclasses.dataclass(frozen=True)
class StudySettings:
    """Settings of a study; they are kept with it and do not change: answers that were asked
    otherwise are no sample of one share.

    `coloured`: folder by model. `seconds`: how long pictures are shown, 0 until they are answered. `questions` count,
    `practice` ones and `checks` of attention come on top. `missed_checks`: who misses a greater share of the checks is
    left out of the result. `side`: the longer side of the pictures shown, in pixels.
    """

    real: str
    coloured: dict[str, str]
    mode: str = "2afc"
    seconds: float = 1.0
    questions: int = 40
    practice: int = 10
    checks: int = 4
    missed_checks: float = 0.25
    side: int = 512

    @property
    def models(self) -> list[str]:
        return list(self.coloured)

    @property
    def pictures_needed(self) -> int:
        """Each picture is asked once at most: who has seen it twice knows which was real."""
        return self.questions + self.practice + self.checks


@dataclasses.dataclass(frozen=True)
class Study:
    """A study whose pictures are prepared; `id` tells its cookies from those of other studies on this machine."""

    folder: str
    id: str
    settings: StudySettings
    pictures: list[str]
    left_out: list[dict]

    @property
    def answers_path(self) -> str:
        return os.path.join(self.folder, "answers.db")

    def picture_path(self, number: int, shown: str) -> str:
        """The file of picture `number` as `shown`: REAL, CHECK or a model's name."""
        version = shown if shown in (REAL, CHECK) else f"model{self.settings.models.index(shown)}"
        return os.path.join(self.folder, "pictures", f"{number:05d}_{version}.png")


def parse_coloured(values: list[str]) -> dict[str, str]:
    """--coloured=NAME=DIR, as often as there are models: folder by name.

    Raises:
      TintmillError: one is not NAME=DIR, or a name is odd or comes twice.
    """
    found: dict[str, str] = {}
    for value in values:
        name, equals, folder = value.partition("=")
        if not equals or not folder or not re.fullmatch(r"[\w.+ -]{1,40}", name) or name in (REAL, CHECK):
            raise TintmillError(
                f"--coloured={value}: wanted NAME=DIR, the name of letters, digits and ._+- and none of "
                f"{REAL}, {CHECK}: --coloured=mine=coloured"
            )
        if name in found:
            raise TintmillError(f"--coloured={value}: there are two models {name!r}; give each a name of its own")
        found[name] = os.path.abspath(os.path.expanduser(folder))
    return found


def save(study: Study) -> None:
    content = dataclasses.asdict(study)
    del content["folder"]
    files.write(os.path.join(study.folder, _FILE), json.dumps(content, indent=1) + "\n")


def load(folder: str) -> Study | None:
    """The study in a folder; None where there is none.

    Raises:
      TintmillError: it is damaged.
    """
    path = os.path.join(folder, _FILE)
    try:
        content = json.loads(files.read(path))
        settings = StudySettings(**content.pop("settings"))
        return Study(folder=folder, settings=settings, **content)
    except FileNotFoundError:
        return None
    except NotADirectoryError as error:
        raise TintmillError(f"--output={folder}: is no folder; give the folder of a study") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise TintmillError(f"{path} is damaged ({error}); begin anew in another folder") from error


def check_same(study: Study, wanted: dict) -> None:
    """Raises TintmillError where a setting asked for is not the study's: its answers were given under that."""
    saved = dataclasses.asdict(study.settings)
    other = [f"--{name}={value} is {saved[name]} there" for name, value in wanted.items() if value != saved[name]]
    if other:
        raise TintmillError(
            f"--output={study.folder} holds a study with other settings: {'; '.join(other)}; leave these flags out to "
            "go on with it, or give another folder"
        )
