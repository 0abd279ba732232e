"""Slurm: a batch script, which puts itself back into the queue when it was stopped before its end.

A task's host is what `hostname` says on it; Slurm's name of the node may be another one.
"""

import os
import re
import shlex

import jinja2

from tintmill.launch.jobs.job import GRACE, STOPPED, TERMINATED, Job
from tintmill.pipeline.common.errors import WrongFlagError

COMMANDS = ("prepare", "train")
FIELDS = ("workers", "cpus", "memory", "gpus", "partition", "account", "time", "tintmill")
NEEDS = ()
REACHES = "any path that all nodes see"

_TIME = r"\d+(:\d\d){0,2}|\d+-\d+(:\d\d){0,2}"  # as `man sbatch` has them
_TEMPLATE = os.path.join(os.path.dirname(__file__), "slurm.sh.jinja")


def reaches(job: Job, path: str) -> bool:
    return True  # only the site knows which disks its nodes share


def check(job: Job) -> None:
    """The format of a time limit; partitions and accounts the site alone knows."""
    if job.time and not re.fullmatch(_TIME, job.time):
        raise WrongFlagError(f"--time={job.time}: wanted MINUTES, HOURS:MINUTES:SECONDS or DAYS-HOURS:MINUTES:SECONDS")


def job_file(job: Job) -> str:
    own = [f"--workers={job.cpus}"] if job.command == "prepare" else []
    line = shlex.join([job.tintmill, *job.arguments(*own)])
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, trim_blocks=True, keep_trailing_newline=True)
    with open(_TEMPLATE) as file:
        template = environment.from_string(file.read())
    return template.render(job=job, line=line, grace=GRACE, again=(STOPPED, TERMINATED))
