"""Prints the job file that runs prepare or train on a cluster; it submits nothing.

Slurm and Kubernetes run both, Flink and Dataflow prepare, Vertex AI train.

    tintmill launch --target=slurm --workers=4 --gpus=8 -- train --data=DATASET --run=RUN
    tintmill launch --target=flink --workers=16 --image=IMAGE -- prepare --input=gs://... --output=gs://... --name=mine

Behind -- stands the command as it runs on one machine. Its flags are checked here as the command checks them, and its
flag files are read. The first lines of a job file say how to submit it. Images are built from
launch/jobs/Containerfile.
"""

import dataclasses
import sys
from collections.abc import Collection

from tintmill.launch.jobs import targets
from tintmill.launch.jobs.commands import read_command_line
from tintmill.launch.jobs.job import Job, Resources
from tintmill.pipeline.common import command, files, options
from tintmill.pipeline.common.options import option


@dataclasses.dataclass(frozen=True, kw_only=True)
class LaunchArguments(Resources):
    """What `tintmill launch` is asked for; `command` is the command line on one machine, without `tintmill`."""

    target: str = option(None, "What runs the command.", "What", choices=targets.TARGETS, required=True)
    name: str = option("", "Name of the job; by default tintmill-prepare or tintmill-train.", "What")
    output: str = option("", "File to write the job file to.", "Where the job file goes")
    print: bool = option(False, "Print the job file, as is done without --output.", "Where the job file goes")
    command: tuple[str, ...] = ()


FLAGS = options.define(LaunchArguments)
TOPICS = options.list_topics(LaunchArguments, order=("What", "Where the job file goes"))
_RESOURCES = tuple(field.name for field in dataclasses.fields(Resources))


def main(words: list[str]) -> None:
    arguments = options.read(LaunchArguments, FLAGS, command=tuple(words))
    given = [name for name in _RESOURCES if options.is_given(FLAGS, name)]
    text = make_job_file(arguments, given)
    if arguments.output:
        files.write(arguments.output, text)
    if arguments.print or not arguments.output:
        command.show(text.rstrip("\n"))


def make_job_file(arguments: LaunchArguments, given: Collection[str] | None = None) -> str:
    """The text of the job file; nothing is written.

    Args:
      given: the names of the resources that were asked for, which the target must read. By default those that differ
        from their defaults.
    Raises:
      WrongFlagError: the command or the target would refuse what they are given.
    """
    resources = {name: getattr(arguments, name) for name in _RESOURCES}
    if given is None:
        given = [name for name, value in resources.items() if value != getattr(Resources(), name)]
    line = read_command_line(arguments.command)
    job = Job(line.name, line.given, arguments.name or f"tintmill-{line.name}", **resources)
    targets.check(arguments.target, job, given, line)
    return targets.load(arguments.target).job_file(job)


def run_command(argv: list[str]) -> int:
    return command.run("launch", FLAGS, main, argv, __doc__, TOPICS)


if __name__ == "__main__":
    sys.exit(run_command(sys.argv[1:]))
