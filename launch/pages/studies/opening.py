"""Opening a study: its folder is read, or made with all pictures where there is no study yet."""

import secrets
from collections.abc import Mapping, Sequence

from tintmill.launch.pages.studies import pictures, settings
from tintmill.launch.pages.studies.settings import LeftOut, Study, StudySettings
from tintmill.pipeline.common.errors import TintmillError


def open_study(folder: str, given: Mapping[str, object]) -> Study:
    """The study of a folder, which is begun where the folder holds none.

    Args:
      given: settings by name. A study that was begun must have them; a new one has them, and defaults for the others.
    Raises:
      TintmillError: the study is damaged or has other settings, or `begin` refuses.
    """
    study = settings.load(folder)
    if study:
        settings.check_same(study, given)
        return study
    if not given.get("real") or not given.get("coloured"):
        raise TintmillError(f"--output={folder}: no study in it yet; begin one with --real=DIR --coloured=NAME=DIR")
    return begin(folder, StudySettings(**given))


def begin(folder: str, wanted: StudySettings) -> Study:
    """Writes a study's pictures, and then its settings, which make the folder a whole one.

    Raises:
      TintmillError: a folder of pictures is missing, too few pictures are in all of them, or `folder` cannot be
        written.
    """
    matched, unmatched = pictures.match(wanted)
    _check_enough(wanted, len(matched), unmatched)
    study = Study(folder, secrets.token_hex(4), wanted, [], [])
    try:
        names, left_out = pictures.write(study, matched)
    except OSError as error:
        raise TintmillError(f"--output={folder}: cannot be written: {error}") from error
    _check_enough(wanted, len(names), unmatched + left_out)
    study = Study(folder, study.id, wanted, names, unmatched + left_out)
    settings.save(study)
    return study


def _check_enough(wanted: StudySettings, found: int, left_out: Sequence[LeftOut]) -> None:
    if found < wanted.pictures_needed:
        why = f" ({len(left_out)} left out, as {left_out[0].picture}: {left_out[0].why})" if left_out else ""
        raise TintmillError(
            f"--questions={wanted.questions} --practice={wanted.practice} --checks={wanted.checks} want "
            f"{wanted.pictures_needed} pictures, each asked once; {found} are in all folders{why}; lower these flags"
        )


def describe(study: Study) -> str:
    """The study in a line or two: what is asked, and how many pictures were left out."""
    asked = study.settings
    out = study.left_out
    lines = [
        f"{len(study.pictures)} pictures, {', '.join(asked.models)}; {asked.mode}, {asked.practice} for practice, "
        f"{asked.questions} questions, {asked.checks} checks; shown for {asked.seconds:g} s (0: until answered)"
    ]
    if out:
        lines.append(f"left out of the pictures: {len(out)}, as {out[0].picture}: {out[0].why}; all in study.json")
    return "\n".join(lines)
