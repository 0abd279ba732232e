"""Are the coloured pictures taken for real? A local page that asks people, and the result with its intervals.

    tintmill study --real=PHOTOS --coloured=mine=COLOURED --output=STUDY
    tintmill study --output=STUDY                 go on with it, say after a restart
    tintmill study --output=STUDY --report        the result so far; writes STUDY/study.html and STUDY/result.json

Pictures are matched by name without extension. In --mode=2afc a participant sees the real and a coloured version of one
picture for --seconds and says which is coloured, as in Zhang et al. 2016; in --mode=single one version, real or
coloured. --coloured may be given several times, to compare models. Every answer is on the disk before it is
acknowledged, and a browser goes on where it was. Nothing about a person is stored but a random code.
"""

import contextlib
import os
import secrets
import sys

from absl import flags

from tintmill.launch.pages import serving
from tintmill.launch.pages.studies import pictures, settings
from tintmill.launch.pages.studies.settings import Study, StudySettings
from tintmill.pipeline.common import command
from tintmill.pipeline.common.errors import TintmillError

FLAGS = flags.FlagValues()
flags.DEFINE_string("real", None, "Folder of the pictures with their real colours.", flag_values=FLAGS)
flags.DEFINE_multi_string("coloured", [], "NAME=DIR: a model's name and its pictures; repeatable.", flag_values=FLAGS)
flags.DEFINE_string("output", None, "Folder of the study.", flag_values=FLAGS, required=True)
flags.DEFINE_bool("report", False, "Print the result so far; serve nothing.", flag_values=FLAGS)
flags.DEFINE_enum("mode", "2afc", settings.MODES, "Pairs, or one picture at a time.", flag_values=FLAGS)
flags.DEFINE_float("seconds", 1.0, "How long pictures are shown; 0: until answered.", 0.0, 60.0, flag_values=FLAGS)
flags.DEFINE_integer("questions", 40, "Questions a participant, each another picture.", 1, flag_values=FLAGS)
flags.DEFINE_integer("practice", 10, "Practice questions before them; the truth is told.", 0, flag_values=FLAGS)
flags.DEFINE_integer(
    "checks", 4, "Checks of attention among the questions: colours that nobody takes for real.", 0, flag_values=FLAGS
)
flags.DEFINE_float(
    "missed_checks", 0.25, "Who misses a greater share of the checks is left out.", 0.0, 1.0, flag_values=FLAGS
)
flags.DEFINE_integer("side", 512, "Greatest side of the pictures shown, pixels.", 32, 4096, flag_values=FLAGS)
serving.define_flags(FLAGS, port=7861)

# The headings of the help; each flag is below one of them.
TOPICS = {
    "The study": ("output", "report"),
    "What is shown": ("real", "coloured", "side"),
    "How people are asked": ("mode", "seconds", "questions", "practice", "checks", "missed_checks"),
    "The page": ("host", "port"),
}
_SETTINGS = ("mode", "seconds", "questions", "practice", "checks", "missed_checks", "side")


def main(arguments: list[str]) -> None:
    if arguments:
        raise TintmillError(f"wanted flags only, got {arguments}")
    study = settings.load(FLAGS.output)
    if FLAGS.report:
        report(study)
        return
    serving.check_installed("tintmill study")
    if study:
        settings.check_same(study, _given())
    else:
        study = prepare(FLAGS.output, _wanted())
    print(describe(study))
    serve(study)


def prepare(folder: str, wanted: StudySettings) -> Study:
    """Makes a study's pictures, then its folder whole.

    Raises:
      TintmillError: the folders do not fit together, or there are too few pictures.
    """
    matched, unmatched = pictures.match(wanted)
    _check_enough(wanted, len(matched), unmatched)
    study = Study(folder, secrets.token_hex(4), wanted, [], [])
    try:
        names, left_out = pictures.prepare(study, matched)
    except OSError as error:
        raise TintmillError(f"--output={folder}: cannot be written: {error}") from error
    _check_enough(wanted, len(names), unmatched + left_out)
    study = Study(folder, study.id, wanted, names, unmatched + left_out)
    settings.save(study)
    return study


def describe(study: Study) -> str:
    """The study in a line or two: what is asked, and what was left out."""
    asked, out = study.settings, study.left_out
    lines = [
        f"{len(study.pictures)} pictures, {', '.join(asked.models)}; {asked.mode}, {asked.practice} for practice, "
        f"{asked.questions} questions, {asked.checks} checks; shown for {asked.seconds:g} s (0: until answered)"
    ]
    if out:
        lines.append(
            f"left out of the pictures: {len(out)}, as {out[0]['picture']}: {out[0]['why']}; all in study.json"
        )
    return "\n".join(lines)


def serve(study: Study) -> None:
    from tintmill.launch.pages.studies import app
    from tintmill.launch.pages.studies.answers import Answers

    with serving.listen(FLAGS.host, FLAGS.port) as listener, contextlib.closing(Answers(study.answers_path)) as answers:
        serving.serve(app.build(study, answers), listener, "The study is")


def report(study: Study | None) -> None:
    """Prints the result so far, and writes it beside the answers."""
    from tintmill.launch.pages.studies import result
    from tintmill.launch.pages.studies.answers import Answers

    if study is None:
        raise TintmillError(f"--output={FLAGS.output}: no study in it; begin one with --real and --coloured")
    with contextlib.closing(Answers(study.answers_path)) as answers:
        summary = result.summarise(study, answers.all())
    print(result.format_table(summary))
    print("\n".join(result.write(study, summary)))


def _check_enough(wanted: StudySettings, found: int, left_out: list[dict]) -> None:
    if found < wanted.pictures_needed:
        why = f" ({len(left_out)} left out, as {left_out[0]['picture']}: {left_out[0]['why']})" if left_out else ""
        raise TintmillError(
            f"--questions={wanted.questions} --practice={wanted.practice} --checks={wanted.checks} want "
            f"{wanted.pictures_needed} pictures, each asked once; {found} are in all folders{why}; lower these flags"
        )


def _wanted() -> StudySettings:
    if not FLAGS.real or not FLAGS.coloured:
        raise TintmillError(
            f"--output={FLAGS.output}: no study in it yet; begin one with --real=DIR --coloured=NAME=DIR"
        )
    return StudySettings(
        _real(), settings.parse_coloured(FLAGS.coloured), **{name: FLAGS[name].value for name in _SETTINGS}
    )


def _given() -> dict:
    """The settings that this command line names."""
    given = {name: FLAGS[name].value for name in _SETTINGS if FLAGS[name].present}
    if FLAGS.real:
        given["real"] = _real()
    if FLAGS.coloured:
        given["coloured"] = settings.parse_coloured(FLAGS.coloured)
    return given


def _real() -> str:
    return os.path.abspath(os.path.expanduser(FLAGS.real))


def run_command(argv: list[str]) -> int:
    return command.run("study", FLAGS, main, argv, __doc__, topics=TOPICS)


if __name__ == "__main__":
    sys.exit(run_command(sys.argv[1:]))
