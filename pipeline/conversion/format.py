"""What a target format of `tintmill convert` is."""

import dataclasses
from collections.abc import Callable, Iterable

from tintmill.pipeline.dataset.manifest import Dataset, ShardEntry


@dataclasses.dataclass(frozen=True)
class StoredRecord:
    """A record: its `number` in the split, its serialised bytes, and its `fields` as `Records` gives them."""

    number: int
    data: bytes
    fields: dict


@dataclasses.dataclass(frozen=True)
class Format:
    """A format that records are written in, a file for each shard.

    Attributes:
      about: what reads it, in a few words.
      name_file: the name of a shard's file below the output, by dataset and shard; `count` is that of the split's
        shards.
      write: writes records to a path, which nobody else sees yet.
      describe: files of the whole, {name: content}, which are written last.
    """

    about: str
    name_file: Callable[[Dataset, ShardEntry, int], str]
    write: Callable[[Dataset, str, Iterable[StoredRecord]], None]
    describe: Callable[[Dataset], dict[str, str]] = lambda dataset: {}
