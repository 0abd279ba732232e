"""Colours of successive frames, held steady.

A network sees each frame alone, and answers a little differently to each: the colours flicker. Here they are an
exponential average over time, carried along with what moves in the picture: the motion between two frames is estimated
from their L* (iterative Lucas-Kanade, scikit-image), and where the L* carried along is not the L* seen, something has
come into view and the frame's own colours count. At a cut, told by the change of L*, the average begins anew.

Averaged in place, colours are steadier still, but they lag behind the camera: tests/bench/README.md has the numbers.
"""

import numpy as np
from PIL import Image

from tintmill.pipeline.imaging import lab

_MEMORY = 0.4  # seconds in which what was seen before loses all but 1/e of its weight
_SIDE = 96  # pixels of the shorter side where motion is estimated
_RADIUS = 5  # pixels there that move together
_TOLERANCE = 4.0  # L*: a difference at which what was carried along has lost all but 1/e of its weight
_CUT_SIDE = 16  # pixels: frames are compared this small, so that motion is no cut
_CUT = 11.0  # mean difference of L*, less each frame's mean, from which on it is a cut


class Steady:
    """Frames go in one after the other. `scenes`: how many there were so far."""

    def __init__(self):
        self.scenes = 0
        self._frame: tuple | None = None  # the last one's time, grey picture, L* and steadied colours

    def __call__(self, seconds: float, grey: Image.Image, ab: np.ndarray) -> np.ndarray:
        """The colours of the next frame.

        Args:
          seconds: when it is shown.
          grey: the frame, PIL image of mode L.
          ab: float32 [h, w, 2], its colours as the network sees them.
        Returns:
          float32 [h, w, 2].
        """
        lightness = _lightness(grey, ab.shape[1::-1])  # (h, w)
        small = _lightness(grey, (_CUT_SIDE, _CUT_SIDE))  # (16, 16)
        if self._frame is None or self._frame[3].shape != ab.shape or is_cut(self._frame[1], small):
            self.scenes += 1
        else:
            before, _, lightness_before, colours = self._frame
            weight = np.exp(-max(0.0, seconds - before) / _MEMORY)
            ab = _blend(lightness_before, colours, lightness, ab, weight)
        self._frame = seconds, small, lightness, ab
        return ab


def is_cut(before: np.ndarray, after: np.ndarray) -> bool:
    """Whether two frames, L* [_CUT_SIDE, _CUT_SIDE], are of two scenes; light that changes as a whole is no cut."""
    return bool(np.abs((after - after.mean()) - (before - before.mean())).mean() > _CUT)


def _blend(lightness_before, before, lightness, ab, weight: float) -> np.ndarray:
    """The colours of a frame, averaged with those of the one before, which are carried along.

    Args:
      lightness_before, lightness: L* of both frames, float32 [h, w].
      before, ab: their colours, float32 [h, w, 2].
      weight: of the earlier colours where nothing has changed, 0..1.
    """
    flow = motion(lightness_before, lightness)  # (2, h, w)
    moved = carry(np.concatenate([lightness_before[..., None], before], axis=-1), flow)  # (h, w, 3)
    change = (lightness - moved[..., 0]) / _TOLERANCE  # (h, w)
    share = (weight * np.exp(-(change**2)))[..., None].astype(np.float32)  # (h, w, 1)
    return share * moved[..., 1:] + (1 - share) * ab


def motion(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Where each pixel of `after` was in `before`: float32 [2, h, w], rows and columns to add."""
    from skimage.registration import optical_flow_ilk

    height, width = after.shape
    scale = min(1.0, _SIDE / min(height, width))
    size = max(8, round(width * scale)), max(8, round(height * scale))
    flow = optical_flow_ilk(
        _resized(after, size), _resized(before, size), radius=_RADIUS
    )  # (2, rows, columns) of `size`
    return np.stack(
        [_resized(flow[0], (width, height)) * height / size[1], _resized(flow[1], (width, height)) * width / size[0]]
    )


def carry(values: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """Values as they are after a motion; what comes in over the edge is the edge's.

    Args:
      values: float32 [h, w, C].
      flow: float32 [2, h, w], as of `motion`.
    Returns:
      float32 [h, w, C].
    """
    from scipy.ndimage import map_coordinates

    rows, columns = np.indices(values.shape[:2])
    places = np.stack([rows + flow[0], columns + flow[1]])  # (2, h, w)
    channels = np.moveaxis(values, -1, 0)  # (C, h, w)
    return np.stack([map_coordinates(c, places, order=1, mode="nearest") for c in channels], axis=-1)


def _lightness(grey: Image.Image, size: tuple[int, int]) -> np.ndarray:
    """L* of a grey picture at a size, (width, height): float32 [height, width]."""
    small = np.asarray(grey.resize(size, Image.Resampling.BOX))  # (height, width)
    return lab.rgb_to_lab(np.repeat(small[..., None], 3, axis=-1))[..., 0]


def _resized(values: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A map [h, w] bilinearly at a size, (width, height): float32 [height, width]."""
    return np.asarray(Image.fromarray(np.asarray(values, np.float32), "F").resize(size, Image.Resampling.BILINEAR))
