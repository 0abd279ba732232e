"""Building one shard: the unit of work, of retry and of resume.

A shard is written under a temporary name, renamed, and committed by its report; what has a report is never built
again. Memory is bounded by one embedding batch of pictures, not by the shard.
"""

import dataclasses
import hashlib
import itertools
import json
from collections.abc import Iterator

import google_crc32c
import numpy as np
from PIL import Image

from pipeline import ab_bins, embed, fidelity, files, lab, photo, record, sources
from pipeline.errors import TintmillError
from pipeline.plan import Plan, in_shard_order, installed_versions, read_committed
from pipeline.quiet import import_tensorflow
from pipeline.sources import Reference

_GREY_AB = 5.0  # a picture with no |a*| or |b*| above it is grey (Zhang et al. 2016, NonGrayMaskLayer)
_FIDELITY_EVERY = 64  # the encoding's cost is measured on every 64th kept picture of a shard, the first included


@dataclasses.dataclass(frozen=True)
class Picture:
    """A checked, resized picture on its way into a record.

    `rgb`: uint8 [S, S, 3] sRGB. `packed`: its Lab in the record's encoding. `view`: what the embedder sees, or None.
    """

    reference: Reference
    rgb: np.ndarray
    packed: np.ndarray
    view: np.ndarray | None
    height: int
    width: int


def build_shard(plan: Plan, split: str, index: int, references: list[Reference]) -> dict:
    """Builds and commits a shard, unless it is committed already; returns its report.

    Raises:
      TintmillError: this worker's libraries are not the plan's, or the output cannot be written.
    """
    try:
        return _build_shard(plan, split, index, references)
    except OSError as error:  # of the output: a picture that cannot be read is a reject
        raise TintmillError(f"{plan.folder} cannot be written: {error}") from error


def _build_shard(plan: Plan, split: str, index: int, references: list[Reference]) -> dict:
    committed = read_committed(plan, split, index)
    if committed:
        return committed
    _check_versions(plan)
    import_tensorflow()
    ordered = in_shard_order(references)
    rejects: list[dict] = []
    pictures = _checked_pictures(plan, ordered, rejects)
    report = _write_records(plan, split, index, pictures)
    report |= {
        "plan": plan.fingerprint,
        "embedder": _embedder(plan).identity if plan.settings.embedder else None,
        "read": len(ordered),
        "kept": report["records"],
        "rejected": _count_codes(rejects),
        "inputs": [[r.id, r.size, r.modified] for r in ordered],
    }
    lines = "".join(json.dumps(line, sort_keys=True) + "\n" for line in rejects)
    files.write(plan.path("rejects", f"{split}-{index:05d}.jsonl"), lines)
    files.write(plan.report_path(split, index), json.dumps(report, sort_keys=True))
    return report


def _check_versions(plan: Plan) -> None:
    for (name, wanted), (_, found) in zip(plan.versions, installed_versions(), strict=True):
        if found != wanted:
            raise TintmillError(f"a worker has {name} {found}, the plan was made with {wanted}; install the same")


def _embedder(plan: Plan) -> embed.Embedder:
    embed.limit_threads()
    return embed.load(plan.settings.embedder)


def _checked_pictures(plan: Plan, references: list[Reference], rejects: list[dict]) -> Iterator[Picture]:
    last_id = None
    for reference, found in sources.read_many(references, plan.settings.largest):
        try:
            if isinstance(found, photo.Rejected):
                raise found
            if reference.id == last_id:
                raise photo.Rejected("duplicate_id")
            last_id = reference.id
            yield _make_picture(plan, reference, found)
        except photo.Rejected as rejected:
            rejects.append({"id": reference.id, "code": rejected.code})


def _make_picture(plan: Plan, reference: Reference, data: bytes) -> Picture:
    settings = plan.settings
    image = photo.decode(data, settings.limits)
    rgb = photo.fit(image, settings.size, settings.fit)
    values = lab.rgb_to_lab(rgb)
    if settings.drop_grey and np.abs(values[..., 1:]).max() <= _GREY_AB:
        raise photo.Rejected("grey")
    view = None
    if settings.embedder:
        grey = Image.fromarray(lab.to_grey(np.asarray(image)))
        view = embed.view(grey, settings.fit, settings.embedder)
    return Picture(reference, rgb, lab.pack(values, settings.encoding), view, image.height, image.width)


def _write_records(plan: Plan, split: str, index: int, pictures: Iterator[Picture]) -> dict:
    tally = _Tally(plan.settings.encoding)
    sha256, crc32c, size = hashlib.sha256(), google_crc32c.Checksum(), 0
    name = plan.shard_name(split, index)
    with files.atomic_writer(plan.path(name)) as f:
        for picture, data in _encode(plan, pictures):
            framed = record.frame(data)
            f.write(framed)
            sha256.update(framed)
            crc32c.update(framed)
            size += len(framed)
            tally.add(picture)
    hashes = {"sha256": sha256.hexdigest(), "crc32c": crc32c.hexdigest().decode()}
    return {"file": name, "split": split, "shard": index, "bytes": size, **hashes, **tally.to_json()}


def _encode(plan: Plan, pictures: Iterator[Picture]) -> Iterator[tuple[Picture, bytes]]:
    settings = plan.settings
    dimension = embed.dimension(settings.embedder) if settings.embedder else None
    encode = record.encoder(record.features(settings, plan.class_names, dimension, plan.attribute_names))
    labels = {name: number for number, name in enumerate(plan.class_names)}
    while batch := list(itertools.islice(pictures, embed.BATCH)):
        embeddings = _embedder(plan)(np.stack([p.view for p in batch])) if settings.embedder else [None] * len(batch)
        for picture, embedding in zip(batch, embeddings, strict=True):
            example = {
                "id": picture.reference.id,
                "lab": record.stored_lab(picture.packed, settings.encoding),
                "height": picture.height,
                "width": picture.width,
            }
            if embedding is not None:
                example["embedding"] = embedding
            if plan.attribute_names:
                example["attributes"] = np.frombuffer(picture.reference.attributes, np.int8)
            if labels:
                example["label"] = labels.get(picture.reference.label, record.UNLABELLED)
            yield picture, encode(example)


class _Tally:
    """Sums over a shard's kept pictures, all integers or in a fixed order, so that they are reproducible."""

    def __init__(self, encoding: str):
        self._encoding = encoding
        self._records = 0
        self._histogram = np.zeros(len(ab_bins.centres()), np.int64)
        self._ab_sum = np.zeros(2, np.int64)
        self._fidelity: list[dict[str, float | None]] = []  # None: infinite, JSON has no word for it

    def add(self, picture: Picture) -> None:
        values = lab.unpack(picture.packed, self._encoding)
        lab8 = picture.packed if picture.packed.dtype == np.uint8 else lab.pack(values, "lab8")
        if self._records % _FIDELITY_EVERY == 0:
            compared = fidelity.compare(picture.rgb, lab.lab_to_rgb8(values))
            self._fidelity.append({key: value if np.isfinite(value) else None for key, value in compared.items()})
        self._records += 1
        self._histogram += ab_bins.histogram(lab8)
        self._ab_sum += lab8[..., 1:].astype(np.int64).sum(axis=(0, 1)) - 128 * lab8[..., 0].size

    def to_json(self) -> dict:
        return {
            "records": self._records,
            "ab_histogram": self._histogram.tolist(),
            "ab_sum": self._ab_sum.tolist(),
            "encoding_fidelity": self._fidelity,
        }


def _count_codes(rejects: list[dict]) -> dict[str, int]:
    codes = [line["code"] for line in rejects]
    return {code: codes.count(code) for code in sorted(set(codes))}
