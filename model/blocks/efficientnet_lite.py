"""EfficientNet-Lite0 without its classifier (Google, 2020): EfficientNet-B0 for small devices, made to be quantised.

| stage | blocks | kernel | stride | expansion | channels | size of its output |
|-------|--------|--------|--------|-----------|----------|--------------------|
| stem  | 1      | 3      | 2      | -         | 32       | w/2                |
| 1     | 1      | 3      | 1      | 1         | 16       | w/2                |
| 2     | 2      | 3      | 2      | 6         | 24       | w/4                |
| 3     | 2      | 5      | 2      | 6         | 40       | w/8                |
| 4     | 3      | 3      | 2      | 6         | 80       | w/16               |
| 5     | 3      | 5      | 1      | 6         | 112      | w/16               |
| 6     | 4      | 5      | 2      | 6         | 192      | w/32               |
| 7     | 1      | 3      | 1      | 6         | 320      | w/32               |

No squeeze-and-excitation, ReLU6. Batch normalisation is folded into the convolutions: the statistics are ImageNet's and
stay, a third of the time goes, and a batch never normalises itself. Computed in float32 whatever the policy: depthwise
convolutions in bfloat16 take twice as long on a CPU.
"""

import h5py
import keras
import numpy as np
from keras import layers

# (blocks, kernel, stride, expansion, channels in, channels out)
STAGES = (
    (1, 3, 1, 1, 32, 16),
    (2, 3, 2, 6, 16, 24),
    (2, 5, 2, 6, 24, 40),
    (3, 3, 2, 6, 40, 80),
    (3, 5, 1, 6, 80, 112),
    (4, 5, 2, 6, 112, 192),
    (1, 3, 1, 6, 192, 320),
)
# The widest maps before each halving, at w/2, w/4, w/8, w/16, and the last one, at w/32.
MAPS = ("b1_exp_act", "b3_exp_act", "b5_exp_act", "b11_exp_act", "b15_proj")
_EPSILON = 1e-3


def build(shape: tuple = (None, None, 3)) -> keras.Model:
    """[B, H, W, 3], (grey - 127) / 128 -> [B, H/32, W/32, 320]; random weights. Its layers have the published names."""
    picture = keras.Input(shape, name="picture")
    x = _convolve(picture, layers.Conv2D(32, 3, strides=2, **_options("stem")))
    number = 0
    for blocks, kernel, stride, expansion, before, after in STAGES:
        for i in range(blocks):
            x = _block(x, f"b{number}", kernel, stride if i == 0 else 1, expansion, before if i == 0 else after, after)
            number += 1
    return keras.Model(picture, x, name="efficientnet_lite0")


def _block(x, name: str, kernel: int, stride: int, expansion: int, before: int, after: int):
    """An inverted residual block: [B, H, W, before] -> [B, H/stride, W/stride, after]."""
    inner = x
    if expansion > 1:
        inner = _convolve(inner, layers.Conv2D(expansion * before, 1, **_options(f"{name}_exp")))
    inner = _convolve(inner, layers.DepthwiseConv2D(kernel, strides=stride, **_options(f"{name}_dw")))
    inner = layers.Conv2D(after, 1, **_options(f"{name}_proj"))(inner)
    if stride == 1 and before == after:
        inner = layers.Add(name=f"{name}_add", dtype="float32")([x, inner])
    return inner


def _options(name: str) -> dict:
    return {"padding": "same", "name": name, "dtype": "float32"}


def _convolve(x, convolution):
    return layers.ReLU(6.0, name=f"{convolution.name}_act", dtype="float32")(convolution(x))


def load_weights(body: keras.Model, path: str) -> None:
    """Loads the published weights, each batch normalisation folded into the convolution before it.

    Args:
      path: a `.weights.h5` of Keras of the whole network: `stem`, `stem_bn`, `b0_dw`, `b0_bn1` and so on.
    Raises:
      OSError, KeyError, ValueError: no such file, or weights of another network.
    """
    with h5py.File(path) as file:
        stored = _Stored(file)
        for layer in body.layers:
            if layer.weights:
                kernel = stored.read(layer.name, 1)[0]
                gamma, beta, mean, variance = stored.read(_norm_of(layer.name), 4)
                scale = gamma / np.sqrt(variance + _EPSILON)
                depthwise = isinstance(layer, layers.DepthwiseConv2D)  # its kernel is [k, k, channels, 1]
                layer.set_weights([kernel * (scale[:, None] if depthwise else scale), beta - mean * scale])


def _norm_of(convolution: str) -> str:
    """The name of the batch normalisation behind a convolution."""
    if convolution == "stem":
        return "stem_bn"
    block, part = convolution.split("_")
    return f"{block}_{ {'exp': 'bn0', 'dw': 'bn1', 'proj': 'bn2'}[part] }"


class _Stored:
    """The weights of a Keras file by layer name."""

    def __init__(self, file: h5py.File):
        self._groups = {}
        for group in file["layers"].values():
            self._groups[group["vars"].attrs["name"]] = group["vars"]

    def read(self, layer: str, count: int) -> list[np.ndarray]:
        group = self._groups[layer]
        if len(group) != count:
            raise ValueError(f"layer {layer} has {len(group)} weights, wanted {count}")
        return [np.asarray(group[str(i)]) for i in range(count)]
