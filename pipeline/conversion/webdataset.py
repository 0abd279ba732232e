"""WebDataset: tar files with some members for each record, NUMBER.lab.npy and so on.

`webdataset.WebDataset(URLS).decode()` reads it: arrays as `lab.npy` and `embedding.npy`, all else as `json`.
"""

import io
import json
import tarfile
from collections.abc import Iterable, Iterator

import numpy as np

from tintmill.pipeline.conversion.format import Format, StoredRecord
from tintmill.pipeline.dataset.manifest import Dataset, ShardEntry


def _name_file(dataset: Dataset, entry: ShardEntry, count: int) -> str:
    """As a pattern of braces finds it: train-{000000..000015}.tar."""
    return f"{entry.split}-{entry.shard:06d}.tar"


def _write(dataset: Dataset, path: str, records: Iterable[StoredRecord]) -> None:
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as archive:
        for stored in records:
            for suffix, content in _list_members(stored.fields):
                member = tarfile.TarInfo(f"{stored.number:09d}.{suffix}")  # neither time nor owner: equal bytes
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))


def _list_members(fields: dict) -> Iterator[tuple[str, bytes]]:
    for name, value in fields.items():
        if isinstance(value, np.ndarray):
            content = io.BytesIO()
            np.save(content, value, allow_pickle=False)
            yield f"{name}.npy", content.getvalue()
    plain = {name: value for name, value in fields.items() if not isinstance(value, np.ndarray)}
    yield "json", json.dumps(plain, ensure_ascii=False).encode()


FORMAT = Format("webdataset", _name_file, _write)
