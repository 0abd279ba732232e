"""Scores a run on a split, beside the trivial answers.

    tintmill evaluate --run=RUNS/first --data=DATASETS/mine/1.0.0 --split=test

Writes RUN/evaluation/SPLIT/metrics.json and example pictures (grey, coloured, truth). Rows: the run; `grey` (ab = 0);
`dataset mean` (the dataset's mean ab everywhere), which is what an uninformed network converges to; `another picture's
ab`, right in its statistics and wrong everywhere; `true ab halved`, right but washed out, which PSNR rewards; and as a
ceiling `truth through the encoding`, what the record's rounding costs, measured against the original pixels by prepare.
"""

import dataclasses
import json
import os
import shutil
import sys
from collections.abc import Iterator

import numpy as np
from absl import flags
from PIL import Image

from pipeline import command, files, lab
from pipeline.dataset import Dataset, open_dataset
from pipeline.errors import TintmillError
from pipeline.quiet import import_tensorflow
from trainer import stage

FLAGS = flags.FlagValues()
flags.DEFINE_string("run", None, "Run directory.", flag_values=FLAGS, required=True)
flags.DEFINE_string("data", None, "Dataset directory, local or gs://.", flag_values=FLAGS, required=True)
flags.DEFINE_string("split", "test", "Split to score on.", flag_values=FLAGS)
flags.DEFINE_integer("batch", 16, "Pictures a forward pass.", flag_values=FLAGS)
flags.DEFINE_float(
    "temperature", None, "Of a network with bins: 1 is the mean, near 0 the mode; by default 0.38.", flag_values=FLAGS
)
flags.DEFINE_integer("pictures", 12, "How many examples are kept as pictures.", flag_values=FLAGS)
stage.define_flags(FLAGS)

TRIVIAL_ROWS = ("grey", "dataset mean", "another picture's ab", "true ab halved")
TRUTH_ROW = "truth through the encoding"
COLUMNS = {
    "psnr": "PSNR",
    "ssim": "SSIM",
    "ciede2000": "CIEDE2000",
    "auc": "AuC",
    "auc_rebalanced": "AuC rebalanced",
    "colourfulness": "colourfulness",
    "colourfulness_abs": "CF (absolute)",
    "colourfulness_gap": "CF gap of means",
    "colourfulness_gap_each": "CF gap of each",
}


@dataclasses.dataclass(frozen=True)
class Example:
    """A scored record: `lab`, float32 [S, S, 3], is what the record holds, `ab`, float32 [S, S, 2], the prediction."""

    id: str
    lab: np.ndarray
    ab: np.ndarray

    def with_ab(self, ab) -> np.ndarray:
        """The record's own L* with these colours, uint8 [S, S, 3] sRGB."""
        ab = np.broadcast_to(np.asarray(ab, np.float32), self.ab.shape)
        return lab.lab_to_rgb8(np.concatenate([self.lab[..., :1], ab], axis=-1))

    @property
    def truth(self) -> np.ndarray:
        return lab.lab_to_rgb8(self.lab)


def main(arguments: list[str]) -> None:
    if arguments:
        raise TintmillError(f"wanted flags only, got {arguments}")
    from trainer.settings import check_same_embedder, load_settings

    dataset = open_dataset(FLAGS.data)
    dataset.check_split(FLAGS.split)
    settings = load_settings(FLAGS.run)
    check_same_embedder(FLAGS.run, dataset)
    dataset = stage.on_this_machine(dataset, {FLAGS.split}, FLAGS)
    import_tensorflow()
    from model import artefact

    model = artefact.load_model(FLAGS.run, FLAGS.temperature)
    folder = os.path.join(FLAGS.run, "evaluation", FLAGS.split)
    _make_anew(folder)
    examples = predictions(model, dataset, FLAGS.split, FLAGS.batch)
    scores = score_rows(examples, dataset, FLAGS.split, folder)
    metrics = make_metrics(settings, model, dataset, FLAGS.split, scores)
    files.write(os.path.join(folder, "metrics.json"), json.dumps(metrics, indent=1) + "\n")
    print(format_table(metrics["rows"]))
    print(os.path.join(folder, "metrics.json"))


def predictions(model, dataset: Dataset, split: str, batch: int) -> Iterator[Example]:
    """Every record of the split with the network's answer, in shard order."""
    from tqdm import tqdm

    from trainer import input as records_input
    from trainer import shards

    index = shards.index_records(dataset, split)
    batches = shards.read_batches(dataset, index, np.arange(len(index)), batch)
    for data, parsed in tqdm(batches, total=-(-len(index) // batch), unit=" batches"):
        inputs, targets = records_input.to_network(parsed, dataset.settings["encoding"])
        wanted = {name: inputs[name] for name in model.input}  # not every network wants the embedding
        predicted = np.asarray(model(wanted, training=False)["ab"], np.float32) * 128.0
        lightness = (np.asarray(inputs["l"]) + 1.0) * 50.0
        truth = np.concatenate([lightness, np.asarray(targets["ab"]) * 128.0], axis=-1)
        for name, *arrays in zip(shards.parse_ids(data), truth, predicted, strict=True):
            yield Example(name, *arrays)


def score_rows(examples: Iterator[Example], dataset: Dataset, split: str, folder: str) -> dict[str, list[dict]]:
    """Scores of each row for each picture; the first examples are written to `folder` as pictures."""
    from model import metrics

    weights = metrics.rarity(dataset.ab_histogram(split))
    scores: dict[str, list[dict]] = {row: [] for row in ("run", *TRIVIAL_ROWS, "truth")}
    for number, (example, other) in enumerate(with_another(examples)):
        truth = example.truth
        answers = {"run": example.ab} | trivial_answers(example, other, dataset.mean_ab)
        for row, ab in answers.items():
            scores[row].append({"id": example.id} | metrics.score(truth, example.with_ab(ab), weights))
        scores["truth"].append({"id": example.id, "colourfulness": metrics.colourfulness(truth)})
        scores["truth"][-1]["colourfulness_abs"] = metrics.colourfulness(truth, absolute=True)
        if number < FLAGS.pictures:
            grey, coloured = example.with_ab((0, 0)), example.with_ab(example.ab)
            _write_pictures(folder, number, grey=grey, coloured=coloured, truth=truth)
    return scores


def trivial_answers(example: Example, other: Example, mean_ab: tuple[float, float]) -> dict[str, np.ndarray]:
    """The ab of `TRIVIAL_ROWS`: what a score is worth is seen beside them."""
    truth = example.lab[..., 1:]
    return dict(zip(TRIVIAL_ROWS, (np.zeros(2), np.array(mean_ab), other.lab[..., 1:], truth / 2), strict=True))


def with_another(examples: Iterator[Example]) -> Iterator[tuple[Example, Example]]:
    """Each example with the one before it, the first at the end with the last: records lie in order of a hash."""
    first = before = next(examples)
    for example in examples:
        yield example, before
        before = example
    yield first, before


def make_metrics(settings: dict, model, dataset: Dataset, split: str, scores: dict[str, list[dict]]) -> dict:
    """The content of metrics.json; its `temperature` is that of the annealed mean, None for a regression."""
    from model import cost, heads, metrics

    rows = [{"row": settings["network"]} | metrics.summarise(scores["run"])]
    rows += [{"row": row} | metrics.summarise(scores[row]) for row in TRIVIAL_ROWS]
    for row, name in zip(rows, ("run", *TRIVIAL_ROWS), strict=True):
        row |= colourfulness_gaps(scores[name], scores["truth"])
    truth = {
        name: float(np.mean([s[name] for s in scores["truth"]])) for name in ("colourfulness", "colourfulness_abs")
    }
    ceiling = {"row": TRUTH_ROW} | dataset.manifest["encoding_fidelity"][split] | truth
    ceiling |= dict.fromkeys(("colourfulness_gap", "colourfulness_gap_each"), 0.0)
    return {
        "split": split,
        "trained_on_split": settings["split"],
        "same_pictures_as_training": split == settings["split"],
        "dataset": {key: dataset.settings[key] for key in ("name", "version", "size", "fit", "encoding")},
        "dataset_fingerprint": dataset.manifest["fingerprint"],
        "embedder": dataset.embedder and {key: dataset.embedder[key] for key in ("name", "layer", "weights")},
        "steps": settings["steps"],
        "parameters": model.count_params(),
        "multiply_adds": cost.picture_multiply_adds(model, dataset.settings["size"]),
        "temperature": heads.temperature_of(model),
        "protocol": (
            f"truth: the record's Lab ({dataset.settings['encoding']}) as 8-bit sRGB; answers: the record's L* with "
            "the row's ab, chroma reduced into sRGB, rounded to 8 bits; means over pictures, infinite PSNRs left out; "
            "AuC over thresholds 0..150 of ab, rebalanced by 1 / share of the ab bin among the scored pictures; "
            f"pictures {dataset.settings['size']}x{dataset.settings['size']} by {dataset.settings['fit']}"
        ),
        "rows": [*rows, ceiling],
        "pictures": [{key: _finite(value) for key, value in score.items()} for score in scores["run"]],
    }


def colourfulness_gaps(scores: list[dict], truth: list[dict]) -> dict[str, float]:
    """Both gaps in use: of the means (it forgives too much here for too little there), and picture by picture."""
    found, wanted = (np.array([s["colourfulness"] for s in rows]) for rows in (scores, truth))
    each = float(np.abs(found - wanted).mean())
    return {"colourfulness_gap": float(abs(found.mean() - wanted.mean())), "colourfulness_gap_each": each}


def _finite(value):
    """JSON has no infinity; an infinite PSNR (the answer equals the truth) is null."""
    return value if isinstance(value, str) or np.isfinite(value) else None


def format_table(rows: list[dict]) -> str:
    """The rows as text for a terminal."""
    lines = [f"{'':<28}{'pictures':>9}{'inf':>5}" + "".join(f"{name:>16}" for name in COLUMNS.values())]
    for row in rows:
        values = "".join(f"{'-' if row.get(name) is None else format(row[name], '.3f'):>16}" for name in COLUMNS)
        lines.append(f"{row['row']:<28}{row['pictures']:>9}{row['infinite_psnr']:>5}{values}")
    return "\n".join(lines)


def _make_anew(folder: str) -> None:
    """An empty folder: pictures of an earlier, longer evaluation would stay in the report."""
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)


def _write_pictures(folder: str, number: int, **pictures: np.ndarray) -> None:
    for name, pixels in pictures.items():
        Image.fromarray(pixels).save(os.path.join(folder, f"{number:03d}_{name}.png"))


def run_command(argv: list[str]) -> int:
    return command.run("evaluate", FLAGS, main, argv, __doc__)


if __name__ == "__main__":
    sys.exit(run_command(sys.argv[1:]))
