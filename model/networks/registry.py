"""The networks by name, and what each says of itself.

A new network is a module of this package with `build(spec: NetworkSpec) -> keras.Model`, and an entry of `NETWORKS`.
`tintmill networks`, the help of --network and the tests follow. Keras is imported when a network is built, not before.
"""

import dataclasses
import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from tintmill.model.blocks.spec import NetworkSpec
from tintmill.pipeline.common.errors import TintmillError, WrongFlagError

if TYPE_CHECKING:
    import keras


@dataclasses.dataclass(frozen=True)
class Network:
    """What a network is and what it wants.

    Attributes:
      description: one line.
      needs_embedding: it has an input "embedding".
      fixed_size: it answers only at the size of its training, which is square.
      classifies: it has a head for the picture's class, where classes are wanted.
      encoder: the pretrained classifier that it begins with, whose weights --encoder_weights names; empty for none.
      optional_inputs: inputs that a run may give it besides "l" and "embedding".
      build: makes the network; None: the function `build` of the module of its name in this package.
    """

    description: str
    needs_embedding: bool = False
    fixed_size: bool = False
    classifies: bool = False
    encoder: str = ""
    optional_inputs: tuple[str, ...] = ()
    build: Callable[[NetworkSpec], "keras.Model"] | None = None


NETWORKS: dict[str, Network] = {
    "koalarization": Network("deep-koalarization, 2017: an embedding beside an encoder", needs_embedding=True),
    "kth": Network("KTH's image_colorization: koalarization with another decoder", needs_embedding=True),
    "vgg": Network("hitsasu's image-colorization: a decoder on a fixed VGG16", encoder="vgg16"),
    "jain": Network("Jain's Image-Colorization: iizuka with transposed convolutions", fixed_size=True),
    "iizuka": Network("Let there be Color!, 2016: the whole picture joined with its parts", classifies=True),
    "tint": Network(
        "our own: a light decoder on five scales of a fixed MobileNetV2", needs_embedding=True, encoder="mobilenet_v2"
    ),
    "glaze": Network(
        "our own, of the default model: hints, an EfficientNet-Lite0 that learns on",
        encoder="efficientnet_lite0",
        optional_inputs=("hints",),
    ),
}


def build(name: str, spec: NetworkSpec) -> "keras.Model":
    """Builds a network by name.

    Raises:
      TintmillError: no such network, or the spec lacks what it needs.
    """
    network = find(name)
    if network.needs_embedding and not spec.embedding:
        raise TintmillError(f"--network={name} needs an embedding, the dataset has none; prepare it with --embedder")
    check_asked(name, spec.classes > 0, spec.hints)
    if network.fixed_size and not (spec.height and spec.height == spec.width):
        raise TintmillError(
            f"--network={name} takes square pictures of one fixed size, got {spec.height}x{spec.width}; prepare the "
            "data with one --size"
        )
    function = network.build or importlib.import_module(f"tintmill.model.networks.{name}").build
    return function(spec)


def check_asked(name: str, classes: bool, hints: bool) -> None:
    """Whether a network has what a run asks of it: a head for classes, an input for hints.

    Raises:
      WrongFlagError: there is no such network, or it has not.
    """
    network = find(name)
    if classes and not network.classifies:
        able = ", ".join(other for other in NETWORKS if NETWORKS[other].classifies)
        raise WrongFlagError(f"--network={name} does not classify, so --class_weight must be 0; those that do: {able}")
    if hints and "hints" not in network.optional_inputs:
        able = ", ".join(other for other in NETWORKS if "hints" in NETWORKS[other].optional_inputs)
        raise WrongFlagError(f"--network={name} takes no hints, so --hints must be 0; those that do: {able}")


def find(name: str) -> Network:
    """What a network says of itself.

    Raises:
      WrongFlagError: no such network.
    """
    if name not in NETWORKS:
        raise WrongFlagError(f"--network={name}: wanted one of {', '.join(NETWORKS)}")
    return NETWORKS[name]


def has_encoder(name: str) -> bool:
    """Whether --encoder_weights is about the network; False for one that is not known here."""
    return name in NETWORKS and bool(NETWORKS[name].encoder)
