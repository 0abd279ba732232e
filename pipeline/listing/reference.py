"""A picture before it is read: what a source lists, and what travels through the shuffle instead of its pixels."""

import dataclasses
import os
import unicodedata


@dataclasses.dataclass(frozen=True)
class Reference:
    """One picture of a source, a few hundred bytes.

    `id`: NFC posix path relative to the source's root, unique in the dataset. `path`: the file that holds its bytes,
    `kind` says how: the whole `file`, a member of a `tar`, `targz`, `tarbz2`, `tarxz`, `zip` or `tfds` file, or a
    `record`. `size`: of the picture's file in bytes. `version`: of `path`, seconds of its last writing;
    in a bucket its generation. `label`: class name, or None.
    `split`: the source's own split (val or test), or None to assign one by hash. `offset`: where the member begins: its
    bytes (tar; of a compressed one in the uncompressed stream), its local header (zip), its framing (tfds, record).
    `stored`: its bytes in a zip. `crc`: CRC-32 of a zip member. `refused`: a reason code decided at listing.
    `attributes`: int8 values, one byte each.
    """

    id: str
    path: str
    size: int
    version: float
    label: str | None = None
    split: str | None = None
    kind: str = "file"
    offset: int = 0
    stored: int = 0
    crc: int = 0
    refused: str | None = None
    attributes: bytes = b""

    def to_tuple(self) -> tuple:
        """The fields in order, the path as bytes: a file name need not be Unicode. `from_tuple` is the inverse."""
        name, path, *rest = (getattr(self, field) for field in self.__dataclass_fields__)
        return (name, os.fsencode(path), *rest)

    @classmethod
    def from_tuple(cls, values: tuple) -> "Reference":
        name, path, *rest = values
        return cls(name, os.fsdecode(path), *rest)


@dataclasses.dataclass(frozen=True)
class Description:
    """What a source says of itself before it is listed.

    `splits`: shares of what has no official split, where --splits does not say. `class_names`: in the order of the
    source's own list, or None: sorted. `attribute_names`: of `Reference.attributes`. `notes`: what the user must know.
    """

    splits: tuple[tuple[str, float], ...] = (("train", 0.9), ("val", 0.05), ("test", 0.05))
    class_names: tuple[str, ...] | None = None
    attribute_names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def stable_text(name: str) -> str:
    """A file name as valid NFC text: bytes that are no UTF-8 become backslash escapes."""
    if name.isascii():
        return name
    return unicodedata.normalize("NFC", os.fsencode(name).decode("utf-8", "backslashreplace"))


def one_line(text: str, otherwise: str) -> str:
    """`text` fit for a class name: TFDS keeps one a line, none of them empty."""
    return " ".join(text.split()) or otherwise
