"""What is to be coloured: each file as it was listed, with what decides its colours."""

import dataclasses
import functools
import hashlib
import json
import types
from collections.abc import Mapping

from tintmill.model.colorizers.identity import Identity
from tintmill.model.files import video
from tintmill.model.prediction import hints_file
from tintmill.model.prediction.hints import Hint
from tintmill.pipeline.listing.reference import Reference

_DECIDING = ("input", "name", "size", "version", "model_sha256", "settings")


@dataclasses.dataclass(frozen=True)
class Order:
    """What a file is coloured from and with. Where any of it but `model` is not as it was, the file is coloured anew.

    Attributes:
      input: the file's path; of a member, the archive's path and the member's name in it.
      name: its name below the output, before formats and other files are looked at.
      size, version: bytes, and the time of its last writing; in a bucket, its generation.
      model, model_sha256: who colours, see `Identity`.
      settings: of `colour_file.Options`, and what the picture's hints are.
    """

    input: str
    name: str
    size: int
    version: float
    model: str
    model_sha256: str
    settings: dict

    @functools.cached_property
    def key(self) -> tuple[str, str]:
        """Which file it is, whatever it is coloured with."""
        return self.input, self.name

    @functools.cached_property
    def digest(self) -> bytes:
        """The same for two orders that give the same file."""
        text = json.dumps([getattr(self, name) for name in _DECIDING], sort_keys=True)
        return hashlib.blake2b(text.encode(), digest_size=16).digest()

    @classmethod
    def from_log(cls, entry: dict) -> "Order | None":
        """The order of a line of the log; None where an older version logged less."""
        if not {*_DECIDING} <= entry.keys():
            return None
        return cls(**{name: entry[name] for name in _DECIDING}, model=entry.get("model", ""))


@dataclasses.dataclass(frozen=True)
class PictureHints:
    """The hints of one picture.

    Attributes:
      hints: at least one.
      file_sha256: of the file that holds them, hexadecimal.
    """

    hints: tuple[Hint, ...]
    file_sha256: str

    @functools.cached_property
    def settings(self) -> dict:
        """What decides the picture's colours, as JSON: the same for the same hints, whatever else is in the file."""
        text = json.dumps(hints_file.to_json(self.hints))
        return {"count": len(self.hints), "sha256": hashlib.sha256(text.encode()).hexdigest()}

    @property
    def provenance(self) -> dict[str, str]:
        """What the coloured file says of them."""
        return {"hints": str(len(self.hints)), "hints_sha256": self.file_sha256}


@dataclasses.dataclass(frozen=True)
class Task:
    """A file that is to be coloured. `is_video`: by its name."""

    reference: Reference
    order: Order
    is_video: bool
    hints: PictureHints | None = None


def make_tasks(
    references: list[Reference],
    model: Identity,
    settings: dict,
    hints: Mapping[Reference, PictureHints] = types.MappingProxyType({}),
) -> list[Task]:
    """A task for each file.

    Args:
      settings: of `colour_file.Options`, as JSON values.
      hints: of the pictures that have some.
    """
    return [
        Task(
            reference,
            Order(
                input=locate(reference),
                name=reference.id,
                size=reference.size,
                version=reference.version,
                model=model.name,
                model_sha256=model.sha256,
                settings=settings | ({"hints": hints[reference].settings} if reference in hints else {}),
            ),
            video.is_video_name(reference.id),
            hints.get(reference),
        )
        for reference in references
    ]


def locate(reference: Reference) -> str:
    """The file's path; of a member, the archive's path and the member's name in it."""
    return reference.path if reference.kind == "file" else f"{reference.path}/{reference.id}"
