"""A tree of files, whether it is a folder or an archive that was never unpacked: the ground most sources stand on."""

import dataclasses
import os
from collections.abc import Iterator

from tintmill.pipeline.common import files
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.listing import archive, reading
from tintmill.pipeline.listing.reference import Reference, stable_text

_MOST_TEXT = 256 << 20  # bytes of a list file


def check_input(root: str, wanted: str) -> None:
    """Raises TintmillError where `root` is neither a folder nor an archive; a bucket's folder always passes."""
    if files.is_remote(root) or os.path.isdir(root):
        return
    if not os.path.exists(root):
        raise TintmillError(f"--input={root}: found nothing, wanted {wanted}")
    if not os.path.isfile(root) or archive.find_kind(root) is None:
        raise TintmillError(f"--input={root}: found a file that is no archive, wanted {wanted}")


def is_archive(root: str) -> bool:
    return archive.has_suffix(root) if files.is_remote(root) else os.path.isfile(root)


def list_entries(root: str) -> Iterator[Reference]:
    """Every file below a folder, or every member of an archive; ids are names relative to it."""
    if is_archive(root):
        yield from archive.list_members(root)
        return
    for entry in files.list_files(root):
        yield Reference(stable_text(entry.name), entry.path, entry.size, entry.version)


def list_below(root: str, prefix: str) -> Iterator[Reference]:
    """`list_entries`, their ids relative to `prefix` (empty, or ending in /); what lies beside it is left out.

    Members refused for their name keep it: they lie nowhere.
    """
    for entry in list_entries(root):
        if entry.refused == "unsafe_member":
            yield entry
        elif entry.id.startswith(prefix):
            yield dataclasses.replace(entry, id=entry.id[len(prefix) :]) if prefix else entry


def read_texts(root: str, names: tuple[str, ...]) -> dict[str, str]:
    """The list files of these names (relative to `root`) that are there, as text."""
    if not is_archive(root):
        paths = {name: files.join(root, name) for name in names}
        return {name: read_text(path) for name, path in paths.items() if files.exists(path)}
    found = {entry.id: entry for entry in list_entries(root) if entry.id in names and not entry.refused}
    return {name: reading.read(entry, _MOST_TEXT)[1].decode("utf-8", "replace") for name, entry in found.items()}


def read_text(path: str) -> str:
    """A list file as text. Raises TintmillError where it cannot be read or is no UTF-8."""
    try:
        return files.read(path).decode("utf-8-sig")
    except OSError as error:
        raise TintmillError(f"{path}: cannot be read ({error})") from error
    except UnicodeDecodeError as error:
        raise TintmillError(f"{path}: wanted UTF-8 text, found other bytes ({error})") from error
