"""Google Cloud Dataflow: a script with the command line that submits the job, waits, and publishes the dataset.

Each CPU has a Python process of its own, and a process builds one shard at a time. More threads in one process would
share the interpreter's lock and hold a shard each. The same holds for Flink.
"""

import os
import shlex

from tintmill.launch.jobs import google_cloud
from tintmill.launch.jobs.job import Job, is_bucket
from tintmill.pipeline.common.errors import WrongFlagError

COMMANDS = ("prepare",)
FIELDS = ("workers", "machine_type", "image", "project", "region", "bucket", "setup_file", "package", "service_account")
NEEDS = ("image", "project", "region", "bucket")
REACHES = "gs://BUCKET/..."

_HEAD = """#!/usr/bin/env bash
# Run it where Tintmill is installed with its extra `dataflow`, with Google Cloud credentials: bash FILE
# It stays until the dataset is published; run again, it goes on.
set -euo pipefail
"""


def reaches(job: Job, path: str) -> bool:
    return is_bucket(path)


def check(job: Job) -> None:
    google_cloud.check_region(job.region)
    google_cloud.check_machine(job.machine_type)
    google_cloud.check_bucket(job.bucket)
    if job.setup_file and job.package:
        raise WrongFlagError("--setup_file and --package: both are the code that workers run; leave one of them out")
    if job.setup_file and not os.path.isfile(job.setup_file):
        raise WrongFlagError(
            f"--setup_file={job.setup_file}: no such file; wanted the setup.py of a checkout of Tintmill"
        )
    if job.package and not job.package.endswith((".whl", ".tar.gz")):
        raise WrongFlagError(f"--package={job.package}: wanted a wheel or source distribution, .whl or .tar.gz")
    if job.package and not is_bucket(job.package) and not os.path.isfile(job.package):
        raise WrongFlagError(f"--package={job.package}: no such file; `pip wheel --no-deps .` in a checkout makes one")


def job_file(job: Job) -> str:
    account = [f"--service_account_email={job.service_account}"] if job.service_account else []
    options = [
        "--runner=DataflowRunner",
        f"--project={job.project}",
        f"--region={job.region}",
        f"--job_name={job.name}",
        f"--temp_location=gs://{job.bucket}/tintmill/temp",
        f"--sdk_container_image={job.image}",  # the libraries, at the plan's versions
        *_list_code(job),
        "--no_save_main_session",  # workers need nothing of __main__: the code is in modules
        f"--machine_type={job.machine_type}",
        f"--max_num_workers={job.workers}",
        "--number_of_worker_harness_threads=1",  # threads of each process; there is one process a CPU
        *account,
    ]
    line = ["exec", "tintmill", *job.arguments(*options)]
    return _HEAD + " \\\n  ".join([shlex.join(line[:3]), *map(shlex.quote, line[3:])]) + "\n"


def _list_code(job: Job) -> list[str]:
    """Where the code comes from, if not from the image; a change of the code takes no new image. The paths are
    absolute, so that the script runs from any folder.
    """
    if job.setup_file:
        return [f"--setup_file={os.path.abspath(job.setup_file)}"]
    if job.package:
        return [f"--extra_package={job.package if is_bucket(job.package) else os.path.abspath(job.package)}"]
    return []
