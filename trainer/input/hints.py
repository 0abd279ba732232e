"""Hints for training: colours of the truth revealed at random places, as Zhang et al. 2017 reveal them.

"Real-Time User-Guided Image Colorization with Learned Deep Priors", section 3.1: the number of patches by a geometric
law, their places by a Gaussian around the picture's middle, their sides from 1 to 9 pixels, each patch with its mean
colour; in a hundredth of the pictures all pixels. Theirs reveals something in seven of eight pictures. Here
`--hints` says in what share, because most pictures will be coloured without any.

The patches are drawn on the host with the other draws of a step, by (seed, step), and painted on the device.
"""

import numpy as np

MOST = 32  # patches a picture; the geometric law goes beyond in one of 70
_STOP = 1 / 8  # of the geometric law: 8 patches in the mean
_LARGEST = 9  # pixels a side
_WHOLE = 0.01


def draw(random: np.random.Generator, batch: int, side: int, share: float) -> np.ndarray:
    """Patches for pictures of side x side: int32 [batch, MOST, 4], top, left, bottom, right; of no size where none."""
    count = np.minimum(random.geometric(_STOP, batch), MOST) * (random.random(batch) < share)  # (B,)
    middle = np.clip(np.rint(random.normal(side / 2, side / 4, (batch, MOST, 2))), 0, side - 1)
    length = random.integers(1, _LARGEST + 1, (batch, MOST))
    corner = middle - length[..., None] // 2
    patches = np.concatenate([corner, corner + length[..., None]], axis=-1)
    patches = np.clip(patches, 0, side).astype(np.int32)
    patches[np.arange(MOST) >= count[:, None]] = 0
    whole = random.random(batch) < _WHOLE * (share > 0)
    patches[whole] = 0
    patches[whole, 0] = 0, 0, side, side
    return patches


def paint(ab, patches):
    """The hints that patches reveal, on the device. The picture whose patch is all of it reveals each pixel as it is.

    Args:
      ab: float32 [B, S, S, 2], the truth's a*/128, b*/128.
      patches: int32 [B, P, 4] of `draw`.
    Returns:
      float32 [B, S, S, 3]: a*/128, b*/128, 0 where nothing is revealed, and the mask, 1 where it is. Where patches
      overlap, the mean of their colours.
    """
    from keras import ops

    side = ab.shape[1]
    places = ops.arange(side, dtype="int32")
    rows, columns = (_inside(places, patches[..., i], patches[..., i + 2]) for i in (0, 1))  # (B, P, S) each
    area = ops.sum(rows, axis=-1) * ops.sum(columns, axis=-1)  # (B, P)
    sums = ops.einsum("bph,bpw,bhwc->bpc", rows, columns, ab)
    colours = sums / ops.maximum(area, 1.0)[..., None]  # (B, P, 2)
    counted = ops.concatenate([colours, ops.ones_like(colours[..., :1])], axis=-1)
    painted = ops.einsum("bph,bpw,bpc->bhwc", rows, columns, counted)
    count = painted[..., 2:]
    known = ops.cast(count > 0.0, "float32")
    whole = ops.cast(area[:, 0] == side * side, "float32")[:, None, None, None]
    revealed = painted[..., :2] / ops.maximum(count, 1.0)
    return ops.concatenate([whole * ab + (1.0 - whole) * revealed, known], axis=-1)


def none(lightness):
    """The hints of pictures of which no colour is known: zeros, [B, H, W, 3] beside L* of [B, H, W, 1]."""
    from keras import ops

    return ops.zeros_like(ops.repeat(lightness, 3, axis=-1))


def _inside(places, start, end):
    """1 at the places from `start` to before `end`: float32 [B, P, S]."""
    from keras import ops

    return ops.cast((places >= start[..., None]) & (places < end[..., None]), "float32")
