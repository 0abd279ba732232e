"""The targets by name, and what is refused before a job file is made for one."""

import importlib
import re
from collections.abc import Collection
from types import ModuleType

from tintmill.launch.jobs.commands import CommandLine
from tintmill.launch.jobs.job import Job
from tintmill.pipeline.common.errors import WrongFlagError
from tintmill.pipeline.dataset.settings import NAMED_WEIGHTS

TARGETS = ("flink", "dataflow", "slurm", "kubernetes", "vertex")
_NAME = re.compile(r"[a-z]([-a-z0-9]{0,50}[a-z0-9])?")  # Kubernetes' rule, less what the targets append


def load(name: str) -> ModuleType:
    """The module of a target; the docstring of `launch.jobs` says what it has."""
    return importlib.import_module(f"tintmill.launch.jobs.{name}")


def check(name: str, job: Job, given: Collection[str], line: CommandLine) -> None:
    """Checks that a target can run a job.

    Args:
      given: the fields of the job that were asked for.
    Raises:
      WrongFlagError: the target does not run the command, wants or does not read a field, does not have what is asked
        for, or its machines do not see a file that the command names.
    """
    target = load(name)
    if job.command not in target.COMMANDS:
        runs = ", ".join(target.COMMANDS)
        raise WrongFlagError(f"--target={name} runs {runs}, not {job.command}; choose another --target")
    if missing := [f"--{field}" for field in target.NEEDS if not getattr(job, field)]:
        raise WrongFlagError(f"--target={name} wants {', '.join(missing)} as well")
    if unread := [f"--{field}" for field in given if field not in target.FIELDS]:
        known = ", ".join(f"--{field}" for field in target.FIELDS)
        raise WrongFlagError(f"{', '.join(unread)}: not of --target={name}, which has {known}")
    if not _NAME.fullmatch(job.name):
        raise WrongFlagError(f"--name={job.name}: wanted at most 52 lower-case letters, digits and -, a letter first")
    if job.command == "prepare" and name in ("slurm", "kubernetes") and job.workers > 1:
        raise WrongFlagError(
            f"--workers={job.workers}: prepare is spread over machines by --target=flink or dataflow; with "
            f"--target={name} it is one machine's, give it --cpus"
        )
    target.check(job)
    for flag, path in line.list_paths():
        if path not in NAMED_WEIGHTS and not target.reaches(job, path):
            raise WrongFlagError(f"--{flag}={path}: the workers of --target={name} see {target.REACHES}")
