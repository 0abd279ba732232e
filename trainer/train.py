"""Trains a network on a dataset directory.

    tintmill train --data=DATASETS/mine/1.0.0 --run=RUNS/first --network=koalarization --steps=10000

The same command resumes an interrupted run, bit for bit as if it had not been interrupted. SIGTERM (preemption) saves
and exits with --stopped_code, Ctrl-C saves and exits with 130; a second one stops at once.

It trains on all GPUs of the machine. On several machines start the same command on each, with --run and --data where
all of them see it, and TensorFlow's TF_CONFIG in the environment, which names them all and which this one is.
"""

import dataclasses
import sys

from absl import flags

from tintmill.pipeline.common import command, files, options
from tintmill.pipeline.common.errors import WrongFlagError
from tintmill.pipeline.common.options import at_least, option
from tintmill.pipeline.common.tensorflow import import_tensorflow
from tintmill.pipeline.dataset.manifest import Dataset, open_dataset
from tintmill.trainer.input import stage
from tintmill.trainer.input.stage import CacheArguments
from tintmill.trainer.run.begin import begin_run
from tintmill.trainer.run.folder import RunFolder
from tintmill.trainer.run.settings import TrainSettings
from tintmill.trainer.training import cluster
from tintmill.trainer.training.cluster import Cluster
from tintmill.trainer.training.flags import check_fit, read_settings
from tintmill.trainer.training.stop import Ending


@dataclasses.dataclass(frozen=True)
class TrainArguments:
    """What `tintmill train` is told beside the settings of the run."""

    data: str = option(None, "Dataset directory, local or gs://.", "Required", required=True)
    run: str = option(None, "Run directory, new or to be resumed.", "Required", required=True)
    epochs: float = option(
        0,
        "Train for so many epochs, instead of --steps.",
        "Steps and optimisation",
        check=at_least(0, "0 (by --steps) or a number of epochs"),
    )
    stopped_code: int = option(
        0,
        "Exit code after SIGTERM, where steps are left; with another than 0 a scheduler can tell that from the end.",
        "Checkpoints and logs",
    )

    def __post_init__(self):
        options.check(self)


_CLASSES = (TrainArguments, TrainSettings, CacheArguments)
FLAGS = options.define(*_CLASSES)
TOPICS = options.list_topics(
    *_CLASSES, order=("Required", "Data and augmentation", "Network", "Loss", "Steps and optimisation", "Validation")
)
flags.register_validator(
    "run", lambda run: not files.is_remote(run), "wanted a folder, which all workers see; a bucket is none", FLAGS
)


def main(arguments: list[str]) -> None:
    if arguments:
        raise WrongFlagError(f"wanted flags only, got {arguments}")
    told = options.read(TrainArguments, FLAGS)
    dataset = open_dataset(told.data)
    dataset.check_split(FLAGS.split)
    settings = read_settings(FLAGS, told.epochs, dataset)
    dataset = stage.bring_here(dataset, settings.splits_read, options.read(CacheArguments, FLAGS))
    members = cluster.read_environment()
    ending = train(RunFolder(told.run), settings, dataset, members, FLAGS.flags_into_string())
    if ending.stopped:
        sys.exit(130 if ending.interrupted else told.stopped_code)
    if members.chief:
        print(told.run)


def train(
    run: RunFolder,
    settings: TrainSettings,
    dataset: Dataset,
    members: Cluster = cluster.ALONE,
    flag_lines: str = "",
) -> Ending:
    """Begins a run, or goes on from its newest checkpoint, and trains it to `settings.steps`; leaves model.keras.

    TensorFlow must not have run in this process: devices and threads are set once.

    Args:
      dataset: on this machine (`stage.bring_here`).
      members: the processes that train together; each calls this function. The chief alone writes.
      flag_lines: kept in flags.txt, to be repeated by --flagfile.
    Raises:
      TintmillError: the run is of other settings or another dataset, its folder cannot be written, network and dataset
        do not fit each other, the loss is no longer finite, or another process ended before its time.
    """
    if members.chief:
        begin_run(run, settings, dataset, flag_lines)
    check_fit(settings)
    import_tensorflow()
    from tintmill.trainer.training.session import Session

    return Session(run, settings, dataset, members).train()


def run_command(argv: list[str]) -> int:
    return command.run("train", FLAGS, main, argv, __doc__, TOPICS)


if __name__ == "__main__":
    sys.exit(run_command(sys.argv[1:]))
