"""What a visitor sees of a picture: the whole or a part, at the size of a screen, as JPEG."""

import io

import numpy as np
from PIL import Image

from tintmill.model.painting import finish
from tintmill.model.painting.change import Change, Point

Box = tuple[int, int, int, int]  # left, top, right, bottom
_QUALITY, _SUBSAMPLING = 90, 1  # half the columns of colours, which are smooth: in half the time of all


def paint_part(
    pixels: np.ndarray, ab: np.ndarray, change: Change | None, chroma: float, box: Box | None, side: int | None
) -> bytes:
    """JPEG of a part of a picture.

    Args:
      pixels: uint8 of the whole picture, [H, W] or [H, W, 3].
      ab: float32 [h, w, 2], the colours of the whole picture.
      change: what hints change of them; its points are pixels of `pixels`.
      box: the part, in pixels of `pixels`; None: all.
      side: of its longer side at most; None: as it is.
    """
    part = pixels
    if box is not None:
        height, width = pixels.shape[:2]
        part, ab = pixels[box[1] : box[3], box[0] : box[2]], _cut(ab, box, width, height)
        change = change and Change(_cut(change.ab, box, width, height), _cut_points(change.points, box))
    small = reduce(part, side)
    if change is not None and small is not part:
        change = Change(change.ab)  # the pixels of its points are mixed with others
    return encode_jpeg(finish.paint(small, ab, chroma, change=change))


def _cut_points(points: tuple[Point, ...], box: Box) -> tuple[Point, ...]:
    left, top, right, bottom = box
    inside = (point for point in points if left <= point.x < right and top <= point.y < bottom)
    return tuple(Point(point.x - left, point.y - top, point.ab) for point in inside)


def _cut(ab: np.ndarray, box: Box, width: int, height: int) -> np.ndarray:
    """The colours of a part, at their own resolution or a little more."""
    across, down = ab.shape[1] / width, ab.shape[0] / height
    corners = (box[0] * across, box[1] * down, box[2] * across, box[3] * down)
    size = max(2, round(2 * (corners[2] - corners[0]))), max(2, round(2 * (corners[3] - corners[1])))
    planes = [Image.fromarray(np.ascontiguousarray(ab[..., i])) for i in (0, 1)]
    return np.stack(
        [np.asarray(plane.resize(size, Image.Resampling.BILINEAR, box=corners)) for plane in planes], axis=-1
    )


def reduce(pixels: np.ndarray, side: int | None) -> np.ndarray:
    """A picture whose longer side is `side` at most."""
    height, width = pixels.shape[:2]
    if side is None or max(width, height) <= side:
        return pixels
    size = tuple(max(1, round(length * side / max(width, height))) for length in (width, height))
    image = Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)
    return np.asarray(image)


def encode_jpeg(pixels: np.ndarray) -> bytes:
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "JPEG", quality=_QUALITY, subsampling=_SUBSAMPLING)
    return data.getvalue()
