"""Lists the networks: inputs, parameters, multiply-adds.

tintmill networks --size=224 --embedding=1000
"""

import math
import sys

from absl import flags

from pipeline import command
from pipeline.errors import TintmillError

FLAGS = flags.FlagValues()
flags.DEFINE_integer("size", 224, "Side of the picture for the multiply-adds.", flag_values=FLAGS)
flags.DEFINE_integer("embedding", 1000, "Length of the embedding vector.", flag_values=FLAGS)


def main(arguments: list[str]) -> None:
    from pipeline.quiet import import_tensorflow

    import_tensorflow()
    from model import networks
    from model.network_spec import NetworkSpec

    print(f"{'network':<16}{'inputs':<44}{'parameters':>12}{'multiply-adds':>16}")
    for name in networks.NETWORKS:
        spec = NetworkSpec(FLAGS.embedding, FLAGS.size, FLAGS.size, encoder_weights="random")
        try:
            print(f"{name:<16}{_row(networks.build(name, spec))}")
        except TintmillError as error:
            print(f"{name:<16}{error}")


def _row(model) -> str:
    inputs = ", ".join(f"{key} {list(tensor.shape[1:])}" for key, tensor in model.input.items())
    return f"{inputs:<44}{model.count_params():>12,}{multiply_adds(model):>16,}"


def multiply_adds(model) -> int:
    """Multiplications (each with its addition) of one forward pass of one picture; elementwise work is not counted.

    Args:
      model: a functional keras.Model of fixed input size.
    """
    import keras

    counts = []

    def call(layer, *args, **kwargs):
        output = layer(*args, **kwargs)
        counts.append(_call_multiply_adds(layer, args[0], output))
        return output

    # Nothing is cloned: this walks the model call by call, so that a layer which two branches share counts twice.
    keras.models.clone_model(model, clone_function=lambda layer: layer, call_function=call)
    return sum(counts)


def _call_multiply_adds(layer, inputs, output) -> int:
    import keras

    from model.layers import FuseVector

    if isinstance(layer, keras.Model):
        return multiply_adds(layer)
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


def run_command(argv: list[str]) -> int:
    return command.run("networks", FLAGS, main, argv, __doc__)


if __name__ == "__main__":
    sys.exit(run_command(sys.argv[1:]))
