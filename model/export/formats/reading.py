"""What the formats share: first bytes, sha256, metadata in a zip, what is raised by a damaged file."""

import hashlib
import os
import struct
import zipfile
import zlib
from typing import BinaryIO

METADATA = "tintmill.json"
HEAD = 8  # bytes by which a file is told
# RuntimeError is zipfile's of a flipped bit that says "encrypted", NotImplementedError a kind of it.
DAMAGES = (OSError, ValueError, KeyError, EOFError, RuntimeError, struct.error, zlib.error, zipfile.BadZipFile)
LARGEST = 16 << 20  # bytes of tintmill.json
_CHUNK = 1 << 20


def first_bytes(path: str, count: int) -> bytes:
    """Of a file; nothing of a folder."""
    if os.path.isdir(path):
        return b""
    with open(path, "rb") as f:
        return f.read(count)


def sha256(f: BinaryIO, length: int | None = None) -> str:
    """Of what is left of an open file, or of its next `length` bytes."""
    digest = hashlib.sha256()
    while length is None or length > 0:
        data = f.read(_CHUNK if length is None else min(_CHUNK, length))
        if not data:
            break
        digest.update(data)
        length = length if length is None else length - len(data)
    return digest.hexdigest()


def file_sha256(path: str, length: int | None = None) -> str:
    """Of a regular file, or of its first `length` bytes. Raises OSError for pipes and devices, which may never end."""
    if not os.path.isfile(path):
        raise OSError(f"{path} is not a regular file")
    with open(path, "rb") as f:
        return sha256(f, length)


def add_to_zip(path: str, text: str) -> None:
    """tintmill.json as one member more of a zip, or of a file that gets one at its end."""
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(METADATA, text)


def read_in_zip(path: str) -> str:
    with zipfile.ZipFile(path) as archive:
        if archive.getinfo(METADATA).file_size > LARGEST:
            raise ValueError(f"{METADATA} has more than {LARGEST} bytes")
        return archive.read(METADATA).decode()
