"""Building one shard: the unit of work, of retry and of resume.

A shard is written under a temporary name, renamed, and committed by its report; what has a report is never built
again. Memory is bounded by one embedding batch of pictures, not by the shard.
"""

import dataclasses
import hashlib
import itertools
import json
import socket
import sys
import time
from collections.abc import Callable, Iterator

import google_crc32c
import numpy as np

from tintmill.pipeline.common import files
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.common.tensorflow import import_tensorflow
from tintmill.pipeline.dataset import embed, names, record
from tintmill.pipeline.dataset.index import make_places, pack_places
from tintmill.pipeline.dataset.shard_report import ShardReport, write_report
from tintmill.pipeline.imaging import photo
from tintmill.pipeline.listing import reading
from tintmill.pipeline.listing.reference import Reference
from tintmill.pipeline.shards.assign import sort_for_shard
from tintmill.pipeline.shards.digest import digest_listing
from tintmill.pipeline.shards.picture import Picture, make_picture
from tintmill.pipeline.shards.plan import Plan, list_versions
from tintmill.pipeline.shards.resume import read_committed
from tintmill.pipeline.shards.tally import Tally
from tintmill.pipeline.sources import READERS

OnTime = Callable[[str, float, int], object]  # is told a step, its seconds, and of how many pictures


def _ignore(*told) -> None:
    """Where nobody wants to be told."""


def build_shard(
    plan: Plan,
    split: str,
    index: int,
    references: list[Reference],
    on_picture: Callable[[str], object] = _ignore,
    on_time: OnTime = _ignore,
) -> ShardReport:
    """Builds and commits a shard, unless it is committed already; returns its report.

    Args:
      on_picture: called with the id of each picture that has been read.
      on_time: called with what `decode`, `embed` and `write` took, batch by batch.
    Raises:
      TintmillError: this worker's libraries are not the plan's, or the output cannot be written.
    """
    try:
        return _build_shard(plan, split, index, references, on_picture, on_time)
    except OSError as error:  # of the output: a picture that cannot be read is a reject
        raise TintmillError(f"{plan.folder} cannot be written: {error}") from error


def _build_shard(
    plan: Plan,
    split: str,
    index: int,
    references: list[Reference],
    on_picture: Callable[[str], object],
    on_time: OnTime,
) -> ShardReport:
    committed = read_committed(plan, split, index)
    if committed:
        return committed
    _check_versions(plan)
    import_tensorflow()
    ordered = sort_for_shard(references)
    excluded = plan.list_excluded(split, index)
    tally = Tally(plan.settings.encoding)
    pictures = read_pictures(plan, ordered, excluded, tally, on_picture)
    file = _write_records(plan, plan.name_shard(split, index), pictures, tally, on_time)
    report = ShardReport(
        split=split,
        shard=index,
        plan=plan.fingerprint,
        embedder=_load_embedder(plan).identity if plan.settings.embedder else None,
        read=len(ordered),
        excluded=excluded,
        listing=f"{digest_listing(ordered):064x}",
        inputs=[[r.id, r.size, r.version] for r in ordered],
        **dataclasses.asdict(file),
        **tally.to_json(),
    )
    lines = "".join(json.dumps(line, sort_keys=True) + "\n" for line in tally.rejects)
    files.write(plan.path(names.REJECTS, names.name_rejects(split, index)), lines)
    write_report(plan.report_path(split, index), report)
    return report


def _check_versions(plan: Plan) -> None:
    for (name, wanted), (_, found) in zip(plan.versions, list_versions(), strict=True):
        if found != wanted:
            raise TintmillError(
                f"the worker on {socket.gethostname()} ({sys.executable}) has {name} {found}, the plan was made with "
                f"{wanted}; install the same there"
            )


def _load_embedder(plan: Plan) -> embed.Embedder:
    embed.limit_threads()
    return embed.load(plan.settings.embedder)


def read_pictures(
    plan: Plan,
    references: list[Reference],
    excluded: list[str],
    tally: Tally,
    on_picture: Callable[[str], object] = _ignore,
) -> Iterator[Picture]:
    """The pictures that become records, in the order of the references; the tally learns of all others.

    Args:
      references: as `sort_for_shard` sorts them, so that the second of two equal ids follows the first.
      excluded: ids that are left out as duplicates.
      on_picture: as for `build_shard`.
    """
    last_id = None
    for reference, found in reading.read_many(references, plan.settings.largest, READERS):
        on_picture(reference.id)
        try:
            if isinstance(found, photo.Rejected):
                raise found
            if reference.id == last_id:
                raise photo.Rejected("duplicate_id")
            last_id = reference.id
            picture = make_picture(plan.settings, reference, found)
            tally.see(picture)
            if reference.id in excluded:
                raise photo.Rejected("duplicate")
            yield picture
        except photo.Rejected as rejected:
            tally.reject(reference, rejected.code)


@dataclasses.dataclass(frozen=True)
class _ShardFile:
    """A written shard: name, size in bytes, hashes in hex, and where its records are."""

    file: str
    bytes: int
    sha256: str
    crc32c: str
    places: str


def _write_records(plan: Plan, name: str, pictures: Iterator[Picture], tally: Tally, on_time: OnTime) -> _ShardFile:
    sha256, crc32c, size = hashlib.sha256(), google_crc32c.Checksum(), 0
    offsets, ids = [], []
    with files.atomic_writer(plan.path(name)) as f:
        for picture, data in encode_pictures(plan, pictures, on_time):
            framed = record.frame(data)
            f.write(framed)
            offsets.append(size)
            ids.append(picture.reference.id.encode())
            sha256.update(framed)
            crc32c.update(framed)
            size += len(framed)
            tally.add(picture)
    places = pack_places(make_places(offsets, ids))
    return _ShardFile(name, size, sha256.hexdigest(), crc32c.hexdigest().decode(), places)


def encode_pictures(
    plan: Plan, pictures: Iterator[Picture], on_time: OnTime = _ignore
) -> Iterator[tuple[Picture, bytes]]:
    """Each picture with its serialised record; embedded in batches."""
    settings = plan.settings
    dimension = embed.find_dimension(settings.embedder) if settings.embedder else None
    encode = record.encoder(record.features(settings, plan.class_names, dimension, plan.attribute_names))
    labels = {name: number for number, name in enumerate(plan.class_names)}
    clock = time.perf_counter
    began = clock()
    while batch := list(itertools.islice(pictures, embed.BATCH)):
        decoded = clock()
        embeddings = _embed(plan, batch)
        embedded = clock()
        for number, picture in enumerate(batch):
            example = {
                "id": picture.reference.id,
                "lab": record.stored_lab(picture.packed, settings.encoding),
                "height": picture.height,
                "width": picture.width,
            }
            example |= {name: values[number] for name, values in embeddings.items()}
            if plan.attribute_names:
                example["attributes"] = np.frombuffer(picture.reference.attributes, np.int8)
            if labels:
                example["label"] = labels.get(picture.reference.label, record.UNLABELLED)
            yield picture, encode(example)
        on_time("decode", decoded - began, len(batch))
        on_time("embed", embedded - decoded, len(batch))
        on_time("write", clock() - embedded, len(batch))  # by whoever takes the records
        began = clock()


def _embed(plan: Plan, batch: list[Picture]) -> dict[str, np.ndarray]:
    """float16 [len(batch), E] for each embedding feature."""
    if not plan.settings.embedder:
        return {}
    views = np.stack([picture.view for picture in batch])
    seen = {"embedding": views, "embedding_mirror": views[:, :, ::-1]}
    return {name: _load_embedder(plan)(seen[name]) for name in record.embedding_names(plan.settings)}
