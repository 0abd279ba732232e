"""LPIPS v0.1 (Zhang et al. 2018, "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric").

At each of five layers of AlexNet (the metric) or VGG16 the features of both pictures are brought to length 1 at every
pixel; their squared differences are weighted by channel, averaged over pixels, and the layers added up.

The weights are one .npz of arrays as PyTorch holds them, under the names of the published files: `features.N.weight`
[out, in, k, k] and `features.N.bias` of torchvision's alexnet or vgg16, and `linN.model.1.weight` [1, C, 1, 1], N = 0
to 4, of LPIPS v0.1's alex.pth or vgg.pth. Other arrays in it are ignored. Where there is PyTorch:

    import numpy, torch
    found = torch.load("alexnet-owt-7be5be79.pth", "cpu") | torch.load("alex.pth", "cpu")
    numpy.savez("lpips_alex.npz", **{k: v.numpy() for k, v in found.items() if k.startswith(("features", "lin"))})
"""

import dataclasses
import zipfile

import numpy as np

from tintmill.model.metrics import frechet
from tintmill.pipeline.common.errors import TintmillError

# Of sRGB in -1..1: the mean and deviation of ImageNet as LPIPS rounds them.
_SHIFT = np.array([-0.030, -0.088, -0.188], np.float32)
_SCALE = np.array([0.458, 0.448, 0.450], np.float32)
SMALLEST = 32  # pixels of the shorter side: less is nothing by the fifth layer


@dataclasses.dataclass(frozen=True)
class Network:
    """A network as torchvision lays it out.

    `stages`: the numbers of the convolutions up to each compared layer. `pooled`: the stages that begin with a pooling,
    of `pool` pixels by steps of 2. `kernels`: (kernel, step, padding) of each convolution; of the others 3, 1, 1.
    """

    name: str
    stages: tuple[tuple[int, ...], ...]
    channels: tuple[int, ...]
    pooled: tuple[int, ...]
    pool: int
    kernels: dict[int, tuple[int, int, int]]

    def kernel(self, number: int) -> tuple[int, int, int]:
        return self.kernels.get(number, (3, 1, 1))

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Of every array of the file, by name."""
        found, before = {}, 3
        for stage, (numbers, after) in enumerate(zip(self.stages, self.channels, strict=True)):
            for number in numbers:
                side = self.kernel(number)[0]
                found[f"features.{number}.weight"] = (after, before, side, side)
                found[f"features.{number}.bias"] = (after,)
                before = after
            found[f"lin{stage}.model.1.weight"] = (1, after, 1, 1)
        return found


ALEX = Network(
    "AlexNet", ((0,), (3,), (6,), (8,), (10,)), (64, 192, 384, 256, 256), (1, 2), 3, {0: (11, 4, 2), 3: (5, 1, 2)}
)
VGG = Network(
    "VGG16",
    ((0, 2), (5, 7), (10, 12, 14), (17, 19, 21), (24, 26, 28)),
    (64, 128, 256, 512, 512),
    (1, 2, 3, 4),
    2,
    {},
)


class Lpips:
    """A loaded network. Call it with the truth and pictures of its size: how far each is, 0 for equal ones.

    Memory at full size: with VGG16 about 1 kB a pixel.
    """

    def __init__(self, weights: str):
        """Loads a network.

        Args:
          weights: path of the .npz.
        Raises:
          TintmillError: it is not to be read, or not such a file.
        """
        arrays = _load(weights)
        self.network = VGG if "features.28.weight" in arrays else ALEX
        for name, shape in self.network.shapes().items():
            found = arrays[name].shape if name in arrays else "nothing"
            if found != shape:
                raise TintmillError(
                    f"--lpips_weights={weights}: {name}: found {found}, wanted {shape} for {self.network.name}; "
                    "model/metrics/lpips.py says how the file is made"
                )
        self.weights = weights
        self._arrays = {name: np.asarray(arrays[name], np.float32) for name in self.network.shapes()}

    def __call__(self, truth: np.ndarray, pictures: list[np.ndarray]) -> list[float]:
        """How far each picture is from the truth.

        Args:
          truth, pictures: uint8 [H, W, 3] sRGB.
        Raises:
          TintmillError: a side is below `SMALLEST`.
        """
        if min(truth.shape[:2]) < SMALLEST:
            size = "x".join(map(str, truth.shape[1::-1]))
            raise TintmillError(f"--lpips_weights: pictures are {size}; LPIPS wants {SMALLEST} pixels on either side")
        wanted = self._features(truth)
        return [self._distance(wanted, self._features(picture)) for picture in pictures]

    def describe(self) -> str:
        """For the protocol card."""
        return f"v0.1, {self.network.name}, {frechet.weights_text(self.weights)}; lower is nearer; at the scored size"

    def _distance(self, wanted: list[np.ndarray], found: list[np.ndarray]) -> float:
        total = 0.0
        for stage, (one, other) in enumerate(zip(wanted, found, strict=True)):
            weight = self._arrays[f"lin{stage}.model.1.weight"].ravel()
            total += float((((one - other) ** 2) @ weight).mean(dtype=np.float64))
        return total

    def _features(self, picture: np.ndarray) -> list[np.ndarray]:
        """Of each compared layer [1, h, w, C], each pixel's of length 1."""
        from keras import ops

        values = ((picture[None].astype(np.float32) / 127.5 - 1) - _SHIFT) / _SCALE
        found = []
        for stage, numbers in enumerate(self.network.stages):
            if stage in self.network.pooled:
                values = ops.max_pool(values, self.network.pool, 2, "valid", "channels_last")
            for number in numbers:
                values = ops.relu(self._convolve(values, number))
            length = ops.sqrt(ops.sum(values**2, axis=-1, keepdims=True))
            found.append(np.asarray(values / (length + 1e-10)))
        return found

    def _convolve(self, values, number: int):
        from keras import ops

        _, step, padding = self.network.kernel(number)
        kernel = self._arrays[f"features.{number}.weight"].transpose(2, 3, 1, 0)
        padded = ops.pad(values, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
        convolved = ops.conv(padded, kernel, step, "valid", "channels_last")
        return convolved + self._arrays[f"features.{number}.bias"]


def _load(path: str) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as stored:
            return dict(stored)
    except (OSError, ValueError, EOFError, AttributeError, TypeError, zipfile.BadZipFile) as error:
        raise TintmillError(
            f"--lpips_weights={path}: cannot be read as .npz ({error}); model/metrics/lpips.py says how it is made"
        ) from error
