"""Scores coloured pictures against the true ones, beside the trivial answers.

    tintmill evaluate --run=RUNS/first --data=DATASETS/mine/1.0.0 --split=test
    tintmill evaluate --run=RUNS/first --truth=PHOTOS
    tintmill evaluate --truth=PHOTOS --output=SCORES
    tintmill evaluate --pictures=COLOURED --truth=PHOTOS --output=SCORES
    tintmill evaluate --compare RUNS/first RUNS/second

A run or a model on a split of a dataset; the same on a folder of colour pictures, which it is shown in grey; other
people's coloured pictures against their originals, matched by name without extension; and, with --compare, two
evaluations of the same pictures. What cannot be scored is named with its reason.

Writes metrics.json and example pictures (grey, coloured, truth) to RUN/evaluation/SPLIT or --output. Rows: the answers;
`grey` (ab = 0); the mean ab everywhere, which is what an uninformed network converges to; `another picture's ab`, right
in its statistics and wrong everywhere; `true ab halved`, right but washed out, which PSNR rewards; and the truth: on a
dataset `truth through the encoding`, what the record's rounding costs, measured against the original pixels by prepare.
"""

import contextlib
import json
import os
import sys

from absl import flags

from tintmill.pipeline.common import command, files, options
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.common.tensorflow import import_tensorflow
from tintmill.trainer.evaluation import table
from tintmill.trainer.evaluation.arguments import WANTED, EvaluateArguments, is_one_source
from tintmill.trainer.evaluation.results import MetricsFile
from tintmill.trainer.run.folder import EvaluationFolder

FLAGS = options.define(EvaluateArguments)
FLAGS.set_gnu_getopt()  # flags may follow the two evaluations of --compare
TOPICS = options.list_topics(EvaluateArguments, order=("What is scored", "How", "Feature networks", "Results"))
flags.multi_flags_validator(["run", "model", "data", "truth", "pictures", "compare"], WANTED, FLAGS)(is_one_source)


def main(words: list[str]) -> None:
    arguments = options.read(EvaluateArguments, FLAGS)
    if arguments.compare:
        if len(words) != 2:
            raise TintmillError(f"--compare: wanted two runs or folders with metrics.json, got {len(words)}")
        print_comparison(*words, arguments)
        return
    command.refuse_words(words)
    found = evaluate(arguments)
    print(table.format_scores(found.metrics["rows"], table.terminal_width()))
    print(table.format_card(found.metrics["protocol_card"]))
    print(found.path)


def evaluate(arguments: EvaluateArguments) -> MetricsFile:
    """Scores pictures beside the trivial answers; writes metrics.json and example pictures.

    Raises:
      TintmillError: the arguments name no pictures, what they name is not there or does not fit together, no picture
        can be scored, or the results cannot be written.
    """
    if arguments.compare or not arguments.names_one_source:
        raise TintmillError(WANTED)
    from tintmill.trainer.evaluation import scoring
    from tintmill.trainer.evaluation.subject import open_subject

    if arguments.output:
        arguments.check_output(arguments.output)  # before pictures are read for hours
    subject = open_subject(arguments)
    networks = load_networks(arguments)
    arguments.check_output(subject.folder.path)
    remove_results(subject.folder)
    scores = scoring.score(subject.source, networks)
    answers = scores.rows[subject.source.answer]
    metrics = subject.about | {
        "protocol_card": scoring.make_card(subject.source, scores, networks),
        "rows": [*scoring.make_rows(scores), scoring.make_truth_row(scores, subject.encoding_fidelity)],
        "ab_histograms": scoring.format_histograms(scores),
        "examples": scoring.keep_examples(subject.source, answers, arguments.examples, subject.folder),
        "pictures": [scoring.null_infinite(values) for values in answers],
    }
    files.write(subject.folder.metrics_file, json.dumps(metrics, indent=1) + "\n")
    return MetricsFile(subject.folder.metrics_file, metrics)


def load_networks(arguments: EvaluateArguments):
    """The feature networks that were asked for, as `scoring.Networks`."""
    from tintmill.trainer.evaluation import scoring

    if not (arguments.frechet_weights or arguments.lpips_weights):
        return scoring.Networks()
    import_tensorflow()
    from tintmill.model.metrics import frechet, lpips

    features = (
        frechet.Features(arguments.frechet_network, arguments.frechet_weights) if arguments.frechet_weights else None
    )
    return scoring.Networks(features, lpips.Lpips(arguments.lpips_weights) if arguments.lpips_weights else None)


def remove_results(folder: EvaluationFolder) -> None:
    """Makes the folder, and deletes what an earlier evaluation left: its pictures would stay beside the new scores.

    Raises:
      TintmillError: it cannot be written.
    """
    from tintmill.trainer.evaluation import scoring

    try:
        os.makedirs(folder.path, exist_ok=True)
        scoring.remove_examples(folder)
        with contextlib.suppress(FileNotFoundError):
            os.remove(folder.metrics_file)
    except OSError as error:
        raise TintmillError(f"{folder.path}: cannot be written: {error}") from error


def print_comparison(first: str, second: str, arguments: EvaluateArguments) -> None:
    """Prints how two evaluations differ; writes comparison.json to the output, where that is given."""
    from tintmill.trainer.evaluation import compare

    one, other = (compare.find_evaluation(path, arguments.split) for path in (first, second))
    differences = compare.compare(one.metrics, other.metrics)
    print(f"first:  {one.path}\nsecond: {other.path}\n")
    print(compare.format_differences(differences))
    if arguments.output:
        arguments.check_output(arguments.output)
        path = EvaluationFolder(arguments.output).comparison_file
        os.makedirs(arguments.output, exist_ok=True)
        files.write(path, json.dumps(compare.to_json(one.path, other.path, differences), indent=1) + "\n")
        print(path)


def run_command(argv: list[str]) -> int:
    return command.run("evaluate", FLAGS, main, argv, __doc__, TOPICS)


if __name__ == "__main__":
    sys.exit(run_command(sys.argv[1:]))
