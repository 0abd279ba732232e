"""Google Cloud Dataflow: a script with the command line that submits the job, waits, and publishes the dataset.

Each CPU has a Python process of its own, and a process builds one shard at a time. More threads in one process would
share the interpreter's lock and hold a shard each. The same holds for Flink.
"""

import shlex

from tintmill.launch.jobs.job import Job, is_bucket

COMMANDS = ("prepare",)
FIELDS = ("workers", "machine_type", "image", "project", "region", "bucket", "setup_file", "service_account")
NEEDS = ("image", "project", "region", "bucket")
REACHES = "gs://BUCKET/..."

_HEAD = """#!/usr/bin/env bash
# Run it where Tintmill is installed with its extra `dataflow`, with Google Cloud credentials: bash FILE
# It stays until the dataset is published; run again, it goes on.
set -euo pipefail
"""


def reaches(job: Job, path: str) -> bool:
    return is_bucket(path)


def job_file(job: Job) -> str:
    account = [f"--service_account_email={job.service_account}"] if job.service_account else []
    code = [f"--setup_file={job.setup_file}"] if job.setup_file else []  # a change of the code takes no new image
    options = [
        "--runner=DataflowRunner",
        f"--project={job.project}",
        f"--region={job.region}",
        f"--job_name={job.name}",
        f"--temp_location=gs://{job.bucket}/tintmill/temp",
        f"--sdk_container_image={job.image}",  # the libraries, at the plan's versions
        *code,
        "--no_save_main_session",  # workers need nothing of __main__: the code is in modules
        f"--machine_type={job.machine_type}",
        f"--max_num_workers={job.workers}",
        "--number_of_worker_harness_threads=1",  # threads of each process; there is one process a CPU
        *account,
    ]
    line = ["exec", "tintmill", *job.arguments(*options)]
    return _HEAD + " \\\n  ".join([shlex.join(line[:3]), *map(shlex.quote, line[3:])]) + "\n"
