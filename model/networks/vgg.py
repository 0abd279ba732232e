"""`vgg`: the network of hitsasu's image-colorization (Nasrallah, Ali, Kumar): a decoder on a frozen VGG16.

| part    | layers (3x3, same, ReLU unless said)                                              |
|---------|-----------------------------------------------------------------------------------|
| encoder | VGG16 (Simonyan, Zisserman 2015) as far as block5_pool, frozen: 512 at 1/32       |
| decoder | 256, 128, up 2, 64, up 2, 32, up 2, 16, up 2, 2 (tanh), up 2                      |

1,572,114 trainable parameters, as theirs; 14,714,688 frozen. Any height and width: the picture is padded to multiples
of 32, repeating its edge, and the answer cropped. The encoder's weights are ImageNet's, a file's, or random
(`NetworkSpec.encoder_weights`). It takes no embedding.

Deviations from its code: theirs feeds the network L* in 0..100 in three channels, to it a pale picture of less than
half the contrast; here it sees the grey picture in 0..255 less VGG's means (`layers.VggInput`), as it was trained. The
last up-sampling, of ab itself, is bilinear (theirs repeats pixels). It computes the encoder's features once before
training, here they are computed in every step: stored features would be one more dataset to keep in step. Its targets
are ab/128, as this project's.
"""

import keras
from keras import layers

from tintmill.model.blocks import encoders, heads
from tintmill.model.blocks.layers import CropLike, PadTo, VggInput
from tintmill.model.blocks.spec import NetworkSpec
from tintmill.model.networks.koalarization import conv

_STRIDE = 32


def build(spec: NetworkSpec) -> keras.Model:
    """{"l": [B, H, W, 1]} -> {"ab": [B, H, W, 2]}, and "bins" with that head.

    Raises:
      TintmillError: the encoder's weights cannot be had.
    """
    lightness = keras.Input((spec.height, spec.width, 1), name="l")
    padded = PadTo(_STRIDE, dtype="float32")(lightness)  # (B, H', W', 1), multiples of 32
    grey = VggInput(dtype="float32")(padded)  # (B, H', W', 3)
    x = encoders.load("vgg16", spec.encoder_weights, "encoder_weights", grey.shape[1:])(grey)  # (B, H'/32, W'/32, 512)
    x = conv(256)(x)
    for filters in (128, 64, 32, 16):
        x = conv(filters)(x)
        x = layers.UpSampling2D()(x)  # at last (B, H'/2, W'/2, 16)
    outputs = heads.colours(x, lightness, spec, lambda features: _regress(features, lightness))
    return keras.Model({"l": lightness}, outputs, name="vgg")


def _regress(features, lightness):
    x = layers.Conv2D(2, 3, padding="same", activation="tanh")(features)
    x = layers.UpSampling2D(interpolation="bilinear", dtype="float32")(x)
    return CropLike(name="ab", dtype="float32")([x, lightness])  # (B, H, W, 2)
