"""One network that holds all: a grey picture of any size in, its colours out; what `tintmill export` writes.

It does what `colorizer.Colorizer` does with a picture: resizing to the working size, L*, the embedder's framing and
preprocessing, the embedder, the network. Two things are left out, because they would make visible steps of the last
bits in which runtimes differ: Pillow's rounding to 8 bits in each pass of its resizing, and the rounding of the
embedding to float16. A test holds the two ways together.

Input `grey`: float32 [1, H, W, 1], sRGB grey 0..255. Outputs `ab`: float32 [1, h, w, 2], a* and b* at the working
size; with the bins head also `bins`, the logits [1, ceil(h/s) or more, ceil(w/s) or more, 313], s = 2, or 4 of glaze.
"""

import dataclasses

import keras
from keras import layers, ops

from tintmill.model.blocks.layers import ResizeTo
from tintmill.model.export import resample
from tintmill.model.prediction.colorizer import network_lightness
from tintmill.pipeline.imaging import lab, photo

LONGEST = 4  # times the training size: longer strips are squashed to it, as `colorizer.Colorizer` does


@dataclasses.dataclass(frozen=True)
class Framing:
    """How a picture comes to network and embedder.

    Attributes:
      size: the side of training pictures; `fit`: their framing, for the embedder.
      embed_record: whether the embedder sees the record (--reuse_lab) instead of the whole picture.
      network_size: (width, height) of the one input that the network takes; None where it takes any.
    """

    size: int
    fit: str
    embed_record: bool = False
    network_size: tuple[int, int] | None = None


def build(network: keras.Model, embedder: keras.Model | None, framing: Framing) -> keras.Model:
    """Joins network and embedder; float32 whatever precision the network was trained in.

    Args:
      network: {"l", and with an embedder "embedding"} -> {"ab", with bins "bins"}.
      embedder: grey / 127.5 - 1 in three channels -> [1, E].
    """
    for part in (network, embedder):
        if part is not None:
            _compute_in_float32(part)
    grey = keras.Input(batch_shape=(1, None, None, 1), name="grey")
    small = WorkingSize(framing.size, framing.network_size, name="working_size")(grey)  # (1, h, w, 1)
    inputs = {"l": Lightness(name="lightness")(small)}
    if "hints" in network.input:
        inputs["hints"] = NoHints(name="no_hints")(inputs["l"])
    if embedder is not None:
        inputs["embedding"] = _embed(grey, embedder, framing)
    answer = _traceable(network)(inputs, training=False)
    outputs = {"ab": layers.Rescaling(128.0, name="ab")(answer["ab"])}
    if "bins" in answer:
        outputs["bins"] = layers.Identity(name="bins")(answer["bins"])
    return keras.Model(grey, outputs, name=network.name)


def build_bare(network: keras.Model) -> keras.Model:
    """The network alone, float32 whatever precision it was trained in: for programs that prepare its input themselves.

    It takes `l`, float32 [B, H, W, 1], L*/50 - 1, and where the network takes them `hints`, float32 [B, H, W, 3],
    a*/128, b*/128 and the mask. It returns `ab`, float32 [B, H, W, 2], a*/128 and b*/128, and with bins their logits.
    """
    _compute_in_float32(network)
    inputs = {name: keras.Input((None, None, tensor.shape[-1]), name=name) for name, tensor in network.input.items()}
    answer = _traceable(network)(inputs, training=False)
    outputs = {name: layers.Identity(name=name)(answer[name]) for name in ("ab", "bins") if name in answer}
    return keras.Model(inputs, outputs, name=network.name)


def _embed(grey, embedder: keras.Model, framing: Framing):
    view = grey  # (1, H, W, 1)
    if framing.embed_record:
        view = Framed(framing.size, framing.fit, name="record")(view)  # (1, size, size, 1)
    view = Framed(embedder.input.shape[1], framing.fit, name="view")(view)  # (1, side, side, 1)
    view = layers.Rescaling(1 / 127.5, -1.0, name="embedder_input")(view)
    return embedder(layers.Concatenate(name="three_channels")([view, view, view]), training=False)


def _traceable(network: keras.Model) -> keras.Model:
    """The same network, its weights shared, without the layer that formats refuse for pictures of any size.

    Keras 3.15's bilinear UpSampling2D asks whether its size is positive, which no graph can answer before it runs; the
    other one reshapes as LiteRT does not. TensorFlow's antialiased resizing is in no other format.
    """

    def replace(layer):
        if isinstance(layer, ResizeTo):
            return Square(layer.side, name=layer.name)
        if not isinstance(layer, layers.UpSampling2D):
            return layer
        times, _ = layer.size
        return Enlarged(layer.interpolation, times, name=layer.name)

    return keras.models.clone_model(network, clone_function=replace)


def _compute_in_float32(model: keras.Model) -> None:
    for layer in model.layers:
        layer.dtype_policy = "float32"
        if isinstance(layer, keras.Model):
            _compute_in_float32(layer)


@keras.saving.register_keras_serializable(package="tintmill")
class WorkingSize(layers.Layer):
    """Resizes a grey picture to the network's working size: its shorter side is `size`, its longer `LONGEST` times that
    at most; or to `network_size`, (width, height), whatever its shape.

    Input: (1, H, W, 1), 0..255. Output: (1, h, w, 1), 0..255.
    """

    def __init__(self, size: int, network_size: tuple[int, int] | None = None, **kwargs):
        super().__init__(**kwargs)
        self.size, self.network_size = size, network_size and tuple(network_size)

    def call(self, grey):
        height, width = ops.shape(grey)[1:3]
        to_width, to_height = self.network_size or (self._scaled(width, height), self._scaled(height, width))
        return _resize(grey, (height, to_height, height), (width, to_width, width))

    def _scaled(self, length, other):
        wanted = resample.whole_part(length * self.size, ops.minimum(length, other))
        return ops.minimum(wanted, LONGEST * self.size)

    def compute_output_shape(self, input_shape):
        width, height = self.network_size or (None, None)
        return (input_shape[0], height, width, 1)

    def get_config(self):
        return {**super().get_config(), "size": self.size, "network_size": self.network_size}


@keras.saving.register_keras_serializable(package="tintmill")
class Framed(layers.Layer):
    """`photo.fit` of a grey picture: a square by cropping, padding with its mirror image, or squashing.

    Input: (1, H, W, 1), 0..255. Output: (1, side, side, 1), 0..255.
    """

    def __init__(self, side: int, fit: str, **kwargs):
        super().__init__(**kwargs)
        if fit not in photo.FITS:
            raise ValueError(f"fit must be one of {photo.FITS}, got {fit!r}")
        self.side, self.fit = side, fit

    def call(self, grey):
        height, width = ops.shape(grey)[1:3]
        if self.fit == "pad":
            return self._pad(grey, height, width)
        # The middle of each side that is framed: of both the shorter one, or the whole.
        spans = [ops.minimum(height, width)] * 2 if self.fit == "crop" else [height, width]
        return _resize(grey, (height, self.side, spans[0]), (width, self.side, spans[1]))

    def _pad(self, grey, height, width):
        longer = ops.maximum(height, width)
        inner = [ops.maximum(resample.whole_part(length * self.side, longer), 1) for length in (height, width)]
        grey = _resize(grey, (height, inner[0], height), (width, inner[1], width))
        for axis, length in zip((1, 2), inner, strict=True):
            grey = ops.take(grey, self._mirrored(length), axis=axis)
        return grey

    def _mirrored(self, length):
        """Which of `length` pixels is seen at each place of the square, the picture in its middle."""
        before = (self.side - length) // 2
        period = 2 * length
        places = (ops.arange(self.side, dtype="int32") - before + period * self.side) % period
        return ops.minimum(places, period - 1 - places)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.side, self.side, 1)

    def get_config(self):
        return {**super().get_config(), "side": self.side, "fit": self.fit}


@keras.saving.register_keras_serializable(package="tintmill")
class Lightness(layers.Layer):
    """L* of sRGB grey as networks take it. Input: (..., 1), 0..255. Output: (..., 1), L*/50 - 1."""

    def call(self, grey):
        rgb = ops.concatenate([grey, grey, grey], axis=-1) / 255.0  # (..., 3)
        return network_lightness(lab.rgb_to_lab(rgb, xp=ops)[..., :1])


@keras.saving.register_keras_serializable(package="tintmill")
class NoHints(layers.Layer):
    """Hints where no colour is known. Input: (batch, H, W, 1). Output: (batch, H, W, 3), zeros."""

    def call(self, lightness):
        return ops.concatenate([lightness] * 3, axis=-1) * 0.0

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], 3)


@keras.saving.register_keras_serializable(package="tintmill")
class Enlarged(layers.Layer):
    """UpSampling2D(times) of operations that every format has at any size; `interpolation`: bilinear or nearest.

    It takes the place of UpSampling2D in an export: neither Keras nor LiteRT traces that for pictures of any size.

    Input: (batch, H, W, channels). Output: (batch, times H, times W, channels).
    """

    def __init__(self, interpolation: str, times: int = 2, **kwargs):
        super().__init__(**kwargs)
        self.interpolation, self.times = interpolation, times

    def call(self, maps):
        for axis in (1, 2):
            length = ops.shape(maps)[axis]
            places = ops.arange(self.times * length, dtype="int32")
            nearest = places // self.times
            enlarged = ops.take(maps, nearest, axis=axis)
            if self.interpolation == "bilinear":
                beside = 2 * (places % self.times) + 1 - self.times  # from the nearest one's middle, in half places
                other = ops.take(maps, ops.clip(nearest + ops.sign(beside), 0, length - 1), axis=axis)
                share = ops.cast(ops.abs(beside), maps.dtype) / (2 * self.times)  # (times * length,)
                share = ops.reshape(share, (1, -1, 1, 1) if axis == 1 else (1, 1, -1, 1))
                enlarged = (1.0 - share) * enlarged + share * other
            maps = enlarged
        return maps

    def compute_output_shape(self, input_shape):
        batch, height, width, channels = input_shape
        return (batch, height and self.times * height, width and self.times * width, channels)

    def get_config(self):
        return {**super().get_config(), "interpolation": self.interpolation, "times": self.times}


@keras.saving.register_keras_serializable(package="tintmill")
class Doubled(Enlarged):
    """`Enlarged` as exports of version 0.2 name it: they say no `times`, which is 2."""


@keras.saving.register_keras_serializable(package="tintmill")
class Square(layers.Layer):
    """`layers.ResizeTo` of operations that every format has. Input: (1, H, W, 1). Output: (1, side, side, 1)."""

    def __init__(self, side: int, **kwargs):
        super().__init__(**kwargs)
        self.side = side

    def call(self, maps):
        height, width = ops.shape(maps)[1:3]
        rows, columns = (resample.weights(resample.triangle, n, self.side, n) for n in (height, width))
        return resample.along_height(resample.along_width(maps, columns), rows)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.side, self.side, input_shape[3])

    def get_config(self):
        return {**super().get_config(), "side": self.side}


def _resize(grey, rows: tuple, columns: tuple):
    """A grey picture [1, H, W, 1] resized as Pillow's BICUBIC; the result is [1, h, w, 1].

    Args:
      rows: (H, h, span): the middle `span` of the H rows becomes the h rows.
      columns: likewise of W, w.
    """
    for (found, wanted, span), along in ((columns, resample.along_width), (rows, resample.along_height)):
        table = resample.weights(resample.cubic, found, wanted, span, found - span)  # (wanted, found)
        grey = ops.clip(along(grey, table), 0.0, 255.0)  # after each pass, as Pillow's 8 bits do
    return grey
