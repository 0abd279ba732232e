"""The colorize command without a network: what it does with files shows in a second, without TensorFlow.

As a program: `python -m tests.support.fake_colouring FLAGS`; TINTMILL_TEST_SECONDS says how long each picture takes.
"""

import io
import json
import os
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image

from tests.support.manifests import make_manifest
from tintmill.model import colorize
from tintmill.model.colorizers.found import TrainedRun
from tintmill.model.files import colour_file
from tintmill.model.files.colour_file import Coloured
from tintmill.pipeline.imaging import photo

EXTENSIONS = {"JPEG": ".jpg", "TIFF": ".tif", "WEBP": ".webp"}


class Painter:
    """Colours by position alone."""

    def predict_ab(self, grey: Image.Image, temperature: float | None = None) -> np.ndarray:
        width, height = (max(2, length // 8) for length in grey.size)
        rows, columns = np.meshgrid(np.linspace(-40, 40, height), np.linspace(-40, 40, width), indexing="ij")
        return np.stack([rows, columns], axis=-1).astype(np.float32)


def colour_bytes(data, colorizer, options, limits, provenance, hints=(), variants=1) -> Coloured:
    """The picture with its channels changed as the settings say: another setting, other bytes of the same size."""
    time.sleep(float(os.environ.get("TINTMILL_TEST_SECONDS", 0)))
    kind = photo.sniff(data)
    kind = kind if kind in EXTENSIONS else "PNG"
    pixels = np.array(photo.decode(data, limits))
    pixels[0, 0] = round(10 * options.chroma)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **({"compression": "raw"} if kind == "TIFF" else {}))
    mark = b"uncertain" if options.uncertainty else None
    return Coloured(buffer.getvalue(), EXTENSIONS.get(kind, ".png"), {"model": provenance["model"]}, mark)


def make_run(folder: Path, model: bytes = b"weights") -> Path:
    """As much of a run directory as tells which model it is."""
    folder.mkdir(exist_ok=True)
    (folder / "dataset.json").write_text(make_manifest().to_text())
    (folder / "settings.json").write_text(json.dumps({"network": "toy"}))
    (folder / "model.keras").write_bytes(model)
    return folder


def command_line(run: Path, *arguments) -> list[str]:
    return [sys.executable, "-m", "tests.support.fake_colouring", f"--run={run}", *map(str, arguments)]


def install(setattr=setattr) -> None:
    setattr(TrainedRun, "load", lambda *arguments, **more: Painter())
    setattr(colour_file, "colour_bytes", colour_bytes)


if __name__ == "__main__":
    install()
    sys.exit(colorize.run_command(sys.argv[1:]))
