"""The work of an experiment: its datasets, its runs, their scores. What is there already is not made again."""

import dataclasses
import os
from collections.abc import Mapping

from tintmill.launch.experiments.arguments import ExperimentArguments
from tintmill.launch.experiments.catalogue import EXPERIMENTS, Data, Run
from tintmill.launch.experiments.command_flags import list_prepare_flags, list_train_flags
from tintmill.launch.experiments.subcommand import tintmill
from tintmill.launch.experiments.table import Score
from tintmill.pipeline.common import files
from tintmill.pipeline.dataset.names import DATASET_INFO
from tintmill.trainer.reporting import curves
from tintmill.trainer.run.folder import RunFolder, read_metrics


@dataclasses.dataclass(frozen=True)
class Work:
    """One run with one seed, and where its files are below the experiment's folder `root`."""

    root: str
    run: Run
    seed: int

    @property
    def name(self) -> str:
        return f"{file_name(self.run.name)}-{self.seed}"

    @property
    def folder(self) -> RunFolder:
        return RunFolder(os.path.join(self.root, "runs", self.name))

    @property
    def log(self) -> str:
        return os.path.join(self.root, f"{self.name}.log")

    def scores_file(self, label: str) -> str:
        return os.path.join(self.root, "scores", f"{file_name(label)}-{self.seed}.json")


def file_name(label: str) -> str:
    """A label as a part of file names."""
    return label.replace(", ", "-").replace(" ", "_")


def prepare_data(root: str, data: Data, arguments: ExperimentArguments) -> str:
    """Prepares a dataset below `root`. Returns its directory."""
    name = file_name(data.name)
    own = [f"--input={os.path.abspath(arguments.input)}", f"--output={root}/data", f"--name={name}"]
    folder = os.path.join(root, "data", name, "1.0.0")
    if not os.path.exists(os.path.join(folder, DATASET_INFO)):  # written last
        tintmill("prepare", *list_prepare_flags(data, arguments), *own, log=os.path.join(root, f"prepare-{name}.log"))
    return folder


def train_and_score(work: Work, arguments: ExperimentArguments, folders: Mapping[str, str]) -> list[Score]:
    """Trains a run, scores it on every test at every temperature, writes its report, and colours --pictures with it.

    Args:
      folders: the dataset directories by name.
    """
    experiment = EXPERIMENTS[arguments.name]
    run = work.folder
    os.makedirs(os.path.dirname(run.path), exist_ok=True)
    if not os.path.exists(run.model_file):
        own = (f"--data={folders[work.run.data]}", f"--run={run.path}", f"--seed={work.seed}")
        tintmill("train", *own, *list_train_flags(work.run, arguments), log=work.log)
    scores = []
    for test in experiment.tests or (work.run.data,):
        for temperature in work.run.temperatures or (None,):
            label = work.run.name + (f", tested on {test}" if len(experiment.tests) > 1 else "")
            label += f", T = {temperature}" if temperature else ""
            scores.append(score(work, label, folders[test], experiment.split, temperature))
    tintmill("report", run.path, log=work.log)
    if arguments.pictures:
        coloured = os.path.join(work.root, "coloured", work.name)
        own = (f"--run={run.path}", f"--output={coloured}", os.path.abspath(arguments.pictures))
        tintmill("colorize", *own, log=work.log)
    return scores


def score(work: Work, label: str, data: str, split: str, temperature: float | None) -> Score:
    """Evaluates a run, and keeps a copy of its metrics.json: the run's next evaluation overwrites the file.

    Args:
      label: the row of the table.
      data: dataset directory.
      temperature: None for the network's own.
    """
    kept = work.scores_file(label)
    if not os.path.exists(kept):
        own = [f"--run={work.folder.path}", f"--data={data}", f"--split={split}", "--examples=24"]
        tintmill("evaluate", *own, *([f"--temperature={temperature}"] if temperature else []), log=work.log)
        os.makedirs(os.path.dirname(kept), exist_ok=True)
        files.write(kept, files.read(work.folder.evaluation(split).metrics_file))
    return Score(label, read_metrics(kept, f"delete {kept}"), median_step_milliseconds(work.folder))


def median_step_milliseconds(run: RunFolder) -> float:
    """The median time of a training step over a run's log, input included."""
    global_batch = run.read_settings()["global_batch"]
    return 1e3 * global_batch / curves.measure_speed(run, global_batch)["pictures_per_second"]
