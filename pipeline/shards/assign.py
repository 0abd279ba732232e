"""Which split and shard a picture goes to, and its place in the shard: by hashes of its id alone.

So they depend neither on listing order nor on other pictures, and classes are mixed in every shard.
"""

import hashlib
from collections.abc import Iterable

from tintmill.pipeline.dataset.settings import Settings
from tintmill.pipeline.listing.reference import Reference


def choose_split(settings: Settings, reference: Reference) -> str:
    """The source's own split where it has one, else by hash of the id in the given shares."""
    if reference.split is not None:
        return reference.split
    position, end = hash64("split", reference.id) / 2**64, 0.0
    for name, share in settings.splits:
        end += share
        if position < end:
            return name
    return settings.splits[-1][0]


def sort_for_shard(references: Iterable[Reference]) -> list[Reference]:
    """References in the order of their records: by hash of the id, so that any listing order gives the same.

    References with the same id stay neighbours; those that the listing refused come last among them.
    """
    return sorted(references, key=lambda r: (hash64("order", r.id), r.id, r.refused is not None, r.path, r.offset))


def hash64(purpose: str, text: str) -> int:
    """A hash in 0..2^64-1; `purpose` keeps split, shard, order and limit independent of each other."""
    digest = hashlib.blake2b(text.encode(), digest_size=8, person=purpose.encode())
    return int.from_bytes(digest.digest(), "big")
