"""What hints are worth: PSNR and CIEDE2000 against their number, and the time from a changed hint to a new preview.

    python -m tests.bench.hints [--model=MODEL] FOLDER...

FOLDER holds photographs whose colour is true. Each is cropped to a square of 256 pixels. A hint gives the mean colour
of 7x7 pixels at a random place. `network` is its own answer, `painted` what `colorize --hints` makes of it.
"""

import argparse
import statistics
import time
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from tests.bench.variants import measure_delta, measure_psnr
from tintmill.model.colorizers.found import find_model
from tintmill.model.painting import finish
from tintmill.model.prediction import spread
from tintmill.model.prediction.colouring import predict_colourings
from tintmill.model.prediction.hints import Hint
from tintmill.pipeline.imaging import lab

_SIDE, _RADIUS = 256, 3
_COUNTS = (0, 1, 3, 10, 30)
_PREVIEW = (1024, 768)  # of a picture of 12 megapixels on the page
_TIMES = 9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model")
    parser.add_argument("folders", nargs="+")
    asked = parser.parse_args()
    network, random = find_model(None, asked.model).load(), np.random.default_rng(0)
    paths = sorted(path for folder in asked.folders for path in Path(folder).rglob("*.jpg"))
    scores = {}
    for path in paths:
        pixels = np.asarray(ImageOps.fit(Image.open(path).convert("RGB"), (_SIDE, _SIDE)))
        hints = draw_hints(pixels, random)
        for count in _COUNTS:
            scores.setdefault(count, []).append(measure(network, pixels, hints[:count]))
    print(f"{len(paths)} pictures\n{'hints':>5s} {'network':>16s} {'painted':>16s}   PSNR, CIEDE2000")
    for count, found in scores.items():
        means = np.mean(found, axis=0)
        print(f"{count:5d} {means[0]:9.2f} {means[1]:6.2f} {means[2]:9.2f} {means[3]:6.2f}")
    image = Image.open(paths[0]).convert("RGB").resize(_PREVIEW)
    for count in (1, 5, 30):
        print(f"{count} hints, a preview of {_PREVIEW[0]} x {_PREVIEW[1]}: {time_preview(network, image, count)}")


def draw_hints(pixels: np.ndarray, random: np.random.Generator) -> list[Hint]:
    """Hints at random places that are no nearer to the border than their radius."""
    colours, places = lab.rgb_to_lab(pixels), random.integers(_RADIUS, _SIDE - _RADIUS, (max(_COUNTS), 2)).tolist()
    patches = [colours[y - _RADIUS : y + _RADIUS + 1, x - _RADIUS : x + _RADIUS + 1, 1:] for x, y in places]
    means = [tuple(patch.mean(axis=(0, 1)).tolist()) for patch in patches]
    return [Hint(x, y, ab, _RADIUS) for (x, y), ab in zip(places, means, strict=True)]


def measure(network, pixels: np.ndarray, hints: list[Hint]) -> tuple[float, ...]:
    """PSNR and CIEDE2000 of the network's answer, then of what is painted."""
    grey = finish.grey(pixels)
    answer = finish.paint(pixels, network.predict(Image.fromarray(grey), hints=hints).ab)
    (found,) = predict_colourings(network, grey, hints=hints).variants
    painted = finish.paint(pixels, found.ab, change=found.change)
    return tuple(score(one, pixels) for one in (answer, painted) for score in (measure_psnr, measure_delta))


def time_preview(network, image: Image.Image, count: int) -> str:
    """Medians of the parts: the network runs once, for its answer without hints is held."""
    pixels = np.asarray(image)
    grey = finish.grey(pixels)
    plain = network.predict(Image.fromarray(grey)).ab
    hints = [Hint(30 * i + 20, 25 * i + 15, (20.0, 10.0)) for i in range(count)]
    parts = []
    for _ in range(_TIMES):
        begin = time.perf_counter()
        told = network.predict(Image.fromarray(grey), hints=hints).ab
        predicted = time.perf_counter()
        change = spread.find_change(grey, plain, told, hints)
        changed = time.perf_counter()
        finish.paint(pixels, plain, change=change)
        parts.append((predicted - begin, changed - predicted, time.perf_counter() - changed))
    medians = [1e3 * statistics.median(part) for part in zip(*parts, strict=True)]
    least = 1e3 * min(map(sum, parts))
    return f"network {medians[0]:.0f}, change {medians[1]:.0f}, painting {medians[2]:.0f} ms; at least {least:.0f} ms"


if __name__ == "__main__":
    main()
