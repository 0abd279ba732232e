"""Shared by the tests of sources: listing and reading in this process, archives from dicts of members."""

import bz2
import dataclasses
import gzip
import io
import lzma
import tarfile
import zipfile
from pathlib import Path

from tests.support.helpers import encode, photo_pixels
from tintmill.pipeline.dataset.settings import Settings
from tintmill.pipeline.imaging.photo import Rejected
from tintmill.pipeline.listing.reading import read_many
from tintmill.pipeline.listing.reference import Reference
from tintmill.pipeline.shards import plan
from tintmill.pipeline.sources import READERS, SOURCES


def settings(source: str, **values) -> Settings:
    """Settings of a source; source options may be among the values."""
    options_class = SOURCES[source].options
    names = {field.name for field in dataclasses.fields(options_class)}
    options = options_class(**{key: values.pop(key) for key in list(values) if key in names})
    return Settings(**{"name": "toy", "source": source, "embedder": None, "splits": None, "options": options, **values})


def made(source: str, root, **values) -> plan.Plan:
    return plan.make_plan(settings(source, **values), str(root), "/nowhere")


def listed(source: str, root, **values) -> dict[str, Reference]:
    """References by id, after the source has described itself."""
    chosen = settings(source, **values)
    SOURCES[source].describe(str(root), chosen)
    found = list(SOURCES[source].references(str(root), chosen))
    return {reference.id: reference for reference in found}


def contents(references, largest: int = 1 << 20) -> dict[str, bytes | str]:
    """Bytes, or the reason code why there are none, by id."""
    found = read_many(list(references), largest, READERS)
    return {r.id: data.code if isinstance(data, Rejected) else data for r, data in found}


def picture(seed: int) -> bytes:
    """A small JPEG, different for every seed."""
    return encode(photo_pixels(seed, 48, 40), "JPEG")


def write_zip(path: Path, members: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def tar_bytes(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, data in members.items():
            add_member(archive, name, data)
    return buffer.getvalue()


def add_member(archive: tarfile.TarFile, name: str, data: bytes = b"", kind: bytes = tarfile.REGTYPE) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.type, info.linkname = len(data), kind, "elsewhere"
    archive.addfile(info, io.BytesIO(data))


def write_tar(path: Path, members: dict[str, bytes]) -> Path:
    data = tar_bytes(members)
    packers = {".gz": gzip.compress, ".tgz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}
    path.write_bytes(packers[path.suffix](data) if path.suffix in packers else data)
    return path


def write_files(folder: Path, members: dict[str, bytes]) -> Path:
    for name, data in members.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder
