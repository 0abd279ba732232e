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
import dataclasses
import sys
from collections.abc import Mapping

from tintmill.launch.pages import serving
from tintmill.launch.pages.door import make_door
from tintmill.launch.pages.studies import opening, settings
from tintmill.launch.pages.studies.settings import StudySettings
from tintmill.pipeline.common import command, options
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.common.options import option


@dataclasses.dataclass(frozen=True)
class StudyArguments:
    """What `tintmill study` is asked for. `given`: the settings that are asked for by name; see `open_study`."""

    output: str = option(None, "Folder of the study.", "The study", required=True)
    report: bool = option(False, "Print the result so far; serve nothing.", "The study")
    host: str = serving.host_option()
    port: int = serving.port_option(7861)
    allowed_host: tuple[str, ...] = serving.allowed_host_option()
    token: str = serving.token_option()
    given: Mapping[str, object] = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        options.check(self)


FLAGS = options.define(StudyArguments, StudySettings)
TOPICS = options.list_topics(
    StudyArguments, StudySettings, order=("The study", "What is shown", "How people are asked", serving.TOPIC)
)


def main(words: list[str]) -> None:
    command.refuse_words(words)
    given = options.read_given(StudySettings, FLAGS)
    run_study(options.read(StudyArguments, FLAGS, given=given))


def run_study(arguments: StudyArguments) -> None:
    """Prints a study's result, or serves its pages until a signal comes.

    Raises:
      TintmillError: there is no such study, it cannot be begun, or the address cannot be listened on.
    """
    if arguments.report:
        report(arguments.output)
        return
    door = make_door(arguments.host, arguments.allowed_host, arguments.token)
    study = opening.open_study(arguments.output, arguments.given)
    print(opening.describe(study))
    from tintmill.launch.pages.studies import app
    from tintmill.launch.pages.studies.answers import Answers

    listening = serving.listen(arguments.host, arguments.port)
    with listening as listener, contextlib.closing(Answers(study.answers_path)) as answers:
        answers.check(study)
        serving.serve(app.build(study, answers), listener, door, "The study is")


def report(folder: str) -> None:
    """Prints the result so far of a study, and writes it beside the answers.

    Raises:
      TintmillError: there is no study in the folder, or its answers are damaged.
    """
    from tintmill.launch.pages.studies import result, result_page
    from tintmill.launch.pages.studies.answers import Answers

    study = settings.load(folder)
    if study is None:
        raise TintmillError(f"--output={folder}: no study in it; begin one with --real and --coloured")
    with contextlib.closing(Answers(study.answers_path)) as answers:
        answers.check(study)
        summary = result.summarise(study, answers.all())
    print(result_page.format_table(summary))
    print("\n".join(result_page.write(study, summary)))


def run_command(argv: list[str]) -> int:
    return command.run("study", FLAGS, main, argv, __doc__, TOPICS)


if __name__ == "__main__":
    sys.exit(run_command(sys.argv[1:]))
