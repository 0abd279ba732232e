"""`kth`: the network of KTH's image_colorization (Handarbeni, Mochammad, Budaraju), which follows Wallner's.

| part    | layers (3x3, same, ReLU unless said)                               |
|---------|--------------------------------------------------------------------|
| encoder | 64 /2, 128, 128 /2, 256, 256 /2, 512, 512, 256                     |
| fusion  | embedding joined at every position, 1x1 to 256                     |
| decoder | 128, up 2, 64, up 2, 32, 16, 2 (tanh), up 2                        |

6,541,202 parameters with a 1000-vector, as its notebook prints. Fully convolutional: any height and width. The decoder
is its code's; its report's table has 64, 64, 32.

Its embedding is the 1000 softmax PROBABILITIES of Inception-ResNet-v2: `--embedder_layer=probabilities` at prepare.

Deviations from its code: the last up-sampling, of ab itself, is bilinear (theirs repeats pixels); the vector is joined
without copying it to every position (`layers.FuseVector`, an equal sum); the output is cropped to the input's size;
biases start at zero (its second version draws them). Its targets are ab/127 in the first version and ab/128 in the
second; the second's are this project's, so nothing is rescaled.
"""

import keras
from keras import layers

from tintmill.model.blocks import heads
from tintmill.model.blocks.layers import CropLike
from tintmill.model.blocks.spec import NetworkSpec
from tintmill.model.networks.koalarization import conv, encode_and_fuse


def build(spec: NetworkSpec) -> keras.Model:
    """{"l": [B, H, W, 1], "embedding": [B, E]} -> {"ab": [B, H, W, 2]}, and "bins" with that head."""
    inputs, x = encode_and_fuse(spec)  # (B, H/8, W/8, 256)
    x = conv(128)(x)
    x = layers.UpSampling2D()(x)  # (B, H/4, W/4, 128)
    x = conv(64)(x)
    x = layers.UpSampling2D()(x)  # (B, H/2, W/2, 64)
    x = conv(32)(x)
    x = conv(16)(x)  # (B, H/2, W/2, 16)
    outputs = heads.colours(x, inputs["l"], spec, lambda features: _regress(features, inputs["l"]))
    return keras.Model(inputs, outputs, name="kth")


def _regress(features, lightness):
    x = layers.Conv2D(2, 3, padding="same", activation="tanh")(features)
    x = layers.UpSampling2D(interpolation="bilinear", dtype="float32")(x)
    return CropLike(name="ab", dtype="float32")([x, lightness])  # (B, H, W, 2)
