"""`jain`: the network of Tushar Jain's Image-Colorization, after Iizuka et al. 2016, with transposed convolutions.

| part   | layers (3x3, same, sigmoid unless said; T: transposed)                       |
|--------|------------------------------------------------------------------------------|
| low    | 64 /2, 128, 128 /2, 256, 256 /2, 512                                         |
| mid    | of low: 512, 256                                                             |
| global | of low: 512 /2, 512, 512 /2, 512, flatten, dense 1024, 512, 256              |
| fusion | global joined at every position of mid, 3x3 to 256                           |
| colour | T 128, T 64 x2, T 64, T 32 x2, T 2 x2                                        |

Batch normalisation follows every convolution but the fusion's and the last. 51,100,514 parameters at 256x256, 33.6
million of them in the dense layer after the flattening. Square pictures of one size, that of training. The table of its
report says dense 1024, 256, 512; its code, which this is, and its drawing say 1024, 512, 256.

Sizes: three halvings round up, three doublings do not round down, so the side must be a multiple of 8. Its code has one
more convolution for 100x100 (commented out: 32, without padding, and a normalisation, before the last layer), which
takes two pixels of 52; that serves every side that is 4 more than a multiple of 8, and is there for those alone.

Deviations from its code: L* in, where theirs takes luma in 0..1 and then puts colours on luma as if it were L*, which
caps the result at 31 dB whatever the colours; the vector is joined without copying it to every position
(`layers.FuseVector`, an equal sum). Its targets are (ab + 127)/255; the last layer converts to this project's ab/128.
"""

import keras
from keras import layers

from tintmill.model.blocks import heads
from tintmill.model.blocks.layers import FuseVector, Normalisation
from tintmill.model.blocks.spec import NetworkSpec
from tintmill.pipeline.common.errors import TintmillError


def build(spec: NetworkSpec) -> keras.Model:
    """{"l": [B, S, S, 1]} -> {"ab": [B, S, S, 2]}, and "bins" with that head.

    Raises:
      TintmillError: the network cannot answer at this size.
    """
    _check_side(spec.height)
    lightness = keras.Input((spec.height, spec.width, 1), name="l")
    low = lightness
    for filters, strides in ((64, 2), (128, 1), (128, 2), (256, 1), (256, 2), (512, 1)):
        low = _normalised(_conv(filters, strides), low)  # at last (B, S/8, S/8, 512)
    mid = _normalised(_conv(256), _normalised(_conv(512), low))  # (B, S/8, S/8, 256)
    x = FuseVector(256, 3, "sigmoid", name="fusion")([mid, _summarise(low)])  # (B, S/8, S/8, 256)
    for filters, strides in ((128, 1), (64, 2), (64, 1), (32, 2)):
        x = _normalised(_transposed(filters, strides), x)  # at last (B, S/2, S/2, 32)
    if spec.height % 8:
        x = _normalised(layers.Conv2D(32, 3, activation="sigmoid"), x)
    outputs = heads.colours(x, lightness, spec, _regress)
    return keras.Model({"l": lightness}, outputs, name="jain")


def _check_side(side: int) -> None:
    if side % 4:
        raise TintmillError(
            f"--network=jain answers at sides that are multiples of 4, got {side}x{side}; prepare the data with "
            f"--size={side + -side % 8}, say"
        )


def _summarise(low):
    """The picture in one vector: [B, h, w, 512] -> [B, 256]."""
    x = low
    for strides in (2, 1, 2, 1):
        x = _normalised(_conv(512, strides), x)
    x = layers.Flatten()(x)
    for units in (1024, 512, 256):
        x = layers.Dense(units, activation="sigmoid")(x)
    return x


def _regress(features):
    x = _transposed(2, 2)(features)
    return layers.Rescaling(255 / 128, -127 / 128, name="ab", dtype="float32")(x)


def _normalised(layer, x):
    return Normalisation()(layer(x))


def _conv(filters: int, strides: int = 1) -> layers.Layer:
    return layers.Conv2D(filters, 3, strides=strides, padding="same", activation="sigmoid")


def _transposed(filters: int, strides: int) -> layers.Layer:
    return layers.Conv2DTranspose(filters, 3, strides=strides, padding="same", activation="sigmoid")
