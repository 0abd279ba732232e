"""Runs an experiment: prepares its data, trains its runs, scores them, and writes one table.

    tintmill experiment networks --input=PHOTOS --output=EXPERIMENTS
    tintmill experiment networks --input=PHOTOS --output=EXPERIMENTS --size=64 --steps=400 --global_batch=16 --seeds=3

The list is below. An experiment is as large as it was published; --size, --steps, --global_batch and --limit make it
smaller, and the table says so. Run again, it does what is missing.
"""

import concurrent.futures
import dataclasses
import json
import os
import sys

import numpy as np
from absl import flags

from tintmill.launch.experiments.catalogue import EXPERIMENTS, Data, Experiment, Run
from tintmill.launch.experiments.subcommand import tintmill
from tintmill.model.metrics import registry
from tintmill.pipeline.common import command, files
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.dataset.names import DATASET_INFO
from tintmill.trainer.reporting import curves
from tintmill.trainer.run.folder import RunFolder

FLAGS = flags.FlagValues()
flags.DEFINE_string("input", None, "Where the pictures are, as for prepare.", flag_values=FLAGS, required=True)
flags.DEFINE_string("output", "experiments", "Datasets, runs and the table go to OUTPUT/NAME.", flag_values=FLAGS)
flags.DEFINE_string("pictures", "", "Pictures to be coloured by every run, as historical ones.", flag_values=FLAGS)
flags.DEFINE_integer("seeds", 1, "Runs of each kind, with seeds 0, 1, ...", flag_values=FLAGS)
flags.DEFINE_integer("jobs", 1, "Runs at a time.", flag_values=FLAGS)
flags.DEFINE_integer("size", 0, "Instead of the experiment's size of records.", flag_values=FLAGS)
flags.DEFINE_integer("limit", 0, "Instead of the experiment's number of pictures.", flag_values=FLAGS)
flags.DEFINE_integer("steps", 0, "Instead of the experiment's steps or epochs.", flag_values=FLAGS)
flags.DEFINE_integer("global_batch", 0, "Instead of the experiment's batch.", flag_values=FLAGS)
flags.DEFINE_integer("global_size", 0, "Side of iizuka's global copy, instead of 224.", flag_values=FLAGS)
flags.DEFINE_string("embedder", "", "Instead of the experiment's embedder.", flag_values=FLAGS)
flags.DEFINE_string("embedder_weights", "", "Of the real embedder: imagenet or a file.", flag_values=FLAGS)
flags.DEFINE_string("encoder_weights", "", "Of tint's encoder: imagenet, random or a file.", flag_values=FLAGS)
flags.DEFINE_string("vgg_weights", "", "Of vgg's encoder: imagenet, random or a file.", flag_values=FLAGS)
flags.DEFINE_multi_string("prepare", [], "One more flag for prepare, as --prepare=--fit=pad", flag_values=FLAGS)
flags.DEFINE_multi_string("train", [], "One more flag for train, as --train=--validate_every=10", flag_values=FLAGS)
flags.DEFINE_list("only", [], "Only these runs of the experiment, separated by commas.", flag_values=FLAGS)

# The headings of the help; each flag is below one of them.
TOPICS = {
    "Input and output": ("input", "output", "pictures"),
    "Which runs": ("only", "seeds", "jobs"),
    "Another size": ("size", "limit", "steps", "global_batch", "global_size"),
    "Weights": ("embedder", "embedder_weights", "encoder_weights", "vgg_weights"),
    "More flags for the commands": ("prepare", "train"),
}
__doc__ += "\n" + "\n".join(f"  {name:<16}{experiment.about}" for name, experiment in EXPERIMENTS.items())

_METRICS = registry.in_table("experiment")
COLUMNS = {name: (metric.title, f".{metric.digits}f") for name, metric in _METRICS.items()} | {
    "parameters": ("parameters", ",.0f"),
    "multiply_adds_m": ("multiply-adds, M", ",.0f"),
    "step_ms": ("step, ms", ",.0f"),
}


@dataclasses.dataclass(frozen=True)
class Work:
    """One run of one seed, and where its files are."""

    root: str
    run: Run
    seed: int

    @property
    def name(self) -> str:
        return f"{file_name(self.run.name)}-{self.seed}"

    @property
    def folder(self) -> str:
        return os.path.join(self.root, "runs", self.name)

    @property
    def log(self) -> str:
        return os.path.join(self.root, f"{self.name}.log")


@dataclasses.dataclass(frozen=True)
class Score:
    """One evaluation of a run: its row of the table, metrics.json, and the median milliseconds of a training step."""

    label: str
    metrics: dict
    step_ms: float

    @property
    def values(self) -> dict:
        """What `COLUMNS` asks for."""
        costs = {"parameters": self.metrics["parameters"], "multiply_adds_m": self.metrics["multiply_adds"] / 1e6}
        return self.metrics["rows"][0] | costs | {"step_ms": self.step_ms}


def main(arguments: list[str]) -> None:
    if len(arguments) != 1 or arguments[0] not in EXPERIMENTS:
        raise TintmillError(f"wanted one of {', '.join(EXPERIMENTS)}, got {' '.join(arguments) or 'nothing'}")
    experiment = EXPERIMENTS[arguments[0]]
    root = os.path.abspath(os.path.join(FLAGS.output, arguments[0]))
    folders = {data.name: prepare(root, data) for data in experiment.data}
    todo = [Work(root, run, seed) for seed in range(FLAGS.seeds) for run in chosen(experiment)]
    with concurrent.futures.ThreadPoolExecutor(FLAGS.jobs) as pool:
        done = list(pool.map(lambda work: train_and_score(work, experiment, folders), todo))
    table = format_table(arguments[0], experiment, [score for scores in done for score in scores])
    files.write(os.path.join(root, "table.md"), table)
    print(table)
    print(os.path.join(root, "table.md"))


def chosen(experiment: Experiment) -> tuple[Run, ...]:
    """The runs that --only leaves.

    Raises:
      TintmillError: it names another.
    """
    unknown = set(FLAGS.only) - {run.name for run in experiment.runs}
    if unknown:
        names = ", ".join(run.name for run in experiment.runs)
        raise TintmillError(f"--only={','.join(sorted(unknown))}: wanted of {names}")
    return tuple(run for run in experiment.runs if not FLAGS.only or run.name in FLAGS.only)


def prepare(root: str, data: Data) -> str:
    """Makes a dataset; returns its directory."""
    name = file_name(data.name)
    own = [f"--input={os.path.abspath(FLAGS.input)}", f"--output={root}/data", f"--name={name}"]
    folder = os.path.join(root, "data", name, "1.0.0")
    if not os.path.exists(os.path.join(folder, DATASET_INFO)):  # written last
        tintmill("prepare", *prepare_flags(data), *own, log=os.path.join(root, f"prepare-{name}.log"))
    return folder


def prepare_flags(data: Data) -> list[str]:
    """The dataset's flags, less what the command line replaces: of a flag given twice the last one counts."""
    flags_of = [*data.flags, *_given("size", "limit"), *FLAGS.prepare]
    if "--embedder=none" in data.flags:
        return flags_of
    flags_of += _given("embedder")
    if not any(flag.startswith("--embedder_weights") for flag in data.flags):
        flags_of += _given("embedder_weights")
    return flags_of


def train_flags(run: Run) -> list[str]:
    """The run's flags, less what the command line replaces."""
    kept = [flag for flag in run.flags if not (FLAGS.steps and flag.startswith("--epochs"))]
    network = next(flag.split("=")[1] for flag in run.flags if flag.startswith("--network="))
    weights = {"tint": FLAGS.encoder_weights, "vgg": FLAGS.vgg_weights}.get(network)
    kept += [f"--encoder_weights={weights}"] if weights else []
    kept += _given("global_size") if network == "iizuka" else []
    return [*kept, *_given("steps", "global_batch"), *FLAGS.train]


def train_and_score(work: Work, experiment: Experiment, folders: dict[str, str]) -> list[Score]:
    """Trains one run of one seed, unless it is trained, and scores it on every test.

    Args:
      folders: the dataset directories by name.
    """
    os.makedirs(os.path.dirname(work.folder), exist_ok=True)
    if not os.path.exists(RunFolder(work.folder).model_file):
        own = (f"--data={folders[work.run.data]}", f"--run={work.folder}", f"--seed={work.seed}")
        tintmill("train", *own, *train_flags(work.run), log=work.log)
    tests = [(test, t) for test in experiment.tests or (work.run.data,) for t in work.run.temperatures or (None,)]
    scores = [score(work, experiment, test, folders[test], temperature) for test, temperature in tests]
    tintmill("report", work.folder, log=work.log)
    if FLAGS.pictures:
        coloured = os.path.join(work.root, "coloured", work.name)
        own = (f"--run={work.folder}", f"--output={coloured}", os.path.abspath(FLAGS.pictures))
        tintmill("colorize", *own, log=work.log)
    return scores


def score(work: Work, experiment: Experiment, test: str, data: str, temperature: float | None) -> Score:
    """One evaluation; its metrics.json is kept, because the next one of the same run takes its place."""
    run = RunFolder(work.folder)
    label = work.run.name + (f", tested on {test}" if len(experiment.tests) > 1 else "")
    label += f", T = {temperature}" if temperature else ""
    kept = os.path.join(work.root, "scores", f"{file_name(label)}-{work.seed}.json")
    if not os.path.exists(kept):
        own = [f"--run={work.folder}", f"--data={data}", f"--split={experiment.split}", "--examples=24"]
        tintmill("evaluate", *own, *([f"--temperature={temperature}"] if temperature else []), log=work.log)
        os.makedirs(os.path.dirname(kept), exist_ok=True)
        files.write(kept, files.read(run.evaluation(experiment.split).metrics_file))
    return Score(label, json.loads(files.read(kept)), step_milliseconds(run))


def file_name(label: str) -> str:
    return label.replace(", ", "-").replace(" ", "_")


def step_milliseconds(run: RunFolder) -> float:
    """The median over a run's log, input included."""
    global_batch = run.read_settings()["global_batch"]
    return 1e3 * global_batch / curves.speed(run, global_batch)["pictures_per_second"]


def format_table(name: str, experiment: Experiment, scores: list[Score]) -> str:
    """The table in Markdown: a row for each label, over all seeds, then the trivial answers of each test."""
    columns = [title for title, _ in COLUMNS.values()]
    lines = [f"# {name}: {experiment.about}", "", *scale(experiment, scores), ""]
    lines += [f"| | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    for label in dict.fromkeys(score.label for score in scores):
        rows = [score.values for score in scores if score.label == label]
        lines.append(f"| {label} | " + " | ".join(over_seeds(rows, column) for column in COLUMNS) + " |")
    tests = {score.metrics["dataset"]["name"]: score.metrics for score in reversed(scores)}
    for test, metrics in list(tests.items())[: None if experiment.tests else 1]:
        for row in metrics["rows"][1:]:
            label = row["row"] + (f" ({test})" if experiment.tests else "")
            lines.append(f"| *{label}* | " + " | ".join(over_seeds([row], column) for column in COLUMNS) + " |")
    return "\n".join(lines) + "\n"


def over_seeds(rows: list[dict], column: str) -> str:
    """The mean over the seeds, and half of their range."""
    values = [row[column] for row in rows if row.get(column) is not None]
    if not values:
        return "-"
    form = COLUMNS[column][1]
    spread = f" ± {np.ptp(values) / 2:{form}}" if np.ptp(values) else ""
    return f"{np.mean(values):{form}}{spread}"


def scale(experiment: Experiment, scores: list[Score]) -> list[str]:
    """What was run, and what of it is smaller than the experiment."""
    first = scores[0].metrics
    smaller = " ".join(
        _given("size", "limit", "steps", "global_batch", "global_size", "embedder") + FLAGS.prepare + FLAGS.train
    )
    embedder = first["embedder"]
    return [
        f"- {first['rows'][0]['pictures']} pictures of `{experiment.split}` at {first['dataset']['size']}x"
        f"{first['dataset']['size']}, {first['steps']} steps, {FLAGS.seeds} seed(s); ± is half the range over them",
        f"- embedder: {embedder['name']}, {embedder['layer']}, {embedder['weights']}" if embedder else "- no embedder",
        f"- encoders: tint {_weights_name(FLAGS.encoder_weights)}, vgg {_weights_name(FLAGS.vgg_weights)}",
        f"- scaled down by {smaller}" if smaller else "- at full size",
        f"- step: the median of the training, input included, on this machine, {FLAGS.jobs} run(s) at a time",
        f"- {first['protocol']}",
    ]


def _weights_name(weights: str) -> str:
    return os.path.basename(weights) or "imagenet"


def _given(*names: str) -> list[str]:
    return [f"--{name}={FLAGS[name].value}" for name in names if FLAGS[name].value]


def run_command(argv: list[str]) -> int:
    return command.run("experiment", FLAGS, main, argv, __doc__, topics=TOPICS)


if __name__ == "__main__":
    sys.exit(run_command(sys.argv[1:]))
