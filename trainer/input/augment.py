"""Changes of the training pictures that leave their colours true: mirrored, cropped, darker or lighter.

All are functions of (seed, step), so a resumed run and any number of replicas see the same. The host cuts (it has less
to hand over then) and takes the mirrored picture's embedding; the device mirrors and changes L*.
"""

import dataclasses

import numpy as np

from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.dataset.manifest import Dataset
from tintmill.trainer.run.settings import TrainSettings

_STREAM = 1 << 63  # apart from the keys of the epochs' orders, which count from 0


@dataclasses.dataclass(frozen=True)
class Draws:
    """What happens to each picture of a batch, or of a part of it.

    `side`: of the pictures after cutting. `corner`: int64 [b, 2], row and column of the upper left pixel that stays.
    `mirrored`: bool [b]. `light`: float32 [b, 2], contrast factor and shift of L*.
    """

    side: int
    corner: np.ndarray
    mirrored: np.ndarray
    light: np.ndarray

    def part(self, which: np.ndarray) -> "Draws":
        """Those of some pictures of the batch."""
        return Draws(self.side, self.corner[which], self.mirrored[which], self.light[which])


def draw(settings: TrainSettings, size: int, step: int) -> Draws:
    """The draws of a whole batch of pictures of size x size; nothing happens to them where nothing is asked for."""
    key = np.array([settings.seed, _STREAM + step], np.uint64)  # a plain list of such numbers would become floats
    random = np.random.Generator(np.random.Philox(key=key))
    batch, side, jitter = settings.global_batch, settings.crop or size, settings.lightness_jitter
    corner = random.integers(0, size - side + 1, (batch, 2))
    mirrored = random.random(batch) < 0.5
    light = random.uniform(-jitter, jitter, (batch, 2)).astype(np.float32)
    if not settings.mirror:
        mirrored[:] = False
    return Draws(side, corner, mirrored, light * np.float32([1, 50]) + np.float32([1, 0]))


def check(settings: TrainSettings, dataset: Dataset, takes_embedding: bool, fixed_size: bool) -> None:
    """Raises TintmillError where the data or the network does not allow what is asked for."""
    size = dataset.settings.size
    if settings.crop > size:
        raise TintmillError(f"--crop={settings.crop}: the pictures of {dataset.folder} are {size}x{size}; give less")
    if settings.crop and fixed_size:
        raise TintmillError(
            f"--crop={settings.crop}: --network={settings.network} takes pictures of one size alone, and colours at "
            f"the dataset's; prepare with --size={settings.crop} instead"
        )
    if settings.mirror and takes_embedding and not dataset.settings.embed_mirror:
        raise TintmillError(
            f"--mirror: {dataset.folder} has no embeddings of mirrored pictures; prepare it with --embed_mirror (with "
            "--reuse_lab no picture is decoded again)"
        )


def change(values, mirrored, light):
    """Mirrors, and changes L*, on the device.

    Args:
      values: float32 [b, S, S, 3], L* 0..100, a*, b*; mirrored, light: as in `Draws`.
    """
    from keras import ops

    values = ops.where(mirrored[:, None, None, None], ops.flip(values, axis=2), values)
    contrast, shift = (light[:, i, None, None, None] for i in range(2))
    lightness = ops.clip((values[..., :1] - 50.0) * contrast + 50.0 + shift, 0.0, 100.0)
    return ops.concatenate([lightness, values[..., 1:]], axis=-1)
