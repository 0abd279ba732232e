"""Starts a Flink or Spark cluster on this machine, for first steps: several processes, as on machines of their own.

    tintmill cluster --engine=flink
    tintmill prepare --flagfile=cluster/prepare.flags --input=PHOTOS ...      (in another terminal)

It needs Java 17 and Maven, and fetches the rest once (600 MB). Ctrl-C ends it. The processes' logs lie in --folder.
"""

import dataclasses
import sys
import time
from pathlib import Path

from tintmill.launch.local_cluster.clusters import CLUSTERS, running_cluster
from tintmill.pipeline.common import command, options
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.common.options import at_least, option


@dataclasses.dataclass(frozen=True)
class ClusterArguments:
    """What `tintmill cluster` is asked for."""

    engine: str = option(None, "What to start.", "The cluster", choices=tuple(CLUSTERS), required=True)
    workers: int = option(2, "TaskManagers or Spark workers.", "The cluster", check=at_least(1, wrong_flag=True))
    folder: str = option("cluster", "For logs, and the flags of `tintmill prepare`.", "Output")

    def __post_init__(self):
        options.check(self)


FLAGS = options.define(ClusterArguments)
TOPICS = options.list_topics(ClusterArguments)


def main(words: list[str]) -> None:
    if words:
        raise TintmillError(f"{' '.join(words)}: wanted flags only, as --engine=flink")
    run_cluster(options.read(ClusterArguments, FLAGS))


def run_cluster(arguments: ClusterArguments) -> None:
    """Starts a cluster, writes the flags of `tintmill prepare` beside its logs, and stays until a signal comes.

    Raises:
      TintmillError: the cluster did not start, or one of its processes ended by itself.
    """
    with running_cluster(arguments.engine, Path(arguments.folder), arguments.workers) as cluster:
        flagfile = cluster.group.folder / "prepare.flags"
        flagfile.write_text("\n".join(cluster.flags) + "\n")
        said = f"{arguments.engine} is up; in another terminal:\n  tintmill prepare --flagfile={flagfile} ..."
        print(said, flush=True)
        while not cluster.group.list_ended():
            time.sleep(1)
        ended = cluster.group.list_ended()[0]
        raise TintmillError(f"{ended} ended by itself; its log is {cluster.group.log(ended)}")


def run_command(argv: list[str]) -> int:
    return command.run("cluster", FLAGS, main, argv, __doc__, TOPICS)


if __name__ == "__main__":
    sys.exit(run_command(sys.argv[1:]))
