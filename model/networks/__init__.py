"""The networks by name. A new one is a module here, and a line in NETWORKS.

A module has `build(spec: NetworkSpec) -> keras.Model`, and says what it wants: NEEDS_EMBEDDING; FIXED_SIZE where its
input must have the training's size; CLASSIFIES where it has a head for the picture's class.
"""

from types import ModuleType

import keras

from tintmill.model.blocks.spec import NetworkSpec
from tintmill.model.networks import iizuka, jain, koalarization, kth, tint, vgg
from tintmill.pipeline.common.errors import TintmillError

NETWORKS: dict[str, ModuleType] = {
    "koalarization": koalarization,
    "kth": kth,
    "vgg": vgg,
    "jain": jain,
    "iizuka": iizuka,
    "tint": tint,
}


def build(name: str, spec: NetworkSpec) -> keras.Model:
    """Builds a network by name.

    Raises:
      TintmillError: no such network, or the spec lacks what it needs.
    """
    module = find(name)
    if module.NEEDS_EMBEDDING and not spec.embedding:
        raise TintmillError(f"--network={name} needs an embedding, the dataset has none; prepare it with --embedder")
    if spec.classes and not module.CLASSIFIES:
        able = ", ".join(other for other in NETWORKS if NETWORKS[other].CLASSIFIES)
        raise TintmillError(f"--network={name} does not classify, so --class_weight must be 0; those that do: {able}")
    if module.FIXED_SIZE and not (spec.height and spec.height == spec.width):
        raise TintmillError(
            f"--network={name} takes square pictures of one fixed size, got {spec.height}x{spec.width}; prepare the "
            "data with one --size"
        )
    return module.build(spec)


def find(name: str) -> ModuleType:
    """The module of a network.

    Raises:
      TintmillError: no such network.
    """
    if name not in NETWORKS:
        raise TintmillError(f"--network={name}: wanted one of {', '.join(NETWORKS)}")
    return NETWORKS[name]
