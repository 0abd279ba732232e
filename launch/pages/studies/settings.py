"""What decides a study, and the study folder that holds it.

STUDY/study.json    settings, the pictures' names and what was left out; written last, so that a folder with it is whole
STUDY/pictures/     the pictures as they are shown
STUDY/answers.db    SQLite: participants, what each was shown, what each answered
"""

import dataclasses
import json
import os
import re
from collections.abc import Mapping, Sequence

from tintmill.pipeline.common import checked_json, files, options
from tintmill.pipeline.common.checked_json import mapping, of_dataclass, record, sequence, text
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.common.options import at_least, between, option

MODES = ("2afc", "single")
# The versions of a picture that may be shown beside those of the models.
REAL = "real"
CHECK = "check"
_FILE = "study.json"
# Headings of the help.
_SHOWN = "What is shown"
_ASKED = "How people are asked"


def _absolute(folder: str) -> str:
    return os.path.abspath(os.path.expanduser(folder)) if folder else ""


def parse_coloured(values: Sequence[str]) -> dict[str, str]:
    """Folder by name, of --coloured=NAME=DIR given once for each model.

    Raises:
      TintmillError: a value is not NAME=DIR, or a name has odd letters or comes twice.
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
        found[name] = _absolute(folder)
    return found


@dataclasses.dataclass(frozen=True)
class StudySettings:
    """What a study asks, and how.

    The settings are kept in the study's folder and do not change, because answers that were asked for in different ways
    have no common share.

    Attributes:
      real: folder of the pictures with their real colours.
      coloured: folder of coloured pictures by the name of the model that coloured them.
      seconds: how long pictures are shown; 0: until they are answered.
      questions: questions of each participant that count. `practice` and `checks` come on top of them.
      missed_checks: a participant who misses a greater share of the checks is left out of the result.
      side: the longer side of the pictures shown, in pixels.
    """

    real: str = option(None, "Folder of the pictures with their real colours.", _SHOWN, parse=_absolute)
    coloured: Mapping[str, str] = option(
        None,
        "NAME=DIR: a model's name and its pictures; repeatable.",
        _SHOWN,
        repeated=True,
        parse=parse_coloured,
        flag_default=(),
    )
    mode: str = option("2afc", "Pairs, or one picture at a time.", _ASKED, choices=MODES)
    seconds: float = option(
        1.0, "How long pictures are shown; 0: until answered.", _ASKED, check=between(0, 60, wrong_flag=True)
    )
    questions: int = option(
        40, "Questions a participant, each another picture.", _ASKED, check=at_least(1, wrong_flag=True)
    )
    practice: int = option(
        10, "Practice questions before them; the truth is told.", _ASKED, check=at_least(0, wrong_flag=True)
    )
    checks: int = option(
        4,
        "Checks of attention among the questions: colours that nobody takes for real.",
        _ASKED,
        check=at_least(0, wrong_flag=True),
    )
    missed_checks: float = option(
        0.25, "Who misses a greater share of the checks is left out.", _ASKED, check=between(0, 1, wrong_flag=True)
    )
    side: int = option(
        512, "Greatest side of the pictures shown, pixels.", _SHOWN, check=between(32, 4096, wrong_flag=True)
    )

    def __post_init__(self):
        options.check(self)

    @property
    def models(self) -> list[str]:
        return list(self.coloured)

    @property
    def pictures_needed(self) -> int:
        """A participant sees no picture twice: after the first time one knows which version was real."""
        return self.questions + self.practice + self.checks


@dataclasses.dataclass(frozen=True)
class LeftOut:
    """A picture that is not in the study, and why."""

    picture: str
    why: str


@dataclasses.dataclass(frozen=True)
class Study:
    """A study whose pictures are prepared.

    Attributes:
      id: tells its cookies from those of other studies on this machine.
      pictures: the pictures' names; a picture's number is its place in this list.
    """

    folder: str
    id: str
    settings: StudySettings
    pictures: list[str]
    left_out: list[LeftOut]

    @property
    def answers_path(self) -> str:
        return os.path.join(self.folder, "answers.db")

    def picture_path(self, number: int, shown: str) -> str:
        """The file of a version of a picture; `shown` is REAL, CHECK or a model's name."""
        version = shown if shown in (REAL, CHECK) else f"model{self.settings.models.index(shown)}"
        return os.path.join(self.folder, "pictures", f"{number:05d}_{version}.png")


_STUDY = record(
    {
        "id": text("[0-9a-f]{1,32}", "up to 32 hexadecimal digits"),
        "settings": of_dataclass(
            StudySettings, real=text(is_path=True), coloured=mapping(text(is_path=True), text(longest=40))
        ),
        "pictures": sequence(text()),
        "left_out": sequence(of_dataclass(LeftOut)),
    }
)


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
        content = checked_json.parse(files.read(path, largest=checked_json.LARGEST), _STUDY)
        settings = StudySettings(**content.pop("settings"))
        left_out = [LeftOut(**entry) for entry in content.pop("left_out")]
        return Study(folder=folder, settings=settings, left_out=left_out, **content)
    except FileNotFoundError:
        return None
    except NotADirectoryError as error:
        raise TintmillError(f"--output={folder}: is no folder; give the folder of a study") from error
    except OSError as error:
        raise TintmillError(f"{path}: cannot be read: {error}") from error
    except (ValueError, TypeError, TintmillError) as error:  # TypeError: settings that a study does not have
        raise checked_json.damaged(path, error, "begin anew in another folder") from error


def check_same(study: Study, wanted: Mapping[str, object]) -> None:
    """Raises TintmillError where a setting that is asked for differs from the study's own."""
    saved = dataclasses.asdict(study.settings)
    other = [f"--{name}={value} is {saved[name]} there" for name, value in wanted.items() if value != saved[name]]
    if other:
        raise TintmillError(
            f"--output={study.folder} holds a study with other settings: {'; '.join(other)}; leave these flags out to "
            "go on with it, or give another folder"
        )
