"""A camera that moves over a photograph: frames whose every point is known in the next one, and what flickers there."""

import numpy as np
from PIL import Image

from tintmill.model.files import steady
from tintmill.pipeline.imaging import lab


def moving(pixels: np.ndarray, side: int, steps: list[tuple[int, int]]) -> list[np.ndarray]:
    """Windows of a picture, uint8 [side, side, 3]."""
    return [pixels[y : y + side, x : x + side] for y, x in steps]


def flicker(colours: list[np.ndarray], steps: list[tuple[int, int]]) -> float:
    """Mean change of ab at the same point of the picture from frame to frame."""
    changes = []
    for (a, (y0, x0)), (b, (y1, x1)) in zip(
        zip(colours, steps, strict=True), zip(colours[1:], steps[1:], strict=True), strict=False
    ):
        dy, dx = y1 - y0, x1 - x0
        height, width = a.shape[:2]
        changes.append(np.linalg.norm(a[dy:, dx:] - b[: height - dy, : width - dx], axis=-1).mean())
    return float(np.mean(changes))


def misplaced(colours: list[np.ndarray], predicted: list[np.ndarray], steps: list[tuple[int, int]]) -> float:
    """Mean distance of ab from what is predicted for the same point of the picture, on average over all frames."""
    height, width = predicted[0].shape[:2]
    size = max(y for y, _ in steps) + height, max(x for _, x in steps) + width
    total, count = np.zeros((*size, 2)), np.zeros((*size, 1))
    for ab, (y, x) in zip(predicted, steps, strict=True):
        total[y : y + height, x : x + width] += ab
        count[y : y + height, x : x + width] += 1
    mean = total / np.maximum(count, 1)
    away = [ab - mean[y : y + height, x : x + width] for ab, (y, x) in zip(colours, steps, strict=True)]
    return float(np.mean([np.linalg.norm(one, axis=-1).mean() for one in away]))


def held(frames: list[np.ndarray], predicted: list[np.ndarray]) -> tuple[list[np.ndarray], int]:
    hold = steady.Steady()
    greys = [Image.fromarray(lab.to_grey(pixels)) for pixels in frames]
    return [hold(i / 25, grey, ab) for i, (grey, ab) in enumerate(zip(greys, predicted, strict=True))], hold.scenes
