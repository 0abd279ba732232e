"""A run as one self-contained HTML page: curves, tables, grey | coloured | truth pictures, settings.

    tintmill report --run=RUNS/first

Writes RUN/report.html, which opens offline: pictures and curves are inside it.
"""

import base64
import json
import os
import sys

from absl import flags

from model import artefact
from model.network_spec import WITH_ENCODER
from pipeline import command, files
from pipeline.errors import TintmillError
from trainer import curves
from trainer.settings import load_settings

FLAGS = flags.FlagValues()
flags.DEFINE_string("run", None, "Run directory.", flag_values=FLAGS, required=True)

COLUMNS = {
    "psnr": "PSNR, dB",
    "ssim": "SSIM",
    "ciede2000": "CIEDE2000",
    "auc": "AuC",
    "auc_rebalanced": "AuC, rebalanced",
    "colourfulness": "colourfulness, signed",
    "colourfulness_abs": "colourfulness, absolute",
    "colourfulness_gap": "gap to truth, of the means",
    "colourfulness_gap_each": "gap to truth, mean of each",
}


def main(arguments: list[str]) -> None:
    if arguments:
        raise TintmillError(f"wanted flags only, got {arguments}")
    run = FLAGS.run
    path = os.path.join(run, "report.html")
    files.write(path, render(run))
    print(path)


def render(run: str) -> str:
    """The page's HTML.

    Raises:
      TintmillError: `run` is no run directory.
    """
    import jinja2

    settings, manifest = load_settings(run), artefact.load_dataset(run)
    evaluations = load_evaluations(run)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(os.path.dirname(__file__)), autoescape=True, undefined=jinja2.StrictUndefined
    )
    return environment.get_template("report.html.jinja").render(
        name=os.path.basename(os.path.abspath(run)),
        settings=settings,
        dataset=manifest["settings"],
        manifest=manifest,
        notes=make_notes(settings, manifest, evaluations),
        curve=curves.draw(run),
        speed=curves.speed(run, settings["global_batch"]),
        evaluations=evaluations,
        columns=COLUMNS,
    )


def make_notes(settings: dict, manifest: dict, evaluations: list[dict]) -> list[str]:
    """What a reader must know before believing a number."""
    notes = []
    records = manifest["splits"][settings["split"]]
    if any(e["metrics"]["same_pictures_as_training"] for e in evaluations):
        notes.append(
            f"Scored on the pictures it was trained on ({records}): an overfitting check that shows that the whole way "
            "works. It says nothing about other pictures."
        )
    embedder = manifest["embedder"]
    if embedder and embedder["weights"] == "random":
        notes.append(
            f"The embedder {embedder['name']} has random weights here: its embedding is a fixed random projection of "
            "the picture and knows nothing about its content."
        )
    if settings.get("perceptual_weight") and settings["perceptual_weights"] == "random":
        notes.append(
            f"The perceptual loss compared features of {settings['perceptual_network']} with random weights: textures "
            "of a fixed random projection, not what the network would see had it learnt."
        )
    if settings["network"] in WITH_ENCODER and settings.get("encoder_weights") == "random":
        notes.append(f"The encoder of {settings['network']} has random weights here, where ImageNet's were meant.")
    if not evaluations:
        notes.append("Not evaluated yet: run `tintmill evaluate`.")
    return notes


def load_evaluations(run: str) -> list[dict]:
    """Every evaluated split: its metrics and its example pictures as data URLs."""
    found = []
    for split, metrics in read_metrics(run).items():
        folder = os.path.join(run, "evaluation", split)
        numbers = sorted(name.split("_")[0] for name in os.listdir(folder) if name.endswith("_truth.png"))
        pictures = [
            {kind: _data_url(os.path.join(folder, f"{number}_{kind}.png")) for kind in ("grey", "coloured", "truth")}
            | {"scores": metrics["pictures"][int(number)]}
            for number in numbers
        ]
        found.append({"metrics": metrics, "pictures": pictures})
    return found


def read_metrics(run: str) -> dict[str, dict]:
    """The metrics.json of every evaluated split, by split.

    Raises:
      TintmillError: one is damaged.
    """
    root, found = os.path.join(run, "evaluation"), {}
    for split in sorted(os.listdir(root)) if os.path.isdir(root) else []:
        path = os.path.join(root, split, "metrics.json")
        if not os.path.exists(path):  # written last: this evaluation was interrupted
            continue
        try:
            found[split] = json.loads(files.read(path))
        except ValueError as error:
            raise TintmillError(f"{path} is damaged ({error}); evaluate again on --split={split}") from error
    return found


def _data_url(path: str) -> str:
    return "data:image/png;base64," + base64.b64encode(files.read(path)).decode()


def run_command(argv: list[str]) -> int:
    return command.run("report", FLAGS, main, argv, __doc__)


if __name__ == "__main__":
    sys.exit(run_command(sys.argv[1:]))
