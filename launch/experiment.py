"""Runs an experiment: prepares its data, trains its runs, scores them, and writes one table.

    tintmill experiment networks --input=PHOTOS --output=EXPERIMENTS
    tintmill experiment networks --input=PHOTOS --output=EXPERIMENTS --size=64 --steps=400 --global_batch=16 --seeds=3

The list is below. An experiment is as large as it was published; --size, --steps, --global_batch and --limit make it
smaller, and the table says so. Run again, it does what is missing.
"""

import concurrent.futures
import os
import sys

from tintmill.launch.experiments.arguments import ExperimentArguments
from tintmill.launch.experiments.catalogue import EXPERIMENTS, choose_runs
from tintmill.launch.experiments.table import format_table
from tintmill.launch.experiments.work import Work, prepare_data, train_and_score
from tintmill.pipeline.common import command, files, options

__doc__ += "\n" + "\n".join(f"  {name:<16}{experiment.about}" for name, experiment in EXPERIMENTS.items())

FLAGS = options.define(ExperimentArguments)
TOPICS = options.list_topics(ExperimentArguments)


def main(words: list[str]) -> None:
    table_file = run_experiment(options.read(ExperimentArguments, FLAGS, name=" ".join(words)))
    print(files.read(table_file).decode())
    print(table_file)


def run_experiment(arguments: ExperimentArguments) -> str:
    """Prepares, trains and scores what is missing of an experiment. Returns the file of its table, in Markdown.

    Raises:
      TintmillError: a command failed, or --only names no run of the experiment.
    """
    experiment = EXPERIMENTS[arguments.name]
    runs = choose_runs(experiment, arguments.only)
    root = os.path.abspath(os.path.join(arguments.output, arguments.name))
    folders = {data.name: prepare_data(root, data, arguments) for data in experiment.data}
    todo = [Work(root, run, seed) for seed in range(arguments.seeds) for run in runs]
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        done = list(pool.map(lambda work: train_and_score(work, arguments, folders), todo))
    table_file = os.path.join(root, "table.md")
    files.write(table_file, format_table(arguments, [score for scores in done for score in scores]))
    return table_file


def run_command(argv: list[str]) -> int:
    return command.run("experiment", FLAGS, main, argv, __doc__, TOPICS)


if __name__ == "__main__":
    sys.exit(run_command(sys.argv[1:]))
