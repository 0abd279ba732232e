"""On what a run was trained: starts.jsonl, a line for each start that the run's weights come from.

Only the chief writes it: of other workers it says how many there are.
"""

import dataclasses
import importlib.metadata
import json
import os
import platform

from tintmill.pipeline.common import files
from tintmill.pipeline.common.errors import TintmillError

STARTS = "starts.jsonl"
_LIBRARIES = ("tintmill", "tensorflow", "keras", "numpy")


@dataclasses.dataclass(frozen=True)
class Start:
    """Training that went on from `step`. `devices`: those of one worker; `memory_gib`: of its machine."""

    step: int
    versions: dict[str, str]
    devices: list[str]
    workers: int
    processor: str
    cores: int
    memory_gib: float
    system: str


def record(run: str, start: Start) -> None:
    """Notes a start, unless it goes on where the last one was; earlier ones from its step or later are forgotten, for
    what they trained was lost.

    Raises:
      TintmillError: the file is damaged.
    """
    kept = [earlier for earlier in load(run) if earlier.step < start.step]
    if not kept or dataclasses.replace(start, step=kept[-1].step) != kept[-1]:
        kept.append(start)
    lines = [json.dumps(dataclasses.asdict(each)) + "\n" for each in kept]
    files.write(os.path.join(run, STARTS), "".join(lines))


def load(run: str) -> list[Start]:
    """The starts, oldest first; none where a run of an older version kept none.

    Raises:
      TintmillError: the file is damaged.
    """
    path = os.path.join(run, STARTS)
    if not os.path.exists(path):
        return []
    try:
        return [Start(**json.loads(line)) for line in files.read(path).decode().splitlines()]
    except (ValueError, TypeError) as error:
        raise TintmillError(f"{path} is damaged ({error}); delete it: nothing but the report reads it") from error


def describe(strategy, step: int) -> Start:
    """Versions, devices and machine of this process, which trains by `strategy` from `step` on."""
    devices = strategy.extended.worker_devices
    return Start(
        step=step,
        versions={name: _version(name) for name in _LIBRARIES} | {"python": platform.python_version()},
        devices=[_device_name(device) for device in devices],
        workers=strategy.num_replicas_in_sync // len(devices),
        processor=_processor(),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        memory_gib=round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        system=platform.platform(),
    )


def _version(library: str) -> str:
    try:
        return importlib.metadata.version(library)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"  # the source tree, run in place


def _device_name(device: str) -> str:
    """CPU:0, or a GPU with its maker's name for it."""
    kind, _, number = device.rpartition("device:")[2].partition(":")
    if kind != "GPU":
        return f"{kind}:{number}"
    import tensorflow as tf

    physical = tf.config.list_physical_devices("GPU")[int(number)]
    return f"GPU:{number} {tf.config.experimental.get_device_details(physical).get('device_name', '')}".rstrip()


def _processor() -> str:
    """The processor's name, where Linux knows it."""
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo") as f:
            for line in f:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
