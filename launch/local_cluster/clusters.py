"""The clusters by the name of their engine, and how one is started."""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from tintmill.launch.local_cluster import engines
from tintmill.launch.local_cluster.flink import FlinkCluster
from tintmill.launch.local_cluster.processes import running_processes
from tintmill.launch.local_cluster.spark import SparkCluster
from tintmill.launch.local_cluster.standalone import StandaloneCluster

CLUSTERS: dict[str, type[StandaloneCluster]] = {"flink": FlinkCluster, "spark": SparkCluster}


@contextlib.contextmanager
def running_cluster(
    engine: str, folder: Path, workers: int, env: Mapping[str, str] | None = None
) -> Iterator[StandaloneCluster]:
    """A cluster that has started, and that ends with the block.

    Args:
      engine: a name in `CLUSTERS`.
      folder: for logs and configuration; it is made.
      workers: TaskManagers or Spark workers.
      env: environment of the Python workers, beside that of this process.
    Raises:
      TintmillError: the engine cannot be fetched, or a process does not start.
    """
    kind = CLUSTERS[engine]
    engines.fetch(kind.engine)
    with running_processes(folder.absolute()) as group:
        yield kind(group, workers, env)
