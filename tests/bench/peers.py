"""Reading by other projects, each as its guide says: grain on array_record, webdataset, MosaicML's streaming.

They read the benchmark's records, converted once to their own format and uncompressed as ours: the bytes of lab, the
bytes of the embedding, the id. They hand over uint8 lab and float16 embeddings, BATCH records at a time: in one
process, as the guides begin, and with two worker processes, as they go on for training; those are counted too. grain
checks checksums as ours and TFDS do; tar and MDS have none. Their versions clash with the product's, so they have an
environment of their own (`make bench-peers`); what is not in it is listed as not installed.

A pass goes on where the last one ended: what a reader costs once (buffers to fill, workers to start) is left out.
"""

import functools
import importlib
import importlib.metadata
import json
import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tests.bench.common import cpu_seconds, examples

BATCH, STEPS, SHARD_RECORDS = 32, 60, 512
ENVIRONMENT = Path(__file__).resolve().parents[2] / ".venv-bench"
MISSING = "not installed"


class Records(NamedTuple):
    """uint8 lab [N, S, S, 3], float16 embedding [N, E], ids [N]; on disk as three files of a folder."""

    lab: np.ndarray
    embedding: np.ndarray
    ids: list[str]

    def shards(self) -> Iterator[tuple[int, Iterator[tuple[str, np.ndarray, np.ndarray]]]]:
        """(number, its (id, lab, embedding)) of each shard."""
        for number, start in enumerate(range(0, len(self.ids), SHARD_RECORDS)):
            part = slice(start, start + SHARD_RECORDS)
            yield number, zip(self.ids[part], self.lab[part], self.embedding[part], strict=True)


def save_records(data, folder: Path) -> None:
    """The records of a dataset, where an environment without TensorFlow can read them."""
    found = list(examples(data))
    folder.mkdir()
    np.save(folder / "lab.npy", np.stack([one["lab"] for one in found]))
    np.save(folder / "embedding.npy", np.stack([one["embedding"] for one in found]))
    (folder / "ids.json").write_text(json.dumps([one["id"].decode() for one in found]))


def load_records(folder: Path) -> Records:
    lab, embedding = (np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("lab", "embedding"))
    return Records(lab, embedding, json.loads((folder / "ids.json").read_text()))


def write_grain(records: Records, folder: Path) -> None:
    """group_size:1 as the guide has it; `uncompressed`, for its default is zstd."""
    from array_record.python.array_record_module import ArrayRecordWriter

    for number, shard in records.shards():
        writer = ArrayRecordWriter(str(folder / f"{number:05d}.array_record"), "group_size:1,uncompressed")
        for name, lab, embedding in shard:
            writer.write(lab.tobytes() + embedding.tobytes() + name.encode())
        writer.close()


def read_grain(folder: Path, records: Records, workers: int = 0) -> Iterator:
    """Global shuffle; 500 records ahead, as by default; fewer threads than cores, as the guide on speed has it."""
    import grain

    shape, pixels, dimension = records.lab.shape[1:], records.lab[0].size, records.embedding.shape[1]

    def parse(record: bytes) -> tuple[np.ndarray, np.ndarray]:
        lab = np.frombuffer(record, np.uint8, pixels).reshape(shape)
        return lab, np.frombuffer(record, np.float16, dimension, offset=pixels)

    source = grain.sources.ArrayRecordDataSource([str(path) for path in sorted(folder.iterdir())])
    threads = grain.ReadOptions(num_threads=max(1, os.cpu_count() - 1))
    stream = grain.MapDataset.source(source).shuffle(seed=0).map(parse).repeat().to_iter_dataset(threads).batch(BATCH)
    if workers:
        stream = stream.mp_prefetch(grain.multiprocessing.MultiprocessingOptions(num_workers=workers))
    return iter(stream)


def write_webdataset(records: Records, folder: Path) -> None:
    import webdataset

    for number, shard in records.shards():
        with webdataset.TarWriter(str(folder / f"{number:05d}.tar")) as writer:
            for name, lab, embedding in shard:
                key = name.replace(".", "_")  # a name ends at its first dot
                writer.write({"__key__": key, "lab": lab.tobytes(), "embedding": embedding.tobytes()})


def read_webdataset(folder: Path, records: Records, workers: int = 0) -> Iterator:
    """Shuffled shards and a buffer of 1000; what workers hand over is mixed once more."""
    import torch
    import webdataset

    torch.set_num_threads(1)  # its threads wait by spinning, which a busy machine turns into most of the time
    shape = records.lab.shape[1:]

    def pixels(stored: bytes) -> np.ndarray:
        return np.frombuffer(stored, np.uint8).reshape(shape)

    urls = [str(path) for path in sorted(folder.iterdir())]
    stream = webdataset.WebDataset(urls, shardshuffle=100).shuffle(1000).to_tuple("lab", "embedding")
    stream = stream.map_tuple(pixels, functools.partial(np.frombuffer, dtype=np.float16)).batched(BATCH).repeat()
    if workers:
        loader = webdataset.WebLoader(stream, batch_size=None, num_workers=workers)
        stream = loader.unbatched().shuffle(10).batched(BATCH)
    return iter(stream)


def write_streaming(records: Records, folder: Path) -> None:
    from streaming import MDSWriter

    size = ",".join(map(str, records.lab.shape[1:]))
    columns = {
        "id": "str",
        "lab": f"ndarray:uint8:{size}",
        "embedding": f"ndarray:float16:{records.embedding.shape[1]}",
    }
    with MDSWriter(out=str(folder), columns=columns) as writer:
        for _, shard in records.shards():
            for name, lab, embedding in shard:
                writer.write({"id": name, "lab": lab, "embedding": embedding})


def read_streaming(folder: Path, records: Records, workers: int = 0) -> Iterator:
    """py1e, the default shuffle, whose block holds more than this dataset; batches are torch tensors."""
    import torch
    from streaming import StreamingDataset
    from torch.utils.data import DataLoader

    torch.set_num_threads(1)
    dataset = StreamingDataset(local=str(folder), shuffle=True, batch_size=BATCH)
    loader = DataLoader(dataset, batch_size=BATCH, num_workers=workers, persistent_workers=workers > 0)
    while True:  # an epoch each
        yield from ((batch["lab"], batch["embedding"]) for batch in loader)


class Format(NamedTuple):
    modules: dict[str, str]  # what must be importable, by the name it is installed under
    write: Callable[[Records, Path], None]


FORMATS = {
    "grain": Format({"grain": "grain", "array-record": "array_record.python.array_record_module"}, write_grain),
    "webdataset": Format({"webdataset": "webdataset", "torch": "torch"}, write_webdataset),
    "streaming": Format({"mosaicml-streaming": "streaming", "torch": "torch"}, write_streaming),
}
PEERS = {
    "grain, exact shuffle": ("grain", read_grain),
    "webdataset, buffer of 1000": ("webdataset", read_webdataset),
    "streaming, py1e shuffle": ("streaming", read_streaming),
    "grain, 2 workers": ("grain", functools.partial(read_grain, workers=2)),
    "webdataset, 2 workers": ("webdataset", functools.partial(read_webdataset, workers=2)),
    "streaming, 2 workers": ("streaming", functools.partial(read_streaming, workers=2)),
}


def commands(data, folder: Path) -> dict[str, list[str]]:
    """The command of each peer that prints its CPU-seconds a record; converts the records, and prints what is there."""
    folder.mkdir()
    save_records(data, folder / "records")
    python = ENVIRONMENT / "bin" / "python" if (ENVIRONMENT / "done").exists() else sys.executable
    line = [str(python), "-m", "tests.bench.peers", str(folder)]
    installed = set()
    for name in FORMATS:
        done = subprocess.run([*line, name], capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{name}: {done.stderr}")
        said = done.stdout.strip().rpartition("\n")[2]
        print(f"{name:<44}{said}", flush=True)
        if not said.startswith(MISSING):
            installed.add(name)
    return {name: [*line, name] for name, (form, _) in PEERS.items() if form in installed}


def main() -> None:
    folder, name = Path(sys.argv[1]), sys.argv[2]
    os.environ["TMPDIR"] = str(folder)  # streaming leaves lock files where temporary files are
    records = load_records(folder / "records")
    if name in FORMATS:
        print(convert(FORMATS[name], records, folder / name))
    else:
        form, read = PEERS[name]
        print(measure(read(folder / form, records), records))


def convert(form: Format, records: Records, folder: Path) -> str:
    """What is installed, by version, and the bytes of a converted record; or what is missing."""
    try:
        for module in form.modules.values():
            importlib.import_module(module)
    except (ImportError, OSError) as error:  # OSError: without a shared library that it needs
        return f"{MISSING}: {error}; see `make bench-peers`"
    folder.mkdir()
    form.write(records, folder)
    size = sum(path.stat().st_size for path in folder.iterdir()) / len(records.ids)
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in form.modules)
    return f"{versions}; {size:,.0f} bytes a record"


def measure(batches: Iterator, records: Records) -> float:
    """CPU-seconds a record, the first pass apart: it fills the caches and the buffers."""

    def work() -> int:
        done = 0
        while done < STEPS * BATCH:
            lab, embedding = next(batches)
            held = (lab.shape[1:], str(lab.dtype)[-5:], embedding.shape[1:], str(embedding.dtype)[-7:])
            if held != (records.lab.shape[1:], "uint8", records.embedding.shape[1:], "float16"):
                raise ValueError(f"not the records that were written: {held}")
            done += len(lab)
        return done

    work()
    return cpu_seconds(work, 3, cpu_clock)


def cpu_clock() -> float:
    """CPU-seconds of this process and of its worker processes, living and ended."""
    living = sum(cpu_of(worker.pid) for worker in multiprocessing.active_children())
    ended = os.times()
    return time.process_time() + ended.children_user + ended.children_system + living


def cpu_of(pid: int) -> float:
    """CPU-seconds, user and system, of another process and of its ended children."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
