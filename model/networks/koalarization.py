"""`koalarization`: the network of deep-koalarization (Baldassarre, Gonzalez Morin, Rodes-Guirao 2017).

| part    | layers (3x3, same, ReLU unless said)                               |
|---------|--------------------------------------------------------------------|
| encoder | 64 /2, 128, 128 /2, 256, 256 /2, 512, 512, 256                     |
| fusion  | embedding joined at every position, 1x1 to 256                     |
| decoder | 128, up 2, 64, 64, up 2, 32, 2 (tanh), up 2                        |

6,574,050 parameters with a 1001-vector, 6,573,794 with 1000. Fully convolutional: any height and width.

Deviations from its code: the last up-sampling, of ab itself, is bilinear (theirs repeats pixels); the vector is joined
without copying it to every position (`layers.FuseVector`, an equal sum); the output is cropped to the input's size.
Its targets are ab/127; the last layer converts to this project's ab/128.
"""

import keras
from keras import layers

from tintmill.model.blocks import heads
from tintmill.model.blocks.layers import CropLike, FuseVector
from tintmill.model.blocks.spec import NetworkSpec


def build(spec: NetworkSpec) -> keras.Model:
    """{"l": [B, H, W, 1], "embedding": [B, E]} -> {"ab": [B, H, W, 2]}, and "bins" with that head."""
    inputs, x = encode_and_fuse(spec)  # (B, H/8, W/8, 256)
    x = conv(128)(x)
    x = layers.UpSampling2D()(x)  # (B, H/4, W/4, 128)
    x = conv(64)(x)
    x = conv(64)(x)
    x = layers.UpSampling2D()(x)  # (B, H/2, W/2, 64)
    x = conv(32)(x)  # (B, H/2, W/2, 32)
    outputs = heads.colours(x, inputs["l"], spec, lambda features: _regress(features, inputs["l"]))
    return keras.Model(inputs, outputs, name="koalarization")


def encode_and_fuse(spec: NetworkSpec) -> tuple[dict, object]:
    """The inputs, and what the encoder makes of them, [B, ceil(H/8), ceil(W/8), 256]; `kth` begins alike."""
    inputs = {
        "l": keras.Input((spec.height, spec.width, 1), name="l"),
        "embedding": keras.Input((spec.embedding,), name="embedding"),
    }
    x = inputs["l"]
    for filters, strides in ((64, 2), (128, 1), (128, 2), (256, 1), (256, 2), (512, 1), (512, 1), (256, 1)):
        x = conv(filters, strides)(x)
    return inputs, FuseVector(256, name="fusion")([x, inputs["embedding"]])


def conv(filters: int, strides: int = 1) -> layers.Layer:
    """A convolution of these networks: 3x3, same, ReLU."""
    return layers.Conv2D(filters, 3, strides=strides, padding="same", activation="relu")


def _regress(features, lightness):
    x = layers.Conv2D(2, 3, padding="same", activation="tanh")(features)  # (B, H/2, W/2, 2)
    x = layers.UpSampling2D(interpolation="bilinear")(x)
    x = CropLike()([x, lightness])  # (B, H, W, 2)
    return layers.Rescaling(127 / 128, name="ab", dtype="float32")(x)
