"""How much colours flicker in a video: as the network predicts them, averaged in place, and as videos get them.

`python -m tests.bench.flicker RUN [EMBEDDER_WEIGHTS]`: a window of 256 pixels moves over each of four photographs,
three pixels to the right and one down a frame. Printed is the mean change of (a*, b*) at one point of the photograph
from frame to frame, and how far colours are from that point's mean prediction: what lags behind the camera is steady,
and misplaced.
"""

import sys
import time

import numpy as np
from PIL import Image

from tests.bench.common import photographs
from tests.support import pans
from tintmill.pipeline.common.tensorflow import import_tensorflow
from tintmill.pipeline.imaging import lab

SIDE, FRAMES, PHOTOGRAPHS = 256, 20, 4


def main(run: str, embedder_weights: str | None = None) -> None:
    import_tensorflow()
    from tintmill.model.prediction import colorizer

    colours = colorizer.load(run, embedder_weights)
    steps = [(i, 3 * i) for i in range(FRAMES)]
    for path in [path for path in photographs() if min(Image.open(path).size) > SIDE + 3 * FRAMES][:PHOTOGRAPHS]:
        frames = pans.moving(np.asarray(Image.open(path).convert("RGB")), SIDE, steps)
        predicted = [colours.predict_ab(Image.fromarray(lab.to_grey(frame))) for frame in frames]
        began = time.process_time()
        carried, _ = pans.held(frames, predicted)
        cost = (time.process_time() - began) / FRAMES
        in_place = average_in_place(predicted)
        full = [enlarged(ab) for ab in (predicted, in_place, carried)]
        changes = [pans.flicker(ab, steps) for ab in full]
        away = [pans.misplaced(ab, full[0], steps) for ab in full]
        named = zip(("predicted", "in place", "in a video"), changes, away, strict=True)
        print(path.name, *(f"{name} {change:.2f}, misplaced {far:.2f};" for name, change, far in named), end=" ")
        print(f"{1e3 * cost:.0f} CPU-ms a frame")


def average_in_place(predicted: list[np.ndarray]) -> list[np.ndarray]:
    """With the memory of `steady`, at 25 frames a second, blind to motion."""
    from tintmill.model.files import steady

    weight, kept = np.exp(-1 / 25 / steady._MEMORY), [predicted[0]]
    for ab in predicted[1:]:
        kept.append(weight * kept[-1] + (1 - weight) * ab)
    return kept


def enlarged(colours: list[np.ndarray]) -> list[np.ndarray]:
    from tintmill.model.files import steady

    return [np.stack([steady._resized(ab[..., i], (SIDE, SIDE)) for i in range(2)], axis=-1) for ab in colours]


if __name__ == "__main__":
    main(*sys.argv[1:])
