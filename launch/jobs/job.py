"""What every target's job file is made from: a command, and the machines that it is to run on."""

import dataclasses

from tintmill.pipeline.common import options
from tintmill.pipeline.common.options import at_least, option

STOPPED = 75  # exit code of training that SIGTERM stopped; "try again later" of sysexits.h
TERMINATED = 143  # exit code of a command that SIGTERM ended before it could save, or that has nothing to save
WRONG_FLAGS = 2
GRACE = 120  # seconds between SIGTERM and SIGKILL: time for one row of steps and a checkpoint

_MACHINES = "Machines"
_CONTAINERS = "Containers (all but slurm)"
_KUBERNETES = "Kubernetes and Flink"
_GOOGLE = "Google Cloud: Dataflow and Vertex AI"
_SLURM = "Slurm"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Resources:
    """What a job gets. A target reads some of the fields (its `FIELDS`) and leaves the others at their defaults."""

    workers: int = option(1, "Machines, at most so many.", _MACHINES, check=at_least(1, wrong_flag=True))
    cpus: int = option(8, "CPUs of a worker.", _MACHINES, check=at_least(1, wrong_flag=True))
    memory: int = option(32, "Memory of a worker in GiB.", _MACHINES, check=at_least(1, wrong_flag=True))
    gpus: int = option(0, "GPUs of a worker.", _MACHINES, check=at_least(0, wrong_flag=True))
    image: str = option("", "Container image that has Tintmill.", _CONTAINERS)
    service_account: str = option("", "Whose rights the job has.", _CONTAINERS)
    namespace: str = option("default", "Kubernetes namespace.", _KUBERNETES)
    claim: str = option("", "PersistentVolumeClaim with the shared folder.", _KUBERNETES)
    mount: str = option("/shared", "Where the containers see the shared folder.", _KUBERNETES)
    project: str = option("", "Google Cloud project.", _GOOGLE)
    region: str = option("", "Google Cloud region.", _GOOGLE)
    machine_type: str = option("n1-standard-8", "Google Cloud's name of the machine.", _GOOGLE)
    gpu_type: str = option("NVIDIA_TESLA_T4", "Vertex AI's name of the GPU.", _GOOGLE)
    bucket: str = option("", "Bucket for what Dataflow stages.", _GOOGLE)
    setup_file: str = option("", "Tintmill's setup.py in a checkout, whose code replaces the image's.", _GOOGLE)
    package: str = option("", "Tintmill's wheel or .tar.gz, whose code replaces the image's.", _GOOGLE)
    partition: str = option("", "Slurm partition.", _SLURM)
    account: str = option("", "Slurm account.", _SLURM)
    time: str = option("", "Time limit of one stretch, as 24:00:00.", _SLURM)
    tintmill: str = option("tintmill", "The command on the nodes, as ENV/bin/tintmill.", _SLURM)

    def __post_init__(self):
        options.check(self)


@dataclasses.dataclass(frozen=True)
class Job(Resources):
    """A command with its flags (flag files already read), under the name that the scheduler shows, and its machines."""

    command: str
    flags: tuple[str, ...]
    name: str

    def arguments(self, *before: str) -> list[str]:
        """The words behind `tintmill`.

        Args:
          before: flags that the target adds. They stand before the user's, because of a flag given twice the last
            one counts.
        """
        stopped = [f"--stopped_code={STOPPED}"] if self.command == "train" else []
        return [self.command, *stopped, *before, *self.flags]


def is_bucket(path: str) -> bool:
    return path.startswith("gs://")
