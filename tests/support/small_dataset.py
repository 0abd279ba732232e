"""A whole dataset directory of a few records of 8x8 pixels, written without TensorFlow and Beam, in milliseconds."""

import dataclasses
import hashlib
import json
import struct
from pathlib import Path

import google_crc32c
import numpy as np

from tests.support.manifests import make_identity, make_manifest, make_shard_report
from tintmill.pipeline.dataset import names, record, totals
from tintmill.pipeline.dataset.index import make_index, make_places
from tintmill.pipeline.dataset.manifest import Manifest, ShardEntry, open_dataset
from tintmill.pipeline.dataset.settings import EmbedderSettings, Settings, fingerprint
from tintmill.pipeline.dataset.shard_report import ShardReport, write_report
from tintmill.pipeline.imaging import ab_bins

SIDE = 8
_RECORDS = {"train": (3, 2), "val": (2,)}  # of each shard
_SETTINGS = Settings(
    name="small",
    size=SIDE,
    splits=(("train", 0.8), ("val", 0.2)),
    shard_examples=3,
    embedder=EmbedderSettings("mobilenet_v2", weights="random"),
)


def write(folder: Path) -> Path:
    """Writes the dataset; returns its folder."""
    for part in (names.REPORTS, names.REJECTS):
        (folder / part).mkdir(parents=True)
    plan = {
        "settings": _SETTINGS.to_json(),
        "class_names": ["cat", "dog"],
        "attribute_names": [],
        "pictures": {split: sum(counts) + 1 for split, counts in _RECORDS.items()},
        "inputs": "a" * 64,
        "weights_file_sha256": None,
        "versions": {"tintmill": "0.2.0"},
    }
    (folder / names.PLAN).write_text(json.dumps(plan))
    reports = [
        _write_shard(folder, split, index, count, len(counts), fingerprint(plan))
        for split, counts in _RECORDS.items()
        for index, count in enumerate(counts)
    ]
    (folder / names.MANIFEST).write_text(make(reports, fingerprint(plan)).to_text())
    lengths = [{"name": split, "shardLengths": list(map(str, counts))} for split, counts in _RECORDS.items()]
    (folder / names.DATASET_INFO).write_text(json.dumps({"name": "small", "splits": lengths}))
    (folder / names.FEATURES).write_text("{}")
    return folder


def write_index(folder: Path) -> Path:
    """Adds the index that `prepare` writes; returns the folder."""
    dataset = open_dataset(str(folder))
    (folder / names.INDEX).mkdir()
    for split in dataset.splits:
        places = [_list_places(folder / entry.file) for entry in dataset.shards(split)]
        (folder / names.INDEX / names.name_index(split)).write_bytes(make_index(dataset.shards(split), places))
    return folder


def _list_places(path: Path) -> np.ndarray:
    offsets, ids = [0], []
    with open(path, "rb") as f:
        for data in record.read_frames(f):
            ids.append(record.parse_features(data)["id"])
            offsets.append(offsets[-1] + len(record.frame(data)))
    return make_places(offsets[:-1], ids)


def make(reports: list[ShardReport], plan: str) -> Manifest:
    """The manifest that follows from the reports."""
    found = totals.sum_reports(reports, list(_RECORDS), SIDE)
    fields = [field.name for field in dataclasses.fields(ShardEntry)]
    entries = tuple(ShardEntry(**{name: getattr(report, name) for name in fields}) for report in reports)
    told = {field.name: getattr(found, field.name) for field in dataclasses.fields(found)}
    about = {"settings": _SETTINGS, "fingerprint": plan, "versions": {"tintmill": "0.2.0"}, "shards": entries}
    source = dataclasses.replace(make_manifest().source, listing_sha256="a" * 64)
    return make_manifest(**about, **told, source=source, class_names=("cat", "dog"), embedder=make_identity())


def _write_shard(folder: Path, split: str, index: int, count: int, shards: int, plan: str) -> ShardReport:
    random = np.random.default_rng([index, count, len(split)])
    pixels = random.integers(0, 256, (count, SIDE, SIDE, 3), np.uint8)
    data = b"".join(record.frame(encode(f"{split}/{index}-{n}.jpg", lab)) for n, lab in enumerate(pixels))
    file = names.name_shard("small", split, index, shards)
    (folder / file).write_bytes(data)
    pairs = ab_bins.count_pairs(pixels)
    report = make_shard_report(
        split,
        index,
        file=file,
        bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        crc32c=google_crc32c.Checksum(data).hexdigest().decode(),
        records=count,
        read=count + (index == 0),
        rejected={"grey": 1} if index == 0 else {},
        plan=plan,
        inputs=[["a.jpg", 5, 1.5]],
        pixels=[[f"{split}/{index}-{n}.jpg", f"{n:016x}"] for n in range(count)],
        ab_histogram=ab_bins.count_bins(pairs).tolist(),
        ab_sums=ab_bins.sum_colours(pairs),
        encoding_fidelity=[{"psnr": 50.0, "ssim": 0.99, "ciede2000": 0.3}],
        embedder=make_identity(),
    )
    write_report(str(folder / names.REPORTS / names.name_report(split, index)), report)
    (folder / names.REJECTS / names.name_rejects(split, index)).write_text("")
    return report


def encode(name: str, lab: np.ndarray) -> bytes:
    """A record as a `tf.train.Example`, in protobuf's own bytes.

    Args:
      lab: uint8 [8, 8, 3].
    """
    values = {"id": name.encode(), "lab": lab.tobytes(), "height": 9, "width": 10, "label": 1}
    values["embedding"] = np.array([1, 2, 3], np.float16).tobytes()
    features = b"".join(
        _field(1, _field(1, key.encode()) + _field(2, _encode_feature(value))) for key, value in values.items()
    )
    return _field(1, features)


def _encode_feature(value: bytes | int) -> bytes:
    """A BytesList of one value, or an Int64List of one packed value."""
    return _field(1, _field(1, value)) if isinstance(value, bytes) else _field(3, _field(1, bytes([value])))


def _field(number: int, content: bytes) -> bytes:
    size, left = b"", len(content)
    while left > 127:
        size, left = size + struct.pack("B", left & 127 | 128), left >> 7
    return bytes([number << 3 | 2]) + size + struct.pack("B", left) + content
