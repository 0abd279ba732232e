"""Lists the networks: inputs, parameters, multiply-adds.

tintmill networks --size=224 --embedding=1000
"""

import sys

from absl import flags

from pipeline import command

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
        model = networks.build(name, NetworkSpec(FLAGS.embedding, FLAGS.size, FLAGS.size, encoder_weights="random"))
        inputs = ", ".join(f"{key} {list(tensor.shape[1:])}" for key, tensor in model.input.items())
        print(f"{name:<16}{inputs:<44}{model.count_params():>12,}{multiply_adds(model):>16,}")


def multiply_adds(model) -> int:
    """Multiplications (each with its addition) of one forward pass of one picture; elementwise work is not counted.

    Args:
      model: a functional keras.Model of fixed input size.
    """
    return sum(_layer_multiply_adds(layer) for layer in model.layers)


def _layer_multiply_adds(layer) -> int:
    import keras

    from model.layers import FuseVector

    if isinstance(layer, FuseVector):
        features, vector = layer.input
        _, height, width, channels = features.shape
        return layer.units * (height * width * channels + vector.shape[-1])
    if isinstance(layer, keras.layers.Conv2D | keras.layers.Dense):
        positions = 1
        for length in layer.output.shape[1:-1]:
            positions *= length
        kernel = layer.kernel.shape
        per_position = 1
        for length in kernel:
            per_position *= length
        return positions * per_position
    return 0


def run_command(argv: list[str]) -> int:
    return command.run("networks", FLAGS, main, argv, __doc__)


if __name__ == "__main__":
    sys.exit(run_command(sys.argv[1:]))
