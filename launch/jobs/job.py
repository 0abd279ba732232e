"""A command that is to run on a cluster: what every target's job file is made from."""

import dataclasses

STOPPED = 75  # exit code of training that SIGTERM stopped; "try again later" of sysexits.h
TERMINATED = 143  # exit code of a command that SIGTERM ended before it could save, or that has nothing to save
WRONG_FLAGS = 2
GRACE = 120  # seconds between SIGTERM and SIGKILL: time for one row of steps and a checkpoint


@dataclasses.dataclass(frozen=True)
class Job:
    """A command and the machines it gets; what a target does not read has its default.

    `flags`: those of the command, flag files read. `cpus`, `memory` (GiB) and `gpus` are each worker's.
    """

    command: str
    flags: tuple[str, ...]
    name: str
    workers: int = 1
    cpus: int = 8
    memory: int = 32
    gpus: int = 0
    gpu_type: str = "NVIDIA_TESLA_T4"
    machine_type: str = "n1-standard-8"
    image: str = ""
    namespace: str = "default"
    claim: str = ""
    mount: str = "/shared"
    service_account: str = ""
    project: str = ""
    region: str = ""
    bucket: str = ""
    setup_file: str = "setup.py"
    partition: str = ""
    account: str = ""
    time: str = ""
    tintmill: str = "tintmill"

    def arguments(self, *before: str) -> list[str]:
        """`before`, which the target gives, then the user's flags: of a flag given twice the last one counts."""
        stopped = [f"--stopped_code={STOPPED}"] if self.command == "train" else []
        return [self.command, *stopped, *before, *self.flags]


def is_bucket(path: str) -> bool:
    return path.startswith("gs://")
