"""What `tintmill colorize` is given: files, folders, patterns and archives, local or gs://, as one list of references.

A reference's id is the file's name below the output: a folder's files and an archive's members keep their places, what
a pattern matches keeps its place below the pattern's first fixed folders. An archive is opened where it is named itself
or matched by a pattern; among the files of a folder it is a file that is no picture.

Members of a compressed tar are coloured in one pass, and one member is held at a time. The next file is read while one
is coloured.
"""

import dataclasses
import os
from collections.abc import Iterator

from tintmill.pipeline.common import files
from tintmill.pipeline.common.display import display_name
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.common.files import FileStat
from tintmill.pipeline.listing import archive
from tintmill.pipeline.listing.reference import Reference


def list_inputs(arguments: list[str], output: str) -> list[Reference]:
    """Every file to be coloured, once, in a stable order; paths are absolute.

    Where the output lies inside a given folder, what is in it is left out: it was coloured by an earlier run.

    Args:
      output: an absolute path.
    Raises:
      TintmillError: nothing given, something that does not exist or cannot be listed, or nothing in it.
    """
    if not arguments:
        raise TintmillError("wanted picture files, folders, patterns or archives after the flags; got none")
    found: dict[tuple, Reference] = {}
    known = [os.path.realpath(path) for path in (output, *map(files.absolute, arguments)) if not files.is_remote(path)]
    for argument in arguments:
        empty = True
        try:
            for reference in _references(files.absolute(argument), output, known):
                member = () if reference.kind == "file" else (reference.offset, reference.id)
                found.setdefault((reference.path, *member), reference)
                empty = False
        except OSError as error:
            raise TintmillError(f"{display_name(argument)}: cannot be listed: {error}") from error
        if empty:
            raise TintmillError(f"{display_name(argument)}: no files in it; wanted pictures")
    return list(found.values())


def _references(argument: str, output: str, known: list[str]) -> Iterator[Reference]:
    if files.is_pattern(argument):
        own = _output_inside(files.pattern_root(argument), output)
        for entry in files.match(argument):
            if not entry.name.startswith(own):
                yield from _matched(entry)
    elif _is_folder(argument):
        own = _output_inside(argument, output)
        for entry in files.list_files(argument):
            if not entry.name.startswith(own):
                yield _file(entry)
        if not files.is_remote(argument):
            yield from _linked_folders(argument, known)
    elif _is_archive(argument):
        yield from _members(argument)
    else:
        yield _file(_entry(argument))


def _linked_folders(root: str, known: list[str]) -> Iterator[Reference]:
    """Links to folders that are not in one of `known`, real paths: listing follows none (loops), and what is behind
    them would be passed over in silence.
    """
    for folder, subfolders, _ in os.walk(root):
        for path in (os.path.join(folder, name) for name in sorted(subfolders)):
            if os.path.islink(path) and not any(_is_in(os.path.realpath(path), one) for one in known):
                info = os.stat(path)
                yield Reference(os.path.relpath(path, root).replace(os.sep, "/"), path, info.st_size, info.st_mtime)


def _is_in(path: str, folder: str) -> bool:
    return os.path.commonpath([path, folder]) == folder


def _matched(entry: FileStat) -> Iterator[Reference]:
    if not archive.has_suffix(entry.path):
        yield _file(entry)
        return
    for member in _members(entry.path):
        yield dataclasses.replace(member, id=f"{entry.name}/{member.id}")


def _members(path: str) -> Iterator[Reference]:
    """A tar's names may hold NUL, which no file system can even be asked about."""
    for member in archive.list_members(path):
        yield dataclasses.replace(member, id=member.id.replace("\0", r"\0"))


def _file(entry: FileStat) -> Reference:
    return Reference(entry.name, entry.path, entry.size, entry.version)


def _entry(path: str) -> FileStat:
    """Any local file, a pipe too: reading it says what is wrong with it."""
    if files.is_remote(path):
        return files.stat(path)
    info = os.stat(path)
    return FileStat(os.path.basename(path), path, info.st_size, info.st_mtime)


def _is_folder(path: str) -> bool:
    """Raises TintmillError where there is nothing."""
    if not files.is_remote(path):
        if not os.path.exists(path):
            raise TintmillError(f"{display_name(path)}: no such file or folder")
        return os.path.isdir(path)
    try:
        files.stat(path)
        return False
    except FileNotFoundError:
        return True


def _is_archive(path: str) -> bool:
    """By the name in a bucket, by the content here."""
    if files.is_remote(path):
        return archive.has_suffix(path)
    try:
        return os.path.isfile(path) and archive.find_kind(path) is not None
    except OSError:
        return False  # reading it says why


def _output_inside(root: str, output: str) -> str | tuple[()]:
    """How names of files in `output` begin, relative to `root`; () where it lies elsewhere, or is `root` itself."""
    if files.is_remote(root) or files.is_remote(output):
        inside = output.startswith(root.rstrip("/") + "/")
        return output[len(root.rstrip("/")) + 1 :] + "/" if inside else ()
    relative = os.path.relpath(os.path.realpath(output), os.path.realpath(root))
    return () if relative == "." or relative.split(os.sep)[0] == ".." else relative + "/"
