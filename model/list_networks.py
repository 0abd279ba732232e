"""Lists the networks: inputs, parameters, multiply-adds, and what each is.

tintmill networks --size=224 --embedding=1000
"""

import sys

from absl import flags

from tintmill.pipeline.common import command
from tintmill.pipeline.common.errors import TintmillError

FLAGS = flags.FlagValues()
flags.DEFINE_integer("size", 224, "Side of the picture for the multiply-adds.", flag_values=FLAGS)
flags.DEFINE_integer("embedding", 1000, "Length of the embedding vector.", flag_values=FLAGS)


def main(arguments: list[str]) -> None:
    from tintmill.pipeline.common.tensorflow import import_tensorflow

    import_tensorflow()
    from tintmill.model.blocks.spec import NetworkSpec
    from tintmill.model.networks import registry as networks

    print(f"{'network':<16}{'inputs':<44}{'parameters':>12}{'multiply-adds':>16}")
    for name in networks.NETWORKS:
        spec = NetworkSpec(FLAGS.embedding, FLAGS.size, FLAGS.size, encoder_weights="random")
        try:
            print(f"{name:<16}{_row(networks.build(name, spec))}")
        except TintmillError as error:
            print(f"{name:<16}{error}")
    print()
    for name, network in networks.NETWORKS.items():
        print(f"{name:<16}{network.description}")


def _row(model) -> str:
    from tintmill.model.blocks.cost import multiply_adds

    inputs = ", ".join(f"{key} {list(tensor.shape[1:])}" for key, tensor in model.input.items())
    return f"{inputs:<44}{model.count_params():>12,}{multiply_adds(model):>16,}"


def run_command(argv: list[str]) -> int:
    return command.run("networks", FLAGS, main, argv, __doc__)


if __name__ == "__main__":
    sys.exit(run_command(sys.argv[1:]))
