"""What Google Cloud has, as far as a job file can be wrong about it: regions, machines, GPUs beside machines.

From the documentation of Vertex AI custom training ("Configure compute resources for custom training") and of Compute
Engine ("Regions and zones", "GPU machine types"), 2026. What is newer than these lists is refused: add it here.
"""

import difflib
import re

from tintmill.pipeline.common.errors import WrongFlagError

REGIONS = (
    *("africa-south1", "asia-east1", "asia-east2", "asia-northeast1", "asia-northeast2", "asia-northeast3"),
    *("asia-south1", "asia-south2", "asia-southeast1", "asia-southeast2", "australia-southeast1"),
    *("australia-southeast2", "europe-central2", "europe-north1", "europe-north2", "europe-southwest1"),
    *("europe-west1", "europe-west2", "europe-west3", "europe-west4", "europe-west6", "europe-west8"),
    *("europe-west9", "europe-west10", "europe-west12", "me-central1", "me-central2", "me-west1"),
    *("northamerica-northeast1", "northamerica-northeast2", "northamerica-south1", "southamerica-east1"),
    *("southamerica-west1", "us-central1", "us-east1", "us-east4", "us-east5", "us-south1", "us-west1", "us-west2"),
    *("us-west3", "us-west4"),
)

# GPUs that a machine of another kind than N1 has: they are part of it.
_BUILT_IN = {
    **{f"a2-highgpu-{n}g": ("NVIDIA_TESLA_A100", n) for n in (1, 2, 4, 8)},
    "a2-megagpu-16g": ("NVIDIA_TESLA_A100", 16),
    **{f"a2-ultragpu-{n}g": ("NVIDIA_A100_80GB", n) for n in (1, 2, 4, 8)},
    **{f"a3-highgpu-{n}g": ("NVIDIA_H100_80GB", n) for n in (1, 2, 4, 8)},
    "a3-megagpu-8g": ("NVIDIA_H100_MEGA_80GB", 8),
    "a3-ultragpu-8g": ("NVIDIA_H200_141GB", 8),
    "a4-highgpu-8g": ("NVIDIA_B200", 8),
    **{f"g2-standard-{cpus}": ("NVIDIA_L4", 1) for cpus in (4, 8, 12, 16, 32)},
    "g2-standard-24": ("NVIDIA_L4", 2),
    "g2-standard-48": ("NVIDIA_L4", 4),
    "g2-standard-96": ("NVIDIA_L4", 8),
}
# GPUs that are put beside a machine of the kind N1: how many there may be, and how many CPUs so many allow at most.
_BESIDE_N1 = {
    "NVIDIA_TESLA_T4": {1: 48, 2: 48, 4: 96},
    "NVIDIA_TESLA_P4": {1: 24, 2: 48, 4: 96},
    "NVIDIA_TESLA_P100": {1: 16, 2: 32, 4: 96},
    "NVIDIA_TESLA_V100": {1: 12, 2: 24, 4: 48, 8: 96},
}
GPU_TYPES = (*_BESIDE_N1, *sorted({gpu for gpu, _ in _BUILT_IN.values()}))
_MACHINE = r"[a-z]\d{1,2}[a-z]{0,2}-[a-z]+-(\d+)g?"  # kind, shape, CPUs or GPUs: n1-standard-8, a3-highgpu-8g
_N1 = r"n1-(standard|highmem|highcpu)-(\d+)"
_BUCKET = r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]"


def check_region(region: str) -> None:
    """Raises WrongFlagError where there is no such region."""
    if region not in REGIONS:
        near = difflib.get_close_matches(region, REGIONS, n=1)
        remedy = f"is {near[0]} meant?" if near else f"wanted a region of Google Cloud, one of {', '.join(REGIONS)}"
        raise WrongFlagError(f"--region={region}: no such region; {remedy}")


def check_bucket(bucket: str) -> None:
    """Raises WrongFlagError where the name is none of a bucket."""
    if not re.fullmatch(_BUCKET, bucket):
        raise WrongFlagError(f"--bucket={bucket}: wanted the name of a bucket alone, without gs:// and folders")


def check_machine(machine: str) -> None:
    """Raises WrongFlagError where the name is not made as those of machines are."""
    if not re.fullmatch(_MACHINE, machine):
        raise WrongFlagError(f"--machine_type={machine}: wanted a machine of Google Cloud, as n1-standard-8")


def check_gpus(machine: str, gpu: str, count: int) -> None:
    """Whether Vertex AI has a machine with so many GPUs of a type; with a count of 0 the type does not matter.

    Raises:
      WrongFlagError: it has not.
    """
    check_machine(machine)
    if machine in _BUILT_IN:
        wanted = _BUILT_IN[machine]
        if (gpu, count) != wanted:
            raise WrongFlagError(
                f"--gpus={count} --gpu_type={gpu}: --machine_type={machine} has {wanted[1]} of {wanted[0]}, give both"
            )
    elif count:
        _check_beside(machine, gpu, count)


def _check_beside(machine: str, gpu: str, count: int) -> None:
    if gpu not in GPU_TYPES:
        raise WrongFlagError(f"--gpu_type={gpu}: wanted one of {', '.join(GPU_TYPES)}")
    found = re.fullmatch(_N1, machine)
    if not found or gpu not in _BESIDE_N1:
        able = [name for name, (built_in, _) in _BUILT_IN.items() if built_in == gpu] or ["n1-standard-8", "other n1"]
        raise WrongFlagError(
            f"--machine_type={machine}: no {gpu} can be put beside it; give one of {', '.join(able)}, or --gpus=0"
        )
    allowed = _BESIDE_N1[gpu]
    if count not in allowed:
        raise WrongFlagError(f"--gpus={count}: of {gpu} a machine has {', '.join(map(str, allowed))}")
    if int(found[2]) > allowed[count]:
        raise WrongFlagError(
            f"--machine_type={machine}: beside {count} of {gpu} at most {allowed[count]} CPUs; give more --gpus or a "
            "smaller machine"
        )
