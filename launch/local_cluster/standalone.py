"""What the clusters of all engines have in common: a head, workers that join it, and a pool of Python workers."""

import abc
from collections.abc import Mapping
from typing import ClassVar

from tintmill.launch.local_cluster import processes
from tintmill.launch.local_cluster.engines import Engine


class StandaloneCluster(abc.ABC):
    """A cluster whose processes are in a group, which ends them.

    Attributes:
      engine: what runs on it.
      head: name of the process that the workers join.
      group: the cluster's processes.
      port: where the head takes workers.
      page: port of the head's page, which says how the cluster is.
      pool: port of the pool of Python workers.
    """

    engine: ClassVar[Engine]
    head: ClassVar[str]

    def __init__(self, group: processes.Processes, workers: int, env: Mapping[str, str] | None = None):
        """Starts the cluster, and waits until all workers have joined.

        Args:
          workers: how many.
          env: environment of the Python workers, beside that of this process.
        Raises:
          TintmillError: a process did not start.
        """
        self.group = group
        self.page, self.port, self.pool = processes.free_ports(3)
        self.start_head()
        group.wait_until(self.head, self.is_ready)
        for number in range(workers):
            self.start_worker(number)
        processes.start_worker_pool(group, self.pool, env)
        group.wait_until(self.head, lambda: self.count_workers() == workers)

    @property
    @abc.abstractmethod
    def flags(self) -> list[str]:
        """The flags with which `tintmill prepare` runs here."""

    @abc.abstractmethod
    def start_head(self) -> None:
        """Starts the process that the workers join."""

    @abc.abstractmethod
    def start_worker(self, number: int) -> None:
        """Starts a worker; `number` tells it from the others."""

    @abc.abstractmethod
    def is_ready(self) -> bool:
        """Whether workers may join."""

    @abc.abstractmethod
    def count_workers(self) -> int | None:
        """How many workers have joined; None while the head does not answer."""

    @property
    def pool_flags(self) -> list[str]:
        """The flags by which a job takes its Python workers from the pool."""
        return ["--environment_type=EXTERNAL", f"--environment_config=localhost:{self.pool}"]
