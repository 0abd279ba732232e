"""Scores coloured pictures against the true ones, beside the trivial answers.

    tintmill evaluate --run=RUNS/first --data=DATASETS/mine/1.0.0 --split=test
    tintmill evaluate --run=RUNS/first --truth=PHOTOS
    tintmill evaluate --pictures=COLOURED --truth=PHOTOS --output=SCORES
    tintmill evaluate --compare RUNS/first RUNS/second

A run on a split of a dataset; a run on a folder of colour pictures, which it is shown in grey; other people's coloured
pictures against their originals, matched by name without extension; and, with --compare, two evaluations of the same
pictures. What cannot be scored is named with its reason.

Writes metrics.json and example pictures (grey, coloured, truth) to RUN/evaluation/SPLIT or --output. Rows: the answers;
`grey` (ab = 0); the mean ab everywhere, which is what an uninformed network converges to; `another picture's ab`, right
in its statistics and wrong everywhere; `true ab halved`, right but washed out, which PSNR rewards; and the truth: on a
dataset `truth through the encoding`, what the record's rounding costs, measured against the original pixels by prepare.
"""

import contextlib
import dataclasses
import json
import os
import sys

from absl import flags

from tintmill.model.metrics import registry
from tintmill.pipeline.common import command, files, options
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.common.tensorflow import import_tensorflow
from tintmill.pipeline.dataset.manifest import Dataset, open_dataset
from tintmill.trainer.evaluation import table
from tintmill.trainer.input import stage
from tintmill.trainer.run.folder import EvaluationFolder, RunFolder

FLAGS = flags.FlagValues()
flags.DEFINE_string("run", None, "Run directory.", flag_values=FLAGS)
flags.DEFINE_string("data", None, "Dataset directory, local or gs://.", flag_values=FLAGS)
flags.DEFINE_string("split", "test", "Split to score on; with --compare, of the runs' evaluations.", flag_values=FLAGS)
flags.DEFINE_string("truth", None, "Folder of colour pictures, local or gs://.", flag_values=FLAGS)
flags.DEFINE_string("pictures", None, "Folder of coloured versions of --truth, local or gs://.", flag_values=FLAGS)
flags.DEFINE_enum(
    "resize",
    "none",
    ["none", "squash", "crop"],
    "Of --truth and --pictures, before they are scored.",
    flag_values=FLAGS,
)
flags.DEFINE_integer("size", 0, "Side of the square for --resize, 256 in most protocols.", flag_values=FLAGS)
flags.DEFINE_boolean(
    "compare", False, "Compare two evaluations, picture by picture: two runs, or --output folders.", flag_values=FLAGS
)
flags.DEFINE_string("output", None, "Folder for the results; of a run by default in it.", flag_values=FLAGS)
flags.DEFINE_integer("examples", 12, "How many first pictures are kept as examples.", flag_values=FLAGS)
flags.DEFINE_integer("batch", 16, "Records a forward pass.", flag_values=FLAGS)
flags.DEFINE_float(
    "temperature", None, "Of a network with bins: 1 is the mean, near 0 the mode; by default 0.38.", flag_values=FLAGS
)
flags.DEFINE_string("embedder_weights", None, "Where the run's embedder's weights file is now.", flag_values=FLAGS)
flags.DEFINE_enum(
    "frechet_network", "inception_v3", ["inception_v3", "mobilenet_v2"], "Of the Frechet distance.", flag_values=FLAGS
)
flags.DEFINE_string(
    "frechet_weights", None, "For a Frechet distance: weights file of keras.applications, or random.", flag_values=FLAGS
)
flags.DEFINE_string(
    "lpips_weights",
    None,
    "For LPIPS: .npz of AlexNet or VGG16; model/metrics/lpips.py says of what.",
    flag_values=FLAGS,
)
options.define(stage.CacheArguments, values=FLAGS)
FLAGS.set_gnu_getopt()  # flags may follow the two evaluations of --compare

# The headings of the help; each flag is below one of them.
TOPICS = {
    "What is scored": ("run", "data", "split", "truth", "pictures", "compare"),
    "How": ("resize", "size", "temperature", "embedder_weights", "batch"),
    "Feature networks": ("frechet_network", "frechet_weights", "lpips_weights"),
    "Results": ("output", "examples"),
    "Datasets in a bucket": ("cache", "cache_gb"),
}
_SOURCES = ({"run", "data"}, {"run", "truth"}, {"pictures", "truth"})
_WANTED = "wanted --run and --data, --run and --truth, --pictures and --truth, or --compare and two evaluations"

TRUTH_ROW = "truth through the encoding"


@flags.multi_flags_validator(["run", "data", "truth", "pictures", "compare"], _WANTED, FLAGS)
def _one_source(values: dict) -> bool:
    given = {name for name in ("run", "data", "truth", "pictures") if values[name]}
    return not given if values["compare"] else given in _SOURCES


def main(arguments: list[str]) -> None:
    if FLAGS.compare:
        show_comparison(arguments)
        return
    if arguments:
        raise TintmillError(f"wanted flags only, got {arguments}")
    from tintmill.trainer.evaluation import scoring

    if FLAGS.output:
        check_output(FLAGS.output)  # before pictures are read for hours
    source, about, folder = open_source()
    networks = load_networks()
    make_anew(folder)
    scores = scoring.score(source, networks)
    answers = scores.rows[source.answer]
    metrics = about | {
        "protocol_card": scoring.make_card(source, scores, networks),
        "rows": [*scoring.make_rows(scores), make_truth_row(scores, about)],
        "ab_histograms": scoring.histograms(scores),
        "examples": scoring.keep_examples(source, answers, FLAGS.examples, folder),
        "pictures": [scoring.finite(values) for values in answers],
    }
    path = EvaluationFolder(folder).metrics_file
    files.write(path, json.dumps(metrics, indent=1) + "\n")
    print(format_table(metrics["rows"], table.terminal_width()))
    print(format_card(metrics["protocol_card"]))
    print(path)


def open_source() -> tuple:
    """(source of the examples, what metrics.json says of it, folder of the results) by the flags."""
    if FLAGS.data:
        return open_records()
    return open_run_on_pictures() if FLAGS.run else open_others_pictures()


def open_records() -> tuple:
    """A run on a split of a dataset."""
    from tintmill.trainer.run.begin import check_same_embedder

    dataset = open_dataset(FLAGS.data)
    dataset.check_split(FLAGS.split)
    run = RunFolder(FLAGS.run)
    settings = run.read_settings()
    check_same_embedder(run, dataset)
    dataset = stage.on_this_machine(dataset, {FLAGS.split}, options.read(stage.CacheArguments, FLAGS))
    import_tensorflow()
    from tintmill.model.prediction import saved_model
    from tintmill.trainer.evaluation.on_records import Records

    model = saved_model.load_model(FLAGS.run, FLAGS.temperature)
    source = Records(model, settings["network"], dataset, FLAGS.split, FLAGS.batch)
    about = about_run(settings, model, dataset.settings.size) | about_dataset(settings, dataset)
    return source, about, FLAGS.output or run.evaluation(FLAGS.split).path


def open_run_on_pictures() -> tuple:
    """A run on a folder of colour pictures. Whether it was trained on some of them is not known."""
    from tintmill.trainer.evaluation import on_folders

    run = RunFolder(FLAGS.run)
    settings, frame = run.read_settings(), on_folders.Frame(FLAGS.resize, FLAGS.size)
    import_tensorflow()
    from tintmill.model.prediction import colorizer

    colorize = colorizer.load(FLAGS.run, FLAGS.embedder_weights, FLAGS.temperature)
    source = on_folders.coloured_by(colorize, settings["network"], FLAGS.truth, frame)
    name = os.path.basename(files.absolute(FLAGS.truth))
    size = run.read_manifest().settings.size
    about = about_run(settings, colorize.network, size)
    about |= about_folder(source, frame) | {"split": f"truth-{name}", "trained_on_split": settings["split"]}
    return source, about, FLAGS.output or run.evaluation(f"truth-{name}").path


def open_others_pictures() -> tuple:
    """Other people's coloured pictures."""
    from tintmill.trainer.evaluation import on_folders

    if not FLAGS.output:
        raise TintmillError("--output is not given: wanted a folder for metrics.json and the examples")
    frame = on_folders.Frame(FLAGS.resize, FLAGS.size)
    source = on_folders.others_pictures(FLAGS.pictures, FLAGS.truth, frame)
    return source, about_folder(source, frame) | {"pictures_folder": files.absolute(FLAGS.pictures)}, FLAGS.output


def about_run(settings: dict, model, size: int) -> dict:
    """What metrics.json says of a run; `temperature` is that of the annealed mean, None for a regression.

    A temperature is no weight of a network: evaluate and colorize may change it after training.
    """
    from tintmill.model.blocks import cost, heads

    return {
        "steps": settings["steps"],
        "parameters": model.count_params(),
        "multiply_adds": cost.picture_multiply_adds(model, size),
        "temperature": heads.temperature_of(model),
    }


def about_dataset(settings: dict, dataset: Dataset) -> dict:
    """What metrics.json says of the split that is scored."""
    from tintmill.trainer.evaluation import scoring

    data = dataset.settings
    return {
        "split": FLAGS.split,
        "trained_on_split": settings["split"],
        "same_pictures_as_training": FLAGS.split == settings["split"],
        "dataset": {key: getattr(data, key) for key in ("name", "version", "size", "fit", "encoding")},
        "dataset_fingerprint": dataset.manifest.fingerprint,
        "embedder": dataset.embedder and {key: getattr(dataset.embedder, key) for key in ("name", "layer", "weights")},
        "encoding_fidelity": dataclasses.asdict(dataset.manifest.encoding_fidelity[FLAGS.split]),
        "protocol": (
            f"truth: the record's Lab ({data.encoding}) as 8-bit sRGB; answers: the record's L* with "
            "the row's ab, chroma reduced into sRGB, rounded to 8 bits; means over pictures, infinite PSNRs left out; "
            f"AuC: {scoring.AUC}; "
            f"pictures {data.size}x{data.size} by {data.fit}"
        ),
    }


def about_folder(source, frame) -> dict:
    """What metrics.json says of a folder that is scored; what was left out is named on stderr too."""
    from tintmill.trainer.evaluation import scoring

    for entry in source.left_out:
        print(f"LEFT OUT {entry}", file=sys.stderr)
    return {
        "truth_folder": files.absolute(FLAGS.truth),
        "left_out": [{"file": entry.file, "reason": entry.reason, "detail": entry.detail} for entry in source.left_out],
        "same_pictures_as_training": None,
        "dataset": None,
        "dataset_fingerprint": None,
        "protocol": (
            "truth: the files of a folder as 8-bit sRGB; means over pictures, infinite PSNRs left out; AuC: "
            f"{scoring.AUC}; resize {frame.describe()}"
        ),
    }


def load_networks():
    """The feature networks that were asked for."""
    from tintmill.trainer.evaluation import scoring

    if not (FLAGS.frechet_weights or FLAGS.lpips_weights):
        return scoring.Networks()
    import_tensorflow()
    from tintmill.model.metrics import frechet, lpips

    return scoring.Networks(
        frechet.Features(FLAGS.frechet_network, FLAGS.frechet_weights) if FLAGS.frechet_weights else None,
        lpips.Lpips(FLAGS.lpips_weights) if FLAGS.lpips_weights else None,
    )


def make_truth_row(scores, about: dict) -> dict:
    """The last row of the table."""
    from tintmill.trainer.evaluation import scoring

    if "encoding_fidelity" in about:
        return scoring.truth_row(TRUTH_ROW, scores, about["encoding_fidelity"])
    count = len(scores.truth)
    return scoring.truth_row("truth itself", scores, {"pictures": count, "infinite_psnr": count, "psnr": None})


def make_anew(folder: str) -> None:
    """The folder without what an earlier evaluation left: its pictures would stay beside the new scores.

    Raises:
      TintmillError: it is not on this machine, cannot be written, or lies where pictures are read.
    """
    from tintmill.trainer.evaluation import scoring

    check_output(folder)
    try:
        os.makedirs(folder, exist_ok=True)
        scoring.remove_examples(folder)
        with contextlib.suppress(FileNotFoundError):
            os.remove(EvaluationFolder(folder).metrics_file)
    except OSError as error:
        raise TintmillError(f"{folder}: cannot be written: {error}") from error


def check_output(folder: str) -> None:
    """Raises TintmillError where results would lie in a bucket, or among the pictures that are read."""
    if files.is_remote(folder):
        raise TintmillError(f"--output={folder}: wanted a folder on this machine")
    inside = os.path.realpath(folder)
    for name in ("truth", "pictures"):
        if FLAGS[name].value and (inside + os.sep).startswith(os.path.realpath(FLAGS[name].value) + os.sep):
            raise TintmillError(f"--output={folder}: lies in --{name}={FLAGS[name].value}; wanted another folder")


def show_comparison(arguments: list[str]) -> None:
    """Prints how two evaluations differ; writes comparison.json to --output, where that is given."""
    from tintmill.trainer.evaluation import compare

    if len(arguments) != 2:
        raise TintmillError(f"--compare: wanted two runs or folders with metrics.json, got {len(arguments)}")
    (first, one), (second, other) = (compare.find_evaluation(path, FLAGS.split) for path in arguments)
    differences = compare.compare(one, other)
    print(f"first:  {first}\nsecond: {second}\n")
    print(compare.format_differences(differences))
    if FLAGS.output:
        check_output(FLAGS.output)
        path = EvaluationFolder(FLAGS.output).comparison_file
        os.makedirs(FLAGS.output, exist_ok=True)
        files.write(path, json.dumps(compare.to_json(first, second, differences), indent=1) + "\n")
        print(path)


def format_table(rows: list[dict], width: int | None = None) -> str:
    """The rows as text for a terminal of `width` characters, each mean with half the width of its interval."""
    metrics = registry.present(rows)
    columns = [["", *(row["row"] for row in rows)]]
    columns += [
        [label, *(str(row[name]) for row in rows)] for name, label in (("pictures", "n"), ("infinite_psnr", "inf"))
    ]
    columns += [[metric.title, *(format_value(row, metric) for row in rows)] for metric in metrics.values()]
    widest = [max(map(len, cells)) for cells in columns]
    aligned = [[cell.rjust(length) for cell in cells] for cells, length in zip(columns, widest, strict=True)]
    aligned[0] = [cell.ljust(widest[0]) for cell in columns[0]]
    return (
        f"{table.fold(aligned, width)}\n"
        "n: pictures; inf: infinite PSNRs; \u00b1: half of the 95 % interval over pictures, ends in metrics.json"
    )


def format_value(row: dict, metric: registry.Metric) -> str:
    """A cell of the table: value and, where there is an interval, half its width."""
    text = metric.format(row.get(metric.name))
    ends = row["intervals"].get(metric.name)
    return f"{text} \u00b1{metric.format((ends[1] - ends[0]) / 2)}" if ends and text != "-" else text


def format_card(card: dict[str, str]) -> str:
    return "\n".join(f"  {name}: {text}" for name, text in card.items())


def run_command(argv: list[str]) -> int:
    return command.run("evaluate", FLAGS, main, argv, __doc__, topics=TOPICS)


if __name__ == "__main__":
    sys.exit(run_command(sys.argv[1:]))
