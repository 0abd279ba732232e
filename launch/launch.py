"""Prints the job file that runs prepare or train on a cluster; it submits nothing.

    tintmill launch --target=slurm --workers=4 --gpus=8 -- train --data=DATASET --run=RUN
    tintmill launch --target=flink --workers=16 --image=IMAGE -- prepare --input=gs://... --output=gs://... --name=mine

Behind -- stands the command as it runs on one machine; its flags are checked here, and its flag files are read. The
first lines of a job file say how to submit it. Images are built from launch/jobs/Containerfile.
"""

import copy
import dataclasses
import importlib
import os
import re
import sys
from types import ModuleType

from absl import flags

from tintmill.launch.jobs.job import Job
from tintmill.pipeline import prepare
from tintmill.pipeline.common import command, files
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.dataset.settings import NAMED_WEIGHTS
from tintmill.trainer.training import train_flags

TARGETS = ("flink", "dataflow", "slurm", "kubernetes", "vertex")
COMMANDS = {"prepare": prepare.FLAGS, "train": train_flags.FLAGS}

FLAGS = flags.FlagValues()
_D = Job(command="", flags=(), name="")

flags.DEFINE_enum("target", None, TARGETS, "What runs the command.", flag_values=FLAGS, required=True)
flags.DEFINE_string("output", "", "File to write the job file to.", flag_values=FLAGS)
flags.DEFINE_boolean("print", False, "Print the job file, as is done without --output.", flag_values=FLAGS)
flags.DEFINE_string("name", "", "Name of the job; by default tintmill-prepare or tintmill-train.", flag_values=FLAGS)
flags.DEFINE_integer("workers", _D.workers, "Machines, at most so many.", lower_bound=1, flag_values=FLAGS)
flags.DEFINE_integer("cpus", _D.cpus, "CPUs of a worker.", lower_bound=1, flag_values=FLAGS)
flags.DEFINE_integer("memory", _D.memory, "Memory of a worker in GiB.", lower_bound=1, flag_values=FLAGS)
flags.DEFINE_integer("gpus", _D.gpus, "GPUs of a worker.", lower_bound=0, flag_values=FLAGS)
flags.DEFINE_string("gpu_type", _D.gpu_type, "Vertex AI's name of the GPU.", flag_values=FLAGS)
flags.DEFINE_string("machine_type", _D.machine_type, "Google Cloud's name of the machine.", flag_values=FLAGS)
flags.DEFINE_string("image", _D.image, "Container image that has Tintmill.", flag_values=FLAGS)
flags.DEFINE_string("namespace", _D.namespace, "Kubernetes namespace.", flag_values=FLAGS)
flags.DEFINE_string("claim", _D.claim, "PersistentVolumeClaim with the shared folder.", flag_values=FLAGS)
flags.DEFINE_string("mount", _D.mount, "Where the containers see the shared folder.", flag_values=FLAGS)
flags.DEFINE_string("service_account", _D.service_account, "Whose rights the job has.", flag_values=FLAGS)
flags.DEFINE_string("project", _D.project, "Google Cloud project.", flag_values=FLAGS)
flags.DEFINE_string("region", _D.region, "Google Cloud region.", flag_values=FLAGS)
flags.DEFINE_string("bucket", _D.bucket, "Bucket for what Dataflow stages.", flag_values=FLAGS)
flags.DEFINE_string(
    "setup_file", _D.setup_file, "Tintmill's setup.py, in its checkout; empty: the image's code.", flag_values=FLAGS
)
flags.DEFINE_string("partition", _D.partition, "Slurm partition.", flag_values=FLAGS)
flags.DEFINE_string("account", _D.account, "Slurm account.", flag_values=FLAGS)
flags.DEFINE_string("time", _D.time, "Time limit of one stretch, as 24:00:00.", flag_values=FLAGS)
flags.DEFINE_string("tintmill", _D.tintmill, "The command on the nodes, as ENV/bin/tintmill.", flag_values=FLAGS)

# The headings of the help; each flag is below one of them.
TOPICS = {
    "What": ("target", "name"),
    "Where the job file goes": ("output", "print"),
    "Machines": ("workers", "cpus", "memory", "gpus"),
    "Containers (all but slurm)": ("image", "service_account"),
    "Kubernetes and Flink": ("namespace", "claim", "mount"),
    "Google Cloud: Dataflow and Vertex AI": ("project", "region", "machine_type", "gpu_type", "bucket", "setup_file"),
    "Slurm": ("partition", "account", "time", "tintmill"),
}
_ALWAYS = {"target", "name", "output", "print"}

# Flags whose value is a file or folder that every worker reads or writes.
_PATHS = (
    *("data", "run", "encoder_weights", "perceptual_weights"),
    *("input", "reuse_lab", "output", "embedder_weights", "labels", "label_names", "synsets"),
)


def main(arguments: list[str]) -> None:
    target = importlib.import_module(f"tintmill.launch.jobs.{FLAGS.target}")
    check_target_flags(target, arguments)
    name, *rest = arguments
    values, given = read_command_flags(name, rest)
    job = make_job(name, given)
    check_paths(target, job, values)
    text = target.job_file(job)
    if FLAGS.output:
        files.write(FLAGS.output, text)
    if FLAGS.print or not FLAGS.output:
        command.show(text.rstrip("\n"))


def check_target_flags(target: ModuleType, arguments: list[str]) -> None:
    """Raises TintmillError where the target does not run the command, or a flag is missing or not one of the target."""
    if not arguments or arguments[0] not in COMMANDS:
        raise TintmillError(f"wanted `-- prepare FLAGS` or `-- train FLAGS` at the end, got {' '.join(arguments)!r}")
    if arguments[0] not in target.COMMANDS:
        runs = ", ".join(target.COMMANDS)
        raise TintmillError(f"--target={FLAGS.target} runs {runs}, not {arguments[0]}; choose another --target")
    if missing := [f"--{name}" for name in target.NEEDS if not FLAGS[name].value]:
        raise TintmillError(f"--target={FLAGS.target} wants {', '.join(missing)} as well")
    if unread := [f"--{name}" for name in FLAGS if FLAGS[name].present and name not in {*target.FLAGS, *_ALWAYS}]:
        known = ", ".join(f"--{name}" for name in target.FLAGS)
        raise TintmillError(f"{', '.join(unread)}: not of --target={FLAGS.target}, which has {known}")


def read_command_flags(name: str, argv: list[str]) -> tuple[flags.FlagValues, tuple[str, ...]]:
    """The command's flags as it would read them, and its arguments with the flag files read.

    Raises:
      TintmillError: it would refuse them, or they say what the target says.
    """
    values = copy.deepcopy(COMMANDS[name])
    try:
        given = values.read_flags_from_files(argv, force_gnu=False)
        rest = values([name, *given], known_only=name == "prepare")[1:]
    except flags.Error as error:
        found = " ".join(str(error).split())
        raise TintmillError(f"`tintmill {name}` would say: {found}; its --help lists the flags") from error
    if name == "train" and rest:
        raise TintmillError(f"`tintmill train` wants flags only, got {' '.join(rest)}")
    if name == "prepare" and values["runner"].present:
        raise TintmillError(f"--runner={values['runner'].value}: --target says that; leave it out")
    if rest:
        from tintmill.pipeline.beam import checks  # importing Beam takes seconds

        checks.check(checks.LOCAL_RUNNER, rest, values)  # as strict as on this machine
    return values, tuple(given)


def make_job(name: str, given: tuple[str, ...]) -> Job:
    """The job that the flags describe.

    Raises:
      TintmillError: of its name, its number of workers, or a setup.py that is not there.
    """
    read = {field.name for field in dataclasses.fields(Job)} - {"command", "flags", "name"}
    values = {field: FLAGS[field].value for field in read}
    job = Job(name, given, FLAGS.name or f"tintmill-{name}", **values)
    if not re.fullmatch(r"[a-z]([-a-z0-9]{0,50}[a-z0-9])?", job.name):
        raise TintmillError(f"--name={job.name}: wanted at most 52 lower-case letters, digits and -, a letter first")
    if name == "prepare" and FLAGS.target in ("slurm", "kubernetes") and job.workers > 1:
        raise TintmillError(
            f"--workers={job.workers}: prepare is spread over machines by --target=flink or dataflow; with "
            f"--target={FLAGS.target} it is one machine's, give it --cpus"
        )
    if FLAGS.target == "dataflow" and job.setup_file:
        job = dataclasses.replace(job, setup_file=_existing(job.setup_file))
    return job


def _existing(setup_file: str) -> str:
    path = os.path.abspath(setup_file)
    if not os.path.isfile(path):
        raise TintmillError(f"--setup_file={setup_file}: no such file; wanted the setup.py of a checkout of Tintmill")
    return path


def check_paths(target: ModuleType, job: Job, values: flags.FlagValues) -> None:
    """Raises TintmillError where the command names a file that the target's machines do not see."""
    for name in _PATHS:
        path = values[name].value if name in values else ""
        if path and path not in NAMED_WEIGHTS and not target.reaches(job, path):
            raise TintmillError(f"--{name}={path}: the workers of --target={FLAGS.target} see {target.REACHES}")


def run_command(argv: list[str]) -> int:
    return command.run("launch", FLAGS, main, argv, __doc__, topics=TOPICS)


if __name__ == "__main__":
    sys.exit(run_command(sys.argv[1:]))
