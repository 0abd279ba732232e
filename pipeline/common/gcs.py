"""Objects of Google Cloud Storage by their gs:// URLs; `files` is the door to it.

Credentials are Google's application default ones; none are asked for where STORAGE_EMULATOR_HOST names an emulator.
A failed request is repeated until `DEADLINE`, writes too: an object is written whole or not at all, so that writing it
twice leaves the same. What then still fails is a `TintmillError` of one line and never an OSError: a bucket that does
not answer must not look like a picture that cannot be read. Once a request was given up, all others to that bucket fail
at once for a while: a command that ends asks several times more, and its user must not wait for each.

A bucket that refuses or does not answer ends the run, and the same command goes on. As a reject, a bad hour of the
network would decide what is in a dataset.

Beam's filesystems are not used: they know no generations, and take 5 s to import.
"""

import base64
import contextlib
import errno
import functools
import io
import json
import math
import os
import re
import time
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from tintmill.pipeline.common.errors import TintmillError

DEADLINE = 60.0  # seconds until a request that fails again and again is given up
_LONGEST_SILENCE = 25.0  # seconds between two parts of an answer; the last attempt may begin just before the deadline
_GONE_SHARE = 0.5  # of the deadline, that a bucket is not asked again after a request to it was given up
_FIRST_DELAY, _LONGEST_DELAY = 0.5, 30.0  # seconds between two attempts; the delays double, each drawn by lot
_DOWNLOADS = 3  # of an object whose bytes are not those of its checksum
_FIRST_PART, _LARGEST_PART = 256 << 10, 8 << 20  # bytes a request asks for, where a file is read piece by piece
_CHUNK = 1 << 20  # bytes that a checksum takes at once
_FIELDS = "name,size,generation,crc32c"
_READ = "storage.objects.get and storage.objects.list (role Storage Object Viewer)"
_WRITE = "storage.objects.create, and storage.objects.delete to replace (role Storage Object User)"
_given_up: dict[str, tuple[float, str]] = {}  # bucket: when a request was given up (monotonic clock), and why


class Object(NamedTuple):
    """An object of a bucket. `generation`: a number that every writing of it makes anew. `crc32c`: 8 hex digits."""

    name: str
    size: int
    generation: int
    crc32c: str


def list_objects(url: str, prefix: str) -> Iterator[Object]:
    """The objects of a URL's bucket whose names begin with `prefix`, by name; what stands for a folder is left out."""
    bucket, _ = split(url)
    wanted = {"prefix": prefix, "fields": f"items({_FIELDS}),nextPageToken"}
    try:
        with _plainly(f"gs://{bucket}", _READ):
            for blob in _client().list_blobs(bucket, **wanted, retry=_retry(), timeout=_timeout()):
                if not blob.name.endswith("/"):
                    yield _object(blob)
    except FileNotFoundError as error:
        raise TintmillError(f"gs://{bucket}: no such bucket") from error


def stat(url: str) -> Object:
    """Raises FileNotFoundError where there is no such object, or no such bucket."""
    blob = _blob(url)
    with _plainly(url, _READ):
        blob.reload(retry=_retry(), timeout=_timeout())
    return _object(blob)


def open_read(url: str, generation: int | None = None) -> BinaryIO:
    """An object as a file to seek in and read from; nothing is asked for before the first read.

    Where that or a later read finds no object, or no longer the one of `generation`, it raises FileNotFoundError. Parts
    of an object have no checksum; archives and records bring their own.
    """
    return io.BufferedReader(_Reader(url, generation), 64 << 10)


def download(url: str, into: BinaryIO, generation: int | None = None) -> None:
    """Copies an object into an empty file, which is read back for its CRC-32C.

    The library checks no download that was interrupted and went on, hence not by it.

    Raises:
      FileNotFoundError: there is no such object, or none of this generation.
      TintmillError: the bytes are still wrong after some downloads.
    """
    for _ in range(_DOWNLOADS):
        into.seek(0)
        into.truncate()
        blob = _blob(url, generation)
        with _plainly(url, _READ):
            blob.download_to_file(into, raw_download=True, checksum=None, retry=_retry(), timeout=_timeout())
        wanted, found = blob.crc32c or _checksum_of(url, blob.generation), _crc32c(into)
        if found == wanted:
            return
    raise TintmillError(
        f"{url}: {_DOWNLOADS} downloads, and none had the bucket's CRC-32C {wanted}; the last had {found}; try again, "
        "or from another machine"
    )


def write(url: str, file: BinaryIO, generation: int | None = None) -> None:
    """Uploads a whole file; the bucket compares its CRC-32C before the object shows.

    Args:
      generation: what must be there for this to replace it, 0 for nothing; None: whatever is there.

    Raises:
      FileExistsError: something else is there, written by somebody else.
    """
    from google.api_core.exceptions import PreconditionFailed

    size, checksum = file.seek(0, os.SEEK_END), _crc32c(file)
    try:
        with _plainly(url, _WRITE):
            _blob(url).upload_from_file(
                file,
                rewind=True,
                size=size,
                content_type="application/octet-stream",
                checksum="crc32c",
                crc32c_checksum_value=checksum,
                if_generation_match=generation,
                retry=_retry(),
                timeout=_timeout(),
            )
    except FileNotFoundError as error:
        raise TintmillError(f"gs://{split(url)[0]}: no such bucket") from error
    except PreconditionFailed as error:
        found = stat(url)
        # The same bytes: another run wrote what this one would, or this one did and the answer got lost.
        if (found.size, found.crc32c) != (size, _hex(checksum)):
            raise FileExistsError(errno.EEXIST, "another run has written something else there", url) from error


def delete(url: str) -> None:
    """Raises FileNotFoundError where there is no such object."""
    with _plainly(url, _WRITE):
        _blob(url).delete(retry=_retry(), timeout=_timeout())


def split(url: str) -> tuple[str, str]:
    """(bucket, object name) of a URL; the name is empty for the bucket itself.

    Raises:
      TintmillError: another kind of URL, or no bucket in it.
    """
    found = re.fullmatch(r"gs://([^/]+)(?:/(.*))?", url, re.DOTALL)
    if not found:
        raise TintmillError(f"{url}: wanted a local path or gs://BUCKET/PATH")
    return found[1], found[2] or ""


class _Reader(io.RawIOBase):
    """Requests parts: small ones where it is sought in, as for the members of a zip, ever larger ones where it is read
    through, as for a list of them.
    """

    def __init__(self, url: str, generation: int | None):
        super().__init__()
        self._url, self._generation = url, generation
        self._position = 0
        self._size: int | None = None
        self._part, self._start, self._asked = b"", 0, 0  # the part that is here, where it begins, its wanted length

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = (lambda: 0, lambda: self._position, self._end)[whence]()
        self._position = max(0, base + offset)
        return self._position

    def readinto(self, into) -> int:
        if self._size is not None and self._position >= self._size:
            return 0
        skipped = self._position - self._start
        if not 0 <= skipped < len(self._part):
            beyond = self._start + len(self._part)
            onwards = self._asked and beyond <= self._position <= beyond + self._asked
            self._asked = min(2 * self._asked, _LARGEST_PART) if onwards else _FIRST_PART
            self._part, self._start = self._range(self._position, max(self._asked, len(into))), self._position
            skipped = 0
        data = self._part[skipped : skipped + len(into)]
        into[: len(data)] = data
        self._position += len(data)
        return len(data)

    def _range(self, start: int, length: int) -> bytes:
        from google.api_core.exceptions import RequestRangeNotSatisfiable

        blob = _blob(self._url, self._generation)
        try:
            with _plainly(self._url, _READ):
                data = blob.download_as_bytes(
                    start=start,
                    end=start + length - 1,
                    raw_download=True,
                    checksum=None,
                    retry=_retry(),
                    timeout=_timeout(),
                )
        except RequestRangeNotSatisfiable:
            return b""
        if len(data) < length:
            self._size = start + len(data)
        # All reads are of one object: without a generation, of the one that the first read met.
        self._generation = self._generation or blob.generation
        return data

    def _end(self) -> int:
        if self._size is None:
            blob = _blob(self._url, self._generation)
            with _plainly(self._url, _READ):
                blob.reload(retry=_retry(), timeout=_timeout())
            self._size, self._generation = blob.size, blob.generation
        return self._size


def _client():
    return _client_of_process(os.getpid())  # connections must not be shared with a forked process


@functools.cache
def _client_of_process(_: int):
    from google.auth.exceptions import DefaultCredentialsError
    from google.cloud import storage

    try:
        return storage.Client(project=None)
    except DefaultCredentialsError as error:
        raise TintmillError(
            "gs://: no Google credentials found; `gcloud auth application-default login` makes some, or "
            "GOOGLE_APPLICATION_CREDENTIALS names a key file"
        ) from error


def _blob(url: str, generation: int | None = None):
    bucket, name = split(url)
    if not name:
        raise FileNotFoundError(errno.ENOENT, "a bucket, wanted an object in it", url)
    return _client().bucket(bucket).blob(name, generation=generation)


def _object(blob) -> Object:
    return Object(blob.name, blob.size, blob.generation, _hex(blob.crc32c))


def _checksum_of(url: str, generation: int | None) -> str:
    blob = _blob(url, generation)
    with _plainly(url, _READ):
        blob.reload(retry=_retry(), timeout=_timeout())
    return blob.crc32c


def _crc32c(file: BinaryIO) -> str:
    """Of a whole file, as the bucket writes it: base64 of four bytes."""
    import google_crc32c

    checksum = google_crc32c.Checksum()
    file.seek(0)
    while data := file.read(_CHUNK):
        checksum.update(data)
    return base64.b64encode(checksum.digest()).decode()


def _hex(checksum: str) -> str:
    return base64.b64decode(checksum).hex()


def _retry():
    """The same for every request; by the library's own, reads and writes are given up at different times."""
    from google.cloud.storage.retry import DEFAULT_RETRY

    return DEFAULT_RETRY.with_delay(_FIRST_DELAY, _LONGEST_DELAY).with_timeout(DEADLINE)


def _timeout() -> tuple[float, float]:
    """Seconds to connect, and between two parts of an answer."""
    return 10.0, min(_LONGEST_SILENCE, DEADLINE)


@contextlib.contextmanager
def _plainly(url: str, permissions: str) -> Iterator[None]:
    """Failed requests as the errors that are told; 412 and 416 pass, they are answers."""
    from google.api_core import exceptions as api
    from google.auth.exceptions import GoogleAuthError

    bucket = split(url)[0]
    _check_not_gone(url, bucket)
    try:
        yield
    except api.NotFound as error:
        raise FileNotFoundError(errno.ENOENT, "no such object, or no longer this version of it", url) from error
    except (api.Forbidden, api.Unauthorized) as error:
        raise TintmillError(f"{url}: refused ({error.code}: {_answer(error)}); this needs {permissions}") from error
    except api.RetryError as error:
        why = f"no success in {DEADLINE:g} s, at last {_answer(error.cause)}"
        _given_up[bucket] = (time.monotonic(), why)
        raise TintmillError(f"{url}: {why}; run the same command again to go on") from error
    except GoogleAuthError as error:
        raise TintmillError(
            f"{url}: the Google credentials are not good ({_one_line(error)}); `gcloud auth application-default login` "
            "makes new ones"
        ) from error
    except (api.PreconditionFailed, api.RequestRangeNotSatisfiable):
        raise
    except api.GoogleAPICallError as error:
        raise TintmillError(f"{url}: failed ({error.code}: {_answer(error)})") from error


def _check_not_gone(url: str, bucket: str) -> None:
    """Raises TintmillError where a request to the bucket was given up a moment ago."""
    when, why = _given_up.get(bucket, (-math.inf, ""))
    if time.monotonic() - when < _GONE_SHARE * DEADLINE:
        raise TintmillError(f"{url}: {why}, a moment ago; run the same command again to go on")


def _answer(error: Exception) -> str:
    """What the server said, in one line."""
    response = getattr(error, "response", None)
    if response is None:
        return _one_line(error)
    try:
        text = json.loads(response.text)["error"]["message"]
    except (ValueError, KeyError, TypeError):
        text = response.text
    return _one_line(text) or f"{response.status_code} {response.reason}"


def _one_line(text) -> str:
    return " ".join(str(text).split())[:300]
