"""What variants are worth: the best of several against one, how far they are apart, and each of them alone.

    python -m tests.bench.variants [--model=MODEL] [--count=4] [--sheet=SHEET.png] FOLDER...

FOLDER holds photographs whose colour is true. Each is coloured from its grey version with its shorter side at 256.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from tintmill.model.colorizers.found import find_model
from tintmill.model.painting import finish
from tintmill.model.prediction.colouring import predict_colourings
from tintmill.pipeline.imaging import lab

_SIDE = 256
_CELL = (240, 180)  # (width, height) of a picture of the sheet


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model")
    parser.add_argument("--count", type=int, default=4)
    parser.add_argument("--sheet")
    parser.add_argument("folders", nargs="+")
    asked = parser.parse_args()
    network = find_model(None, asked.model).load()
    psnr, delta, apart, rows = [], [], [], []
    for path in sorted(path for folder in asked.folders for path in Path(folder).rglob("*") if _is_photograph(path)):
        pixels = read(path)
        found = predict_colourings(network, finish.grey(pixels), count=asked.count).variants
        painted = [finish.paint(pixels, one.ab) for one in found]
        psnr.append([measure_psnr(one, pixels) for one in painted])
        delta.append([measure_delta(one, pixels) for one in painted])
        apart.append([np.linalg.norm(a.ab - b.ab, axis=-1).mean() for a in found for b in found if a is not b])
        rows.append(np.hstack([fit(one) for one in (pixels, *painted)]))
    report(np.array(psnr), np.array(delta), np.array(apart))
    if asked.sheet:
        Image.fromarray(np.vstack(rows)).save(asked.sheet)


def report(psnr: np.ndarray, delta: np.ndarray, apart: np.ndarray) -> None:
    """Prints means; psnr and delta are [pictures, variants], apart [pictures, pairs]."""
    print(f"{len(psnr)} pictures, {psnr.shape[1]} variants")
    print(f"{'':24s} {'PSNR':>7s} {'CIEDE2000':>10s}")
    for number in range(psnr.shape[1]):
        name = f"variant {number + 1}" + (", the network's own" if number == 0 else "")
        print(f"{name:30s} {psnr[:, number].mean():7.2f} {delta[:, number].mean():10.2f}")
    print(f"{'best of them':30s} {psnr.max(axis=1).mean():7.2f} {delta.min(axis=1).mean():10.2f}")
    print(f"mean distance of two variants in a*, b*: {apart.mean():.1f}")


def read(path: Path) -> np.ndarray:
    image = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
    scale = _SIDE / min(image.size)
    return np.asarray(image.resize([max(1, round(length * scale)) for length in image.size]))


def measure_psnr(painted: np.ndarray, truth: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / np.square(painted.astype(float) - truth).mean()))


def measure_delta(painted: np.ndarray, truth: np.ndarray) -> float:
    from skimage.color import deltaE_ciede2000

    return float(deltaE_ciede2000(lab.rgb_to_lab(painted), lab.rgb_to_lab(truth)).mean())


def fit(pixels: np.ndarray) -> np.ndarray:
    return np.asarray(ImageOps.pad(Image.fromarray(pixels), _CELL))


def _is_photograph(path: Path) -> bool:
    return path.suffix.lower() in (".jpg", ".jpeg", ".png")


if __name__ == "__main__":
    main()
