"""A digest of what was listed. It is a sum, so that it knows no order, and parts add up to the whole, modulo 2^256."""

import hashlib
import json
from collections.abc import Iterable

from tintmill.pipeline.listing.reference import Reference

MODULUS = 2**256


def digest_listing(references: Iterable[Reference]) -> int:
    """The digest of a listing, or of a part of it."""
    return sum(map(digest_reference, references)) % MODULUS


def digest_reference(reference: Reference) -> int:
    return int.from_bytes(hashlib.sha256(_digest_line(reference)).digest(), "big")


def _digest_line(reference: Reference) -> bytes:
    line = [reference.id, reference.size, reference.version, reference.label, reference.split]
    if reference.kind != "file" or reference.refused or reference.attributes:
        line += [reference.kind, reference.crc, reference.refused, reference.attributes.hex()]
    return json.dumps(line).encode()
