"""Starts a Flink or Spark cluster on this machine, for first steps: several processes, as on machines of their own.

    tintmill cluster --engine=flink
    tintmill prepare --flagfile=cluster/prepare.flags --input=PHOTOS ...      (in another terminal)

It needs Java 17 and Maven, and fetches the rest once (600 MB). Ctrl-C ends it. The processes' logs lie in --folder.
"""

import sys
import time
from pathlib import Path

from absl import flags

from tintmill.launch.local_cluster import engines
from tintmill.launch.local_cluster.flink import FlinkCluster
from tintmill.launch.local_cluster.processes import processes
from tintmill.launch.local_cluster.spark import SparkCluster
from tintmill.pipeline.common import command
from tintmill.pipeline.common.errors import TintmillError

CLUSTERS = {"flink": FlinkCluster, "spark": SparkCluster}

FLAGS = flags.FlagValues()
flags.DEFINE_enum("engine", None, list(CLUSTERS), "What to start.", flag_values=FLAGS, required=True)
flags.DEFINE_integer("workers", 2, "TaskManagers or Spark workers.", lower_bound=1, flag_values=FLAGS)
flags.DEFINE_string("folder", "cluster", "For logs, and the flags of `tintmill prepare`.", flag_values=FLAGS)


def main(arguments: list[str]) -> None:
    if arguments:
        raise TintmillError(f"{' '.join(arguments)}: wanted flags only, as --engine=flink")
    kind = CLUSTERS[FLAGS.engine]
    engines.fetch(kind.engine)
    with processes(Path(FLAGS.folder).absolute()) as group:
        cluster = kind(group, FLAGS.workers)
        flagfile = group.folder / "prepare.flags"
        flagfile.write_text("\n".join(cluster.flags) + "\n")
        print(f"{FLAGS.engine} is up; in another terminal:\n  tintmill prepare --flagfile={flagfile} ...", flush=True)
        while not group.died():
            time.sleep(1)
        raise TintmillError(f"{group.died()[0]} ended by itself; its log is {group.log(group.died()[0])}")


def run_command(argv: list[str]) -> int:
    return command.run("cluster", FLAGS, main, argv, __doc__)


if __name__ == "__main__":
    sys.exit(run_command(sys.argv[1:]))
