"""The networks by name. A new one is a module here with NEEDS_EMBEDDING and `build`, and a line in NETWORKS."""

from types import ModuleType

import keras

from model.networks import koalarization
from pipeline.errors import TintmillError

NETWORKS: dict[str, ModuleType] = {
    "koalarization": koalarization,
}


def build(name: str, embedding: int | None, height: int | None = None, width: int | None = None) -> keras.Model:
    """Builds a network by name.

    Args:
      embedding: length of the dataset's embedding, or None where it has none.
    Raises:
      TintmillError: no such network, or one that needs an embedding the dataset does not have.
    """
    if name not in NETWORKS:
        raise TintmillError(f"--network={name}: wanted one of {', '.join(NETWORKS)}")
    if NETWORKS[name].NEEDS_EMBEDDING and not embedding:
        raise TintmillError(f"--network={name} needs an embedding, the dataset has none; prepare it with --embedder")
    return NETWORKS[name].build(embedding, height, width)
