"""`glaze`, our own, the network of the default model: a small classifier that goes on learning, and hints.

| part    | layers (w = at the picture's size over ...)                                                              |
|---------|----------------------------------------------------------------------------------------------------------|
| encoder | EfficientNet-Lite0 on the picture: its last feature map (w/32) and the widest maps before its halvings   |
| hints   | at w/32, w/16, w/8, w/4: the mean of the colours revealed in each square, and whether there are any,     |
|         | 1x1 to 16; at w/4 added to the bins too, so that a hint is answered with its colour from the start       |
| decoder | w/32: 1x1 to 256, joined with the encoder's features averaged over the picture; three times: 1x1 to      |
|         | 192, 128, 96, up 2 bilinear, joined with the encoder's map (1x1 to 128, 96, 64) and the hints,           |
|         | twice 3x3 to 256, 192, 128                                                                               |
| colours | 1x1 to 2 (hard tanh), beginning near grey, or to the 313 bins; up 4 bilinear                             |

Convolutions of the decoder: 3x3 then GroupNormalization(8) and ReLU. Any height and width, no embedding. The encoder is
trained too where `--encoder_rate` says so, but for its layers at w/2: they find edges, and are the largest maps.
5,897,620 parameters with hints and bins, 5,882,436 of them trained, or 2,958,500 beside a fixed encoder.

In a step the encoder costs 2.7 ms of one core a picture where it is fixed and 8.6 where it is trained (Sapphire Rapids,
crops of 96 px, batches of 32, bit-exact, both ways). The bins and their loss took 5 each at half of the picture's size;
at a quarter they are a fourth of the positions. All of a step was not measured again since.

The encoder at twice the picture's size, as `tint` has it, costs 8 fixed. Its batch normalisation, were it not folded,
would make a trained one 1.3 to 1.5 times as slow; computed in bfloat16 it would be 2.2 times as slow.

Hints that were joined with the features alone, without their layers and without the bins' share of them, had hardly any
effect after 500 steps of 32 of an earlier form: 23.93 dB without, 23.98 with 30 hints, on 40 held-out photographs.
"""

import keras
from keras import layers

from tintmill.model.blocks import encoders, heads
from tintmill.model.blocks.efficientnet_lite import MAPS
from tintmill.model.blocks.hints import PooledHints
from tintmill.model.blocks.layers import CropLike, FuseVector, PadTo
from tintmill.model.blocks.spec import NetworkSpec

_STRIDE = 32
_CARRIED, _JOINED, _WIDTHS = (192, 128, 96), (128, 96, 64), (256, 192, 128)  # at w/16, w/8, w/4
_FIRST_TRAINED = "b3_exp"


def build(spec: NetworkSpec) -> keras.Model:
    """{"l": [B, H, W, 1], and with hints "hints": [B, H, W, 3]} -> {"ab": [B, H, W, 2]}, and "bins" with that head."""
    inputs = {"l": keras.Input((spec.height, spec.width, 1), name="l")}
    if spec.hints:
        inputs["hints"] = keras.Input((spec.height, spec.width, 3), name="hints")
    padded = {name: PadTo(_STRIDE, dtype="float32")(tensor) for name, tensor in inputs.items()}
    deepest, *maps = _encode(padded["l"], spec)
    whole = layers.GlobalAveragePooling2D()(deepest)  # (B, 320)
    x = layers.Conv2D(256, 1, activation="relu")(_with_hints(deepest, padded, 32))  # (B, H/32, W/32, 256)
    x = FuseVector(256, name="fusion")([x, layers.LayerNormalization()(whole)])
    for side, carried, joined, width, features in zip((16, 8, 4), _CARRIED, _JOINED, _WIDTHS, maps, strict=True):
        x = layers.Conv2D(carried, 1, activation="relu")(x) if carried < x.shape[-1] else x
        x = layers.UpSampling2D(interpolation="bilinear")(x)
        x = layers.Concatenate()([x, layers.Conv2D(joined, 1, activation="relu")(features)])
        x = _convolve(_convolve(_with_hints(x, padded, side), width), width)  # (B, H/side, W/side, width)
    lightness = inputs["l"]
    near = PooledHints(4)(padded["hints"]) if spec.hints else None
    outputs = heads.colours(x, lightness, spec, lambda features: _regress(features, lightness), near, side=4)
    return keras.Model(inputs, outputs, name="glaze")


def _encode(lightness, spec: NetworkSpec) -> list:
    """Feature maps at w/32, w/16, w/8, w/4, w/2. L*/50 - 1 is within 0.07 of what the encoder expects."""
    body = encoders.load_efficientnet_lite(spec.encoder_weights, "encoder_weights", (*lightness.shape[1:3], 3))
    outputs = [body.get_layer(name).output for name in reversed(MAPS[1:])]
    encoder = keras.Model(body.input, outputs, name="encoder")
    encoder.dtype_policy = "float32"
    encoder.trainable = spec.trains_encoder
    if spec.trains_encoder:
        _fix_first_layers(body)
    return encoder(layers.Concatenate(dtype="float32")([lightness] * 3))


def _fix_first_layers(body: keras.Model) -> None:
    for layer in body.layers:
        if layer.name == _FIRST_TRAINED:
            return
        layer.trainable = False


def _convolve(x, width: int):
    x = layers.Conv2D(width, 3, padding="same", use_bias=False)(x)
    return layers.ReLU()(layers.GroupNormalization(8)(x))


def _with_hints(features, padded: dict, side: int):
    """Features [B, H/side, W/side, C] with those of the hints of each square, 16 more; without hints as they are."""
    if "hints" not in padded:
        return features
    pooled = PooledHints(side)(padded["hints"])
    return layers.Concatenate()([features, layers.Conv2D(16, 1, activation="relu")(pooled)])


def _regress(features, lightness):
    near_grey = keras.initializers.RandomNormal(stddev=0.005)
    x = layers.Conv2D(2, 1, activation="hard_tanh", kernel_initializer=near_grey)(features)
    x = layers.UpSampling2D(4, interpolation="bilinear", dtype="float32")(x)
    return CropLike(name="ab", dtype="float32")([x, lightness])
