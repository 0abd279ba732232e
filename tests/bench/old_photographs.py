"""How a model colours photographs that have no true colours: figures, and a sheet to look at.

    python -m tests.bench.old_photographs [--run=RUN | --model=MODEL] FOLDER... [--sheet=SHEET.png]

A picture's mean chroma says whether it stayed grey or is gaudy. The share of strongly red pixels finds the commonest
stain: chroma above 40 at hues from -10 to 60 degrees.
"""

import argparse
import os
import statistics
from pathlib import Path

import numpy as np
from PIL import Image

from tintmill.model.colorizers.found import find_model
from tintmill.model.painting import finish
from tintmill.pipeline.imaging import lab, photo

_SHOWN = 768  # pixels of the longer side at which pictures are coloured: colours do not depend on it
_ROW = 220  # pixels, height of a row of the sheet
_LEAST_CHROMA, _REDDEST, _FIRST_HUE, _LAST_HUE = 40.0, 3.0, -10.0, 60.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run")
    parser.add_argument("--model")
    parser.add_argument("--sheet")
    parser.add_argument("folders", nargs="+")
    asked = parser.parse_args()
    colorize = find_model(asked.run, asked.model).load()
    paths = sorted(path for folder in asked.folders for path in Path(folder).iterdir() if path.is_file())
    rows, red, chroma = [], [], []
    print(f"{'picture':40s} {'strongly red %':>14s} {'mean chroma':>12s}")
    for path in paths:
        grey, coloured = colour(colorize, path)
        red.append(100 * strongly_red(coloured))
        chroma.append(float(_chroma(lab.rgb_to_lab(coloured)).mean()))
        print(f"{path.name:40.40s} {red[-1]:14.1f} {chroma[-1]:12.1f}")
        rows.append([grey, coloured])
    print(
        f"{len(paths)} pictures: strongly red {statistics.mean(red):.1f} % (worst {max(red):.1f}, wanted at most "
        f"{_REDDEST:.0f}); mean chroma {statistics.median(chroma):.1f} in the median, {max(chroma):.1f} at most"
    )
    if asked.sheet:
        write_sheet(rows, asked.sheet)
        print(os.path.abspath(asked.sheet))


def colour(colorize, path: Path) -> tuple[np.ndarray, np.ndarray]:
    """A file's grey version and what the model makes of it, uint8 [H, W, 3] each."""
    image = photo.decode(path.read_bytes(), photo.Limits())
    image.thumbnail((_SHOWN, _SHOWN), Image.Resampling.BICUBIC)
    grey = finish.grey(np.asarray(image))  # (H, W)
    pixels = np.repeat(grey[..., None], 3, axis=-1)  # (H, W, 3)
    return pixels, finish.paint(pixels, colorize.predict_ab(Image.fromarray(grey)))


def strongly_red(picture: np.ndarray) -> float:
    """The share of a picture's pixels, uint8 [H, W, 3] sRGB, that are strongly red."""
    found = lab.rgb_to_lab(picture)
    hue = np.degrees(np.arctan2(found[..., 2], found[..., 1]))
    return float(((_chroma(found) > _LEAST_CHROMA) & (hue > _FIRST_HUE) & (hue < _LAST_HUE)).mean())


def _chroma(found: np.ndarray) -> np.ndarray:
    return np.hypot(found[..., 1], found[..., 2])


def write_sheet(rows: list[list[np.ndarray]], path: str) -> None:
    """Each row's pictures beside each other, two rows of the list on a line."""
    strips = [np.concatenate([_scale(picture) for picture in row], axis=1) for row in rows]
    pairs = [np.concatenate(_pad(strips[i : i + 2]), axis=1) for i in range(0, len(strips), 2)]
    Image.fromarray(np.concatenate(_pad(pairs), axis=0)).save(path)


def _scale(picture: np.ndarray) -> np.ndarray:
    width = round(picture.shape[1] * _ROW / picture.shape[0])
    return np.asarray(Image.fromarray(picture).resize((width, _ROW), Image.Resampling.LANCZOS))


def _pad(strips: list[np.ndarray]) -> list[np.ndarray]:
    """The same strips at the width of the widest, white on the right."""
    widest = max(strip.shape[1] for strip in strips)
    return [np.pad(s, ((0, 0), (0, widest - s.shape[1]), (0, 0)), constant_values=255) for s in strips]


if __name__ == "__main__":
    main()
