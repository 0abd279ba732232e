"""What a forward pass costs: multiply-adds, counted layer by layer."""

import math

import keras

from tintmill.model.blocks.layers import FuseVector


def picture_multiply_adds(model, side: int) -> int:
    """`multiply_adds` of a network on a picture of side x side, whether it takes that size alone or any."""
    sizes = {"l": (side, side, 1), "hints": (side, side, 3)}
    inputs = {key: keras.Input(sizes.get(key, tensor.shape[1:]), name=key) for key, tensor in model.input.items()}
    return multiply_adds(model, inputs)


def multiply_adds(model, inputs=None) -> int:
    """Multiplications (each with its addition) of one forward pass of one picture; elementwise work is not counted.

    Args:
      model: a functional keras.Model of fixed input size, or of any with
      inputs: symbolic tensors of a fixed size, in the structure of `model.input`.
    """
    counts = []

    def call(layer, *args, **kwargs):
        output = layer(*args, **kwargs)
        counts.append(_call_multiply_adds(layer, args[0], output))
        return output

    # Nothing is cloned: this walks the model call by call, so that a layer which two branches share counts twice.
    keras.models.clone_model(model, inputs, clone_function=lambda layer: layer, call_function=call)
    return sum(counts)


def _call_multiply_adds(layer, inputs, output) -> int:
    if isinstance(layer, keras.Model):
        return multiply_adds(layer, inputs)
    if isinstance(layer, FuseVector):
        features, vector = inputs
        _, height, width, channels = features.shape
        taps = layer.kernel_size**2
        spread = height * width if taps > 1 else 0  # the vector's part, tap by tap onto the positions
        return taps * layer.units * (height * width * channels + vector.shape[-1] + spread)
    if isinstance(layer, keras.layers.Conv2D | keras.layers.Dense):
        return math.prod(output.shape[1:-1]) * math.prod(layer.kernel.shape)
    if isinstance(layer, keras.layers.Conv2DTranspose):
        return math.prod(inputs.shape[1:-1]) * math.prod(layer.kernel.shape)
    return 0
