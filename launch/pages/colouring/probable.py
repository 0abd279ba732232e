"""Which colours a network with bins finds probable at a place of a picture: the swatches to begin with."""

import functools

import numpy as np

from tintmill.pipeline.imaging import ab_bins

_MOST = 8  # colours
_BLUR = 8.0  # units of a*, b*: neighbouring bins stand for one colour
_LEAST = 0.003  # share of a colour that is worth showing


def list_probable(logits: np.ndarray, x: float, y: float) -> list[tuple[float, float]]:
    """The most probable colours at a place, the most probable first.

    Args:
      logits: [h, w, 313] of the bins.
      x, y: the place, 0..1 of width and height.
    Returns:
      a* and b* of up to 8 colours. What one colour stands for is taken away before the next one is looked for, so that
      no two are much alike.
    """
    height, width = logits.shape[:2]
    row, column = min(int(y * height), height - 1), min(int(x * width), width - 1)
    scaled = logits[row, column].astype(np.float32)  # (313,)
    share = np.exp(scaled - scaled.max())
    share /= share.sum()
    found = []
    while len(found) < _MOST:
        near = _nearness() @ share  # (313,), of each bin and its neighbours
        best = int(near.argmax())
        if near[best] < _LEAST:
            break
        found.append(best)
        share = share * (1.0 - _nearness()[best])
    return [(float(a), float(b)) for a, b in ab_bins.centres()[found]]


@functools.cache
def _nearness() -> np.ndarray:
    """float32 [313, 313]: how much of a bin's share counts for another one."""
    centres = ab_bins.centres()
    squares = ((centres[:, None] - centres[None]) ** 2).sum(axis=-1)
    return np.exp(-squares / (2 * _BLUR**2)).astype(np.float32)
