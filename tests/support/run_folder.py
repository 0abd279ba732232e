"""Run directories as training and evaluation leave them, written by hand: for tests of what reads them."""

import dataclasses
import json
from pathlib import Path

import numpy as np
from PIL import Image

from tests.support import helpers
from tests.support.manifests import make_manifest
from tintmill.pipeline.imaging import lab
from tintmill.trainer.run.settings import TrainSettings

MANIFEST = make_manifest()
START = {
    "step": 0,
    "versions": {"tintmill": "0.2.0", "tensorflow": "2.21.0", "keras": "3.15.1", "python": "3.11.2"},
    "devices": ["GPU:0 A Very Fast One"],
    "workers": 1,
    "processor": "Some Processor",
    "cores": 8,
    "memory_gib": 31.3,
    "system": "Linux-6.1",
}
TRIVIAL = ("grey", "dataset mean", "another picture's ab", "true ab halved")


def make(folder: Path, **settings) -> Path:
    """A run of 30 steps, logged, validated, not evaluated."""
    folder.mkdir(parents=True)
    values = dataclasses.asdict(TrainSettings(steps=30, validation_split="val", validate_every=10)) | settings
    write_json(folder / "settings.json", values)
    (folder / "dataset.json").write_text(MANIFEST.to_text())
    (folder / "starts.jsonl").write_text(json.dumps(START) + "\n")
    header = "step,epoch,loss,pictures_per_second,waiting\n"
    (folder / "metrics.csv").write_text(header + "10,1,0.5,10,0\n20,2,0.25,40,0.5\n30,3,0.125,40,0\n")
    (folder / "validation.csv").write_text("step,loss,psnr,chroma\n15,0.4,19,0.2\n30,0.3,21,0.4\n")
    return folder


def evaluate(run: Path, split: str = "val", psnr: float = 21.5, ids: tuple[str, ...] = ("a", "b"), **changes) -> Path:
    """Gives `run` an evaluation, its pictures in their order `first`, `best`, `median`, `worst`, `first`, ...; returns
    its folder.
    """
    folder = run / "evaluation" / split
    folder.mkdir(parents=True)
    counts = np.zeros((55, 55), int)
    counts[27, 27], counts[30, 40] = 900, 100
    metrics = {
        "split": split,
        "same_pictures_as_training": False,
        "rows": [make_row("koalarization", psnr), *(make_row(name, 20.0) for name in TRIVIAL), make_row("truth", 48.0)],
        "protocol_card": {"resize": "squash, bicubic", "rounding": "to 8 bits"},
        "ab_histograms": {"truth": counts.tolist(), "run": (counts // 2).tolist(), "step": 4, "low": -110},
        "examples": [make_example(folder, number, name) for number, name in enumerate(ids)],
    }
    write_json(folder / "metrics.json", metrics | changes)
    return folder


def make_row(name: str, psnr: float) -> dict:
    scores = {"psnr": psnr, "ssim": 0.91, "ciede2000": 12.3456, "auc": 86.5, "auc_rebalanced": 65.4}
    scores |= {
        "colourfulness": 19.5,
        "colourfulness_abs": 18.5,
        "colourfulness_gap": 3.5,
        "colourfulness_gap_each": 9.5,
    }
    intervals = {"psnr": [psnr - 1, psnr + 1.25], "ciede2000": [11.5, 13.25]}
    return {"row": name, "pictures": 12, "infinite_psnr": 0, "intervals": intervals} | scores


def make_example(folder: Path, number: int, name: str, size: int = 48) -> dict:
    """Its three pictures, and its entry of metrics.json."""
    truth = helpers.photo_pixels(number, size, size)
    grey = np.broadcast_to(lab.to_grey(truth)[..., None], truth.shape)
    faded = ((truth.astype(int) + grey) // 2).astype(np.uint8)
    files = {kind: f"{number:03d}_{kind}.png" for kind in ("grey", "coloured", "truth")}
    for file, pixels in zip(files.values(), (grey, faded, truth), strict=True):
        Image.fromarray(pixels).save(folder / file)
    why = ("first", "best", "median", "worst")[number % 4]
    return {"id": name, "files": files, "why": why, "scores": {"psnr": 20.5 + number, "ciede2000": 9.25}}


def write_json(path: Path, content) -> None:
    path.write_text(json.dumps(content))


def change(run: Path, split: str = "val", **changes) -> None:
    """Writes other values into its metrics.json; what is None is left out."""
    path = run / "evaluation" / split / "metrics.json"
    metrics = json.loads(path.read_text()) | changes
    write_json(path, {key: value for key, value in metrics.items() if value is not None})


VALIDATIONS = "step,loss,psnr,chroma\n10,0.5,18.0,1\n20,0.25,19.0,1\n30,0.3,21.0,1\n"


def make_small(folder: Path, step: int = 30, finished: bool = True, validation: str = VALIDATIONS, **settings) -> Path:
    """A run of 30 steps for the table of runs; a setting of None is left out, as in an older run."""
    (folder / "checkpoints").mkdir(parents=True)
    values = dataclasses.asdict(TrainSettings(steps=30, validation_split="val", validate_every=10)) | settings
    values = {key: value for key, value in values.items() if value is not None}
    (folder / "settings.json").write_text(json.dumps(values))
    (folder / "dataset.json").write_text(make_manifest().to_text())
    (folder / "metrics.csv").write_text(f"step,epoch,loss,pictures_per_second\n10,0.1,0.5,9.0\n{step},0.2,0.4,9.0\n")
    (folder / "validation.csv").write_text(validation)
    if finished:
        (folder / "model.keras").write_bytes(b"a network")
    return folder


def score(run: Path, split: str, **scores) -> None:
    folder = run / "evaluation" / split
    folder.mkdir(parents=True)
    (folder / "metrics.json").write_text(json.dumps({"rows": [{"row": "koalarization"} | scores, {"row": "grey"}]}))
