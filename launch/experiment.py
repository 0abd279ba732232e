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
import subprocess
import sys
import threading

import numpy as np
from absl import flags

from launch.experiments import EXPERIMENTS, Data, Experiment, Run
from pipeline import command, files
from pipeline.errors import TintmillError

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
flags.DEFINE_multi_string("prepare", [], "One more flag for prepare, as --prepare=--fit=pad.", flag_values=FLAGS)
flags.DEFINE_list("only", [], "Only these runs of the experiment.", flag_values=FLAGS)
__doc__ += "\n" + "\n".join(f"  {name:<16}{experiment.about}" for name, experiment in EXPERIMENTS.items())

COLUMNS = {
    "psnr": ("PSNR", ".2f"),
    "ssim": ("SSIM", ".4f"),
    "ciede2000": ("CIEDE2000", ".2f"),
    "auc": ("AuC", ".2f"),
    "auc_rebalanced": ("AuC rebalanced", ".2f"),
    "colourfulness": ("colourfulness", ".1f"),
    "colourfulness_gap": ("its gap", ".1f"),
}


@dataclasses.dataclass(frozen=True)
class Score:
    """metrics.json of one run of one seed on one test; `label` is its row in the table."""

    label: str
    seed: int
    metrics: dict


def main(arguments: list[str]) -> None:
    if len(arguments) != 1 or arguments[0] not in EXPERIMENTS:
        raise TintmillError(f"wanted one of {', '.join(EXPERIMENTS)}, got {' '.join(arguments) or 'nothing'}")
    experiment = EXPERIMENTS[arguments[0]]
    root = os.path.abspath(os.path.join(FLAGS.output, arguments[0]))
    folders = {data.name: prepare(root, data) for data in experiment.data}
    todo = [(run, seed) for seed in range(FLAGS.seeds) for run in chosen(experiment)]
    with concurrent.futures.ThreadPoolExecutor(FLAGS.jobs) as pool:
        done = list(pool.map(lambda item: train_and_score(root, experiment, folders, *item), todo))
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
    name = data.name.replace(" ", "_")
    own = [f"--input={os.path.abspath(FLAGS.input)}", f"--output={root}/data", f"--name={name}"]
    folder = os.path.join(root, "data", name, "1.0.0")
    if not os.path.exists(os.path.join(folder, "dataset_info.json")):  # written last
        tintmill(os.path.join(root, f"prepare-{name}.log"), "prepare", *prepare_flags(data), *own)
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
    return [*kept, *_given("steps", "global_batch")]


def train_and_score(root: str, experiment: Experiment, folders: dict[str, str], run: Run, seed: int) -> list[Score]:
    """Trains one run of one seed, unless it is trained, and scores it on every test."""
    name = f"{run.name.replace(', ', '-').replace(' ', '_')}-{seed}"
    folder, log = os.path.join(root, "runs", name), os.path.join(root, f"{name}.log")
    os.makedirs(os.path.dirname(folder), exist_ok=True)
    if not os.path.exists(os.path.join(folder, "model.keras")):
        own = (f"--data={folders[run.data]}", f"--run={folder}", f"--seed={seed}")
        tintmill(log, "train", *own, *train_flags(run))
    tests = [(test, t) for test in experiment.tests or (run.data,) for t in run.temperatures or (None,)]
    scores = [score(root, experiment, run, seed, folder, log, test, folders[test], t) for test, t in tests]
    tintmill(log, "report", f"--run={folder}")
    if FLAGS.pictures:
        tintmill(
            log, "colorize", f"--run={folder}", f"--output={root}/coloured/{name}", os.path.abspath(FLAGS.pictures)
        )
    return scores


def score(root, experiment, run, seed, folder, log, test, data, temperature) -> Score:
    """One evaluation; its metrics.json is kept, because the next one of the same run takes its place."""
    label = run.name + (f", tested on {test}" if len(experiment.tests) > 1 else "")
    label += f", T = {temperature}" if temperature else ""
    kept = os.path.join(root, "scores", f"{label.replace(', ', '-').replace(' ', '_')}-{seed}.json")
    if not os.path.exists(kept):
        own = [f"--run={folder}", f"--data={data}", f"--split={experiment.split}", "--pictures=24"]
        tintmill(log, "evaluate", *own, *([f"--temperature={temperature}"] if temperature else []))
        os.makedirs(os.path.dirname(kept), exist_ok=True)
        files.write(kept, files.read(os.path.join(folder, "evaluation", experiment.split, "metrics.json")))
    return Score(label, seed, json.loads(files.read(kept)))


_talking = threading.Lock()


def tintmill(log: str, name: str, *arguments: str) -> None:
    """Runs a command as a user would, its output in a log.

    Raises:
      TintmillError: with its last line.
    """
    with _talking:
        print(f"$ tintmill {name} {' '.join(arguments)}", flush=True)
    os.makedirs(os.path.dirname(log), exist_ok=True)
    with open(log, "ab") as out:
        code = subprocess.run([sys.executable, "-m", "launch.cli", name, *arguments], stdout=out, stderr=out).returncode
    if code:
        last = files.read(log).decode(errors="replace").strip().splitlines()[-1:]
        raise TintmillError(f"`tintmill {name}` failed with exit code {code}: {' '.join(last)} (all of it in {log})")


def format_table(name: str, experiment: Experiment, scores: list[Score]) -> str:
    """The table in Markdown: a row for each label, over all seeds, then the trivial answers of each test."""
    columns = [title for title, _ in COLUMNS.values()]
    lines = [f"# {name}: {experiment.about}", "", *scale(experiment, scores), ""]
    lines += [f"| | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    for label in dict.fromkeys(score.label for score in scores):
        rows = [score.metrics["rows"][0] for score in scores if score.label == label]
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
    spread = f" ± {np.ptp(values) / 2:{form}}" if len(values) > 1 else ""
    return f"{np.mean(values):{form}}{spread}"


def scale(experiment: Experiment, scores: list[Score]) -> list[str]:
    """What was run, and what of it is smaller than the experiment."""
    first = scores[0].metrics
    smaller = " ".join(_given("size", "limit", "steps", "global_batch", "global_size", "embedder") + FLAGS.prepare)
    embedder = first["embedder"]
    return [
        f"- {first['rows'][0]['pictures']} pictures of `{experiment.split}` at {first['dataset']['size']}x"
        f"{first['dataset']['size']}, {first['steps']} steps, {FLAGS.seeds} seed(s); ± is half the range over them",
        f"- embedder: {embedder['name']}, {embedder['layer']}, {embedder['weights']}" if embedder else "- no embedder",
        f"- encoders: tint {_weights_name(FLAGS.encoder_weights)}, vgg {_weights_name(FLAGS.vgg_weights)}",
        f"- scaled down by {smaller}" if smaller else "- at full size",
        f"- {first['protocol']}",
    ]


def _weights_name(weights: str) -> str:
    return os.path.basename(weights) or "imagenet"


def _given(*names: str) -> list[str]:
    return [f"--{name}={FLAGS[name].value}" for name in names if FLAGS[name].value]


def run_command(argv: list[str]) -> int:
    return command.run("experiment", FLAGS, main, argv, __doc__)


if __name__ == "__main__":
    sys.exit(run_command(sys.argv[1:]))
