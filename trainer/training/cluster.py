"""The processes that train together: one, or those that TF_CONFIG names.

Workers wait for the chief's checkpoint before they exit, because some schedulers end all tasks with the first one.
"""

import dataclasses
import json
import os

from tintmill.pipeline.common.errors import TintmillError

_LAYOUT = '{"cluster": {"worker": ["host:port", ...]}, "task": {"type": "worker", "index": 0}}'


@dataclasses.dataclass(frozen=True)
class Cluster:
    """The place of this process among all: `rank` is 0 .. `workers` - 1. Rank 0 is the chief, which alone writes."""

    rank: int = 0
    workers: int = 1

    @property
    def chief(self) -> bool:
        return self.rank == 0


ALONE = Cluster()


def read_environment() -> Cluster:
    """What TF_CONFIG says; one process alone where it is not set.

    Raises:
      TintmillError: TF_CONFIG is not of TensorFlow's layout, or names other tasks than chief and worker.
    """
    text = os.environ.get("TF_CONFIG", "")
    if not text:
        return ALONE
    try:
        config = json.loads(text)
        tasks, kind, index = config["cluster"], config["task"]["type"], int(config["task"]["index"])
        counts = {name: len(addresses) for name, addresses in tasks.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise TintmillError(f"TF_CONFIG={text!r}: {error!r}; wanted {_LAYOUT}") from error
    if set(counts) - {"chief", "worker"} or not 0 <= index < counts.get(kind, 0):
        raise TintmillError(f"TF_CONFIG={text!r}: wanted tasks of chief and worker alone, and one of them as the task")
    before = counts.get("chief", 0) if kind == "worker" else 0
    return Cluster(before + index, sum(counts.values()))
