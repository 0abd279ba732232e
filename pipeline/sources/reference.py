"""A picture before it is read: what a source lists, and what travels through the shuffle instead of its pixels."""

import dataclasses
import os
import unicodedata
from collections.abc import Iterator
from typing import Protocol

from pipeline import files
from pipeline.photo import Rejected


@dataclasses.dataclass(frozen=True)
class Reference:
    """One picture of a source, a few hundred bytes.

    `id`: NFC posix path relative to the source's root, unique in the dataset. `path`: where its bytes are.
    `label`: class name, or None. `split`: the source's official split, or None to assign one by hash.
    """

    id: str
    path: str
    size: int
    modified: float
    label: str | None = None
    split: str | None = None

    def as_tuple(self) -> tuple:
        """The fields in order: `Reference(*reference.as_tuple())` is the same reference."""
        return tuple(getattr(self, name) for name in self.__dataclass_fields__)


class Source(Protocol):
    """What a new source provides; one file each in this folder, one line in the registry."""

    def check(self, root: str) -> None:
        """Raises TintmillError where `root` cannot be this source's input."""

    def references(self, root: str) -> Iterator[Reference]:
        """Lists every picture below `root`; cheap enough to be done twice (counting, then building)."""


def stable_text(name: str) -> str:
    """A file name as valid NFC text: bytes that are no UTF-8 become backslash escapes."""
    return unicodedata.normalize("NFC", os.fsencode(name).decode("utf-8", "backslashreplace"))


def read(reference: Reference) -> bytes:
    """The picture's bytes.

    Raises:
      Rejected: `unreadable`, or `changed` where the size is no longer the listed one.
    """
    try:
        data = files.read(reference.path)
    except OSError as error:
        raise Rejected("unreadable") from error
    if len(data) != reference.size:
        raise Rejected("changed")
    return data
