"""On what a run was trained: starts.jsonl, a line for each start that the run's weights come from.

Only the chief writes it: of other workers it says how many there are.
"""

import dataclasses
import importlib.metadata
import json
import os
import platform

from tintmill.pipeline.common import checked_json, files
from tintmill.pipeline.common.checked_json import number, of_dataclass, whole

_LIBRARIES = ("tintmill", "tensorflow", "keras", "numpy")


@dataclasses.dataclass(frozen=True)
class Start:
    """Training that went on from `step`.

    Attributes:
      versions: of Tintmill and of libraries, by name.
      devices: those of one worker.
      workers: how many processes trained together.
      processor, cores, memory_gib, system: of the chief's machine.
    """

    step: int
    versions: dict[str, str]
    devices: list[str]
    workers: int
    processor: str
    cores: int
    memory_gib: float
    system: str


_START = of_dataclass(Start, step=whole(0), workers=whole(0), cores=whole(0), memory_gib=number(0))


def record(path: str, start: Start) -> None:
    """Adds a start to the file at `path`, unless it is on the same machine and libraries as the last one.

    Earlier starts from its step or later are deleted: what they trained was lost.

    Raises:
      TintmillError: the file is damaged.
    """
    kept = [earlier for earlier in load(path) if earlier.step < start.step]
    if not kept or dataclasses.replace(start, step=kept[-1].step) != kept[-1]:
        kept.append(start)
    lines = [json.dumps(dataclasses.asdict(each)) + "\n" for each in kept]
    files.write(path, "".join(lines))


def load(path: str) -> list[Start]:
    """The starts in the file, oldest first; none where there is no file: older versions of Tintmill kept none.

    Raises:
      TintmillError: the file is damaged.
    """
    if not os.path.exists(path):
        return []
    try:
        lines = files.read(path, largest=checked_json.LARGEST).splitlines()
        return [Start(**checked_json.parse(line, _START)) for line in lines]
    except (ValueError, TypeError) as error:  # TypeError: fields that a start does not have
        raise checked_json.damaged(path, error, "delete it: nothing but the report reads it") from error


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
