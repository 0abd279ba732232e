"""`iizuka`: the network of Iizuka, Simo-Serra and Ishikawa 2016, "Let there be Color!".

| part           | layers (3x3, same, ReLU unless said)                                                |
|----------------|-------------------------------------------------------------------------------------|
| low            | 64 /2, 128, 128 /2, 256, 256 /2, 512; one set of weights for picture and small copy |
| mid            | of the picture's low: 512, 256                                                      |
| global         | of the small copy's low: 512 /2, 512, 512 /2, 512, flatten, dense 1024, 512, 256    |
| fusion         | global joined at every position of mid, 3x3 to 256                                  |
| colour         | 128, up 2, 64, 64, up 2, 32, 2 (sigmoid), up 2                                      |
| classification | of the dense 512: dense 256, dense classes (none); only where classes are wanted    |

Any height and width: the small copy is 224x224 (`NetworkSpec.global_size`), whatever the picture. 43,237,122 parameters
without the classification, 12,480 of them averages of the normalisations. With the normalisations folded in, as in the
released weights, they are 43,218,402.

Layers and shapes are those of ports of the released weights, which hold no training code. Not verified, for want of the
paper's own: where batch normalisation stood in training (here: before each ReLU, but not at the fusion and the last
layer, as in tensorpack's re-implementation), the width of the classification's first layer (256; the paper's is from
memory), how the small copy is resized (here: bilinear, antialiased).

Deviations: L*/50 - 1 in, where the released program takes luma less its mean; convolutions before a normalisation have
no bias, which it would take away; the vector is joined without copying it to every position (`layers.FuseVector`, an
equal sum); the output is cropped to the input's size. In training the picture's statistics and its small copy's both
enter the shared normalisations' averages. Colours are (2 o - 1) 100, as theirs; the last layer converts to ab/128.
"""

import keras
from keras import layers

from tintmill.model.blocks import heads
from tintmill.model.blocks.layers import CropLike, FuseVector, Normalisation, ResizeTo
from tintmill.model.blocks.spec import NetworkSpec


def build(spec: NetworkSpec) -> keras.Model:
    """{"l": [B, H, W, 1]} -> {"ab": [B, H, W, 2]}, "bins" with that head, "class_logits" [B, classes] with classes."""
    lightness = keras.Input((spec.height, spec.width, 1), name="l")
    small = ResizeTo(spec.global_size, dtype="float32")(lightness)  # (B, G, G, 1)
    low = _low_level()
    mid = _apply([*_conv(512), *_conv(256)], _apply(low, lightness))  # (B, H/8, W/8, 256)
    wide, narrow = _summarise(_apply(low, small))  # (B, 512), (B, 256)
    x = FuseVector(256, 3, name="fusion")([mid, narrow])  # (B, H/8, W/8, 256)
    x = layers.UpSampling2D()(_apply(_conv(128), x))  # (B, H/4, W/4, 128)
    x = layers.UpSampling2D()(_apply([*_conv(64), *_conv(64)], x))  # (B, H/2, W/2, 64)
    x = _apply(_conv(32), x)  # (B, H/2, W/2, 32)
    outputs = heads.colours(x, lightness, spec, lambda features: _regress(features, lightness))
    if spec.classes:
        outputs["class_logits"] = _classify(wide, spec.classes)
    return keras.Model({"l": lightness}, outputs, name="iizuka")


def _low_level() -> list[layers.Layer]:
    sizes = (64, 2), (128, 1), (128, 2), (256, 1), (256, 2), (512, 1)
    return [layer for filters, strides in sizes for layer in _conv(filters, strides)]


def _summarise(low):
    """The small copy in a vector: [B, h, w, 512] -> [B, 512] for its class, [B, 256] for the fusion."""
    x = low
    for strides in (2, 1, 2, 1):
        x = _apply(_conv(512, strides), x)
    wide = _apply([*_dense(1024), *_dense(512)], layers.Flatten()(x))
    return wide, _apply(_dense(256), wide)


def _regress(features, lightness):
    x = layers.Conv2D(2, 3, padding="same", activation="sigmoid")(features)
    x = layers.Rescaling(200 / 128, -100 / 128, dtype="float32")(x)
    x = layers.UpSampling2D(interpolation="bilinear", dtype="float32")(x)
    return CropLike(name="ab", dtype="float32")([x, lightness])


def _classify(wide, classes: int):
    return layers.Dense(classes, name="class_logits", dtype="float32")(_apply(_dense(256), wide))


def _apply(parts: list[layers.Layer], x):
    for layer in parts:
        x = layer(x)
    return x


def _conv(filters: int, strides: int = 1) -> list[layers.Layer]:
    return _normalised(layers.Conv2D(filters, 3, strides=strides, padding="same", use_bias=False))


def _dense(units: int) -> list[layers.Layer]:
    return _normalised(layers.Dense(units, use_bias=False))


def _normalised(layer: layers.Layer) -> list[layers.Layer]:
    return [layer, Normalisation(), layers.ReLU()]
