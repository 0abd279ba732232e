"""Changes of the training pictures that leave their colours true: mirrored, cropped, scaled, darker or lighter, worn.

All are functions of (seed, step), so a resumed run and any number of replicas see the same. The host cuts and scales
(it has less to hand over then), wears, and takes the mirrored picture's embedding; the device mirrors and changes L*.
"""

import dataclasses

import numpy as np
from PIL import Image

from tintmill.pipeline.common.errors import TintmillError, WrongFlagError
from tintmill.pipeline.dataset.manifest import Dataset
from tintmill.trainer.input import hints
from tintmill.trainer.input.wear import wear
from tintmill.trainer.run.settings import TrainSettings

_STREAM = 1 << 63  # apart from the keys of the epochs' orders, which count from 0
_SCALE, _WEAR, _HINTS = (_STREAM + (i << 60) for i in (1, 2, 3))  # apart, so that one does not move the others' draws


@dataclasses.dataclass(frozen=True)
class Draws:
    """What happens to each picture of a batch, or of a part of it.

    Attributes:
      side: of the pictures after cutting and scaling, in pixels.
      corner: int64 [b, 2], row and column of the upper left pixel that stays.
      mirrored: bool [b].
      light: float32 [b, 2], contrast factor and shift of L*.
      cut: int64 [b], side of the square that is cut, before it is scaled to `side`.
      worn: uint64 [b, 3], of each picture the key of what wears it, zeros where nothing does; or [b, 0].
      patches: int32 [b, P, 4], see `hints.draw`; [b, 0, 4] without hints.
    """

    side: int
    corner: np.ndarray
    mirrored: np.ndarray
    light: np.ndarray
    cut: np.ndarray
    worn: np.ndarray
    patches: np.ndarray

    def part(self, which: np.ndarray) -> "Draws":
        """Those of some pictures of the batch."""
        fields = {name: value[which] for name, value in vars(self).items() if name != "side"}
        return Draws(self.side, **fields)

    def picture(self, pixels: np.ndarray, i: int, lightness_unit: float) -> np.ndarray:
        """What is cut from picture i, scaled and worn.

        Args:
          pixels: uint8 or int16 [S, S, 3], a record's Lab.
          lightness_unit: what 1 of L* is in `pixels`.
        Returns:
          [side, side, 3] of the same type.
        """
        row, column = self.corner[i]
        pixels = pixels[row : row + self.cut[i], column : column + self.cut[i]]  # (cut, cut, 3)
        if len(pixels) != self.side:
            pixels = _scale(pixels, self.side)
        if self.worn.shape[1] and self.worn[i].any():
            pixels = pixels.copy()
            worn = wear(pixels[..., 0] / np.float32(lightness_unit), _generator(*self.worn[i]))  # (side, side)
            pixels[..., 0] = np.rint(worn * lightness_unit)
        return pixels


def draw(settings: TrainSettings, size: int, step: int) -> Draws:
    """The draws of a whole batch of pictures of size x size; nothing happens to them where nothing is asked for."""
    random = _generator(settings.seed, _STREAM + step)
    batch, side, jitter = settings.global_batch, settings.crop or size, settings.lightness_jitter
    corner = random.integers(0, size - side + 1, (batch, 2))  # (b, 2)
    mirrored = random.random(batch) < 0.5  # (b,)
    light = random.uniform(-jitter, jitter, (batch, 2)).astype(np.float32)  # (b, 2)
    if not settings.mirror:
        mirrored[:] = False
    cut = np.full(batch, side)
    if settings.scale_jitter:
        cut, corner = _draw_cuts(_generator(settings.seed, _SCALE + step), settings, size)
    return Draws(
        side,
        corner,
        mirrored,
        light * np.float32([1, 50]) + np.float32([1, 0]),
        cut,
        _draw_wear(settings, step),
        hints.draw(_generator(settings.seed, _HINTS + step), batch, side, settings.hints),
    )


def _draw_cuts(random: np.random.Generator, settings: TrainSettings, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Sides of the squares to be cut, int64 [batch], and their corners, [batch, 2]."""
    batch, side, most = settings.global_batch, settings.crop or size, 1 + settings.scale_jitter
    cut = np.rint(side * most ** random.uniform(-1, 1, batch)).astype(int)  # (b,)
    cut = np.clip(cut, 1, size)
    return cut, np.floor(random.random((batch, 2)) * (size - cut + 1)[:, None]).astype(int)


def _draw_wear(settings: TrainSettings, step: int) -> np.ndarray:
    """The key of each picture's wear, uint64 [batch, 3]; zeros for what stays as it is."""
    batch = settings.global_batch
    keys = np.zeros((batch, 3), np.uint64)
    if settings.wear:
        worn = _generator(settings.seed, _WEAR + step).random(batch) < settings.wear
        keys[worn, 0], keys[worn, 1], keys[worn, 2] = settings.seed, _WEAR + step, 1 + np.flatnonzero(worn)
    return keys


def _generator(seed: int, stream: int, part: int = 0) -> np.random.Generator:
    """Random numbers of a stream; `part`: one of many independent ones in it."""
    key = np.array([seed, stream], np.uint64)  # a plain list of such numbers would become floats
    return np.random.Generator(np.random.Philox(key=key, counter=int(part) << 128))


def _scale(pixels: np.ndarray, side: int) -> np.ndarray:
    """Lab [S, S, 3] resized to side x side, antialiased, channel by channel."""
    channels = [Image.fromarray(pixels[..., i].astype(np.float32)) for i in range(3)]  # (S, S) each
    scaled = [np.asarray(channel.resize((side, side), Image.Resampling.BILINEAR)) for channel in channels]
    return np.rint(np.stack(scaled, axis=-1)).astype(pixels.dtype)


def check_crop(settings: TrainSettings, fixed_size: bool) -> None:
    """Raises WrongFlagError where pieces are to be cut for a network of one size."""
    if settings.crop and fixed_size:
        raise WrongFlagError(
            f"--crop={settings.crop}: --network={settings.network} takes pictures of one size alone, and colours at "
            f"the dataset's; prepare with --size={settings.crop} instead"
        )


def check(settings: TrainSettings, dataset: Dataset, takes_embedding: bool, fixed_size: bool) -> None:
    """Raises TintmillError where the data or the network does not allow what is asked for."""
    size = dataset.settings.size
    if settings.crop > size:
        raise TintmillError(f"--crop={settings.crop}: the pictures of {dataset.folder} are {size}x{size}; give less")
    check_crop(settings, fixed_size)
    if settings.mirror and takes_embedding and not dataset.settings.embed_mirror:
        raise TintmillError(
            f"--mirror: {dataset.folder} has no embeddings of mirrored pictures; prepare it with --embed_mirror (with "
            "--reuse_lab no picture is decoded again)"
        )


def change(values, mirrored, light):
    """Mirrors, and changes L*, on the device.

    Args:
      values: float32 [b, S, S, 3], L* 0..100, a*, b*.
      mirrored, light: as in `Draws`.
    Returns:
      float32 [b, S, S, 3], L* within 0..100.
    """
    from keras import ops

    values = ops.where(mirrored[:, None, None, None], ops.flip(values, axis=2), values)
    contrast, shift = (light[:, i, None, None, None] for i in range(2))  # (b, 1, 1, 1) each
    lightness = ops.clip((values[..., :1] - 50.0) * contrast + 50.0 + shift, 0.0, 100.0)  # (b, S, S, 1)
    return ops.concatenate([lightness, values[..., 1:]], axis=-1)
