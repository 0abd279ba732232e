"""Lists the networks: inputs, parameters, multiply-adds, and what each is.

tintmill networks --size=224 --embedding=1000
"""

import dataclasses
import sys

from tintmill.pipeline.common import command, options
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.common.options import at_least, option

_INPUTS = "What the networks see"


@dataclasses.dataclass(frozen=True)
class NetworksArguments:
    """The inputs for which networks are counted."""

    size: int = option(224, "Side of the picture for the multiply-adds.", _INPUTS, check=at_least(1))
    embedding: int = option(1000, "Length of the embedding vector.", _INPUTS, check=at_least(1))

    def __post_init__(self):
        options.check(self)


FLAGS = options.define(NetworksArguments)
TOPICS = options.list_topics(NetworksArguments)


def main(words: list[str]) -> None:
    command.refuse_words(words)
    list_networks(options.read(NetworksArguments, FLAGS))


def list_networks(arguments: NetworksArguments) -> None:
    """Prints the table of networks."""
    from tintmill.pipeline.common.tensorflow import import_tensorflow

    import_tensorflow()
    from tintmill.model.blocks.spec import NetworkSpec
    from tintmill.model.networks import registry as networks

    print(f"{'network':<16}{'inputs':<44}{'parameters':>12}{'multiply-adds':>16}")
    for name in networks.NETWORKS:
        spec = NetworkSpec(arguments.embedding, arguments.size, arguments.size, encoder_weights="random")
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
    return command.run("networks", FLAGS, main, argv, __doc__, TOPICS)


if __name__ == "__main__":
    sys.exit(run_command(sys.argv[1:]))
