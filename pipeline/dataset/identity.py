"""Which embedder made the embeddings of a dataset, and how a trainer or a colorizer proves that it has the same one."""

import base64
import dataclasses

import numpy as np

from tintmill.pipeline.common.checked_json import choice, hexadecimal, number, of_dataclass, sequence, text, whole
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.dataset.networks import LAYERS

_MOST_VALUES = 1 << 16  # of an embedding

# Fields that must be equal. `weights` is a name for people, and `weights_path` a place on one machine.
_SAME = ("name", "layer", "preprocessing", "dimension", "weights_sha256")
_TOLERANCE = 0.01  # of the golden vector's norm: its last bits depend on the CPU and on TensorFlow's version


@dataclasses.dataclass(frozen=True)
class EmbedderIdentity:
    """Names an embedder, and proves which one it is.

    Attributes:
      name: of `embed.NETWORKS`.
      layer: of `embed.LAYERS`.
      weights: `imagenet`, `random`, `zeros` or `file:NAME`.
      weights_sha256: of all weights, in the order of the network's layers.
      preprocessing: what happens to the grey picture, in words.
      side: of the picture that the network sees, in pixels.
      dimension: length E of an embedding.
      golden_vector: the embedding of `embed.golden_view`, E values of float16.
      weights_path: where the weights were when the dataset was made, or a name as in `weights`; None in a report.
    """

    name: str
    layer: str
    weights: str
    weights_sha256: str
    preprocessing: str
    side: int
    dimension: int
    golden_vector: tuple[float, ...]
    weights_path: str | None = None

    @classmethod
    def from_json(cls, values: dict) -> "EmbedderIdentity":
        """The inverse of `to_json`, of values of the kind `IDENTITY`.

        Keys that this version does not know are left out.

        Raises:
          ValueError: the golden vector is not of the dimension.
        """
        found, wanted = len(values["golden_vector"]), values["dimension"]
        if found != wanted:
            raise ValueError(f"the embedder's golden_vector has {found} values, wanted {wanted}, its dimension")
        known = {field.name: values[field.name] for field in dataclasses.fields(cls) if field.name in values}
        return cls(**known | {"golden_vector": tuple(values["golden_vector"])})

    def to_json(self) -> dict:
        values = dataclasses.asdict(self) | {"golden_vector": list(self.golden_vector)}
        if self.weights_path is None:
            del values["weights_path"]
        return values

    @classmethod
    def from_packed_json(cls, values: dict) -> "EmbedderIdentity":
        """The inverse of `to_packed_json`, of values of the kind `PACKED_IDENTITY`.

        Raises:
          ValueError: the golden vector's bits are not whole.
        """
        vector = np.frombuffer(base64.b64decode(values["golden_vector"]), "<f2")
        return cls.from_json(values | {"golden_vector": vector.astype(float).tolist()})

    def to_packed_json(self) -> dict:
        """For reports, of which there may be millions: the golden vector's bits as base64, not its decimals."""
        bits = np.array(self.golden_vector, "<f2").tobytes()
        return self.to_json() | {"golden_vector": base64.b64encode(bits).decode()}


_FIELDS = {
    "layer": choice(LAYERS),
    "weights_sha256": hexadecimal(64),
    "side": whole(1, 4096),
    "dimension": whole(1, _MOST_VALUES),
}
# Kinds of JSON values: in a manifest and in a report.
IDENTITY = of_dataclass(EmbedderIdentity, golden_vector=sequence(number(), 1, _MOST_VALUES), **_FIELDS)
PACKED_IDENTITY = of_dataclass(EmbedderIdentity, golden_vector=text(longest=4 * _MOST_VALUES), **_FIELDS)


def check_same(found: EmbedderIdentity, wanted: EmbedderIdentity, where: str) -> None:
    """Raises TintmillError where two identities are not of the same network.

    Args:
      where: begins the message: what has the identity `found`.
    """
    for key in _SAME:
        if getattr(found, key) != getattr(wanted, key):
            raise TintmillError(
                f"{where}: the embedder's {key} is {getattr(found, key)!r}, wanted {getattr(wanted, key)!r} "
                f"({wanted.weights}); use the embedder that the dataset was made with (--embedder_weights)"
            )
    a, b = np.array(found.golden_vector), np.array(wanted.golden_vector)  # (E,) each
    distance = float(np.linalg.norm(a - b) / max(np.linalg.norm(b), 1e-12))
    if not distance <= _TOLERANCE:
        raise TintmillError(f"{where}: the embedder's golden vector is off by {distance:.1%}, wanted at most 1 %")
