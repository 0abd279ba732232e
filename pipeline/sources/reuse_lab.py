"""`--reuse_lab=DIR`: the records of a dataset that was prepared before, to give them other embeddings.

Pictures are neither read nor decoded again: Lab, label, attributes and original size are taken over as they are. The
embedder sees the record's own L*, at the record's size, not the original; the manifest says so (`embedding_from`), and
the colorizer does the same in use. Ids come from the old dataset's reports, places from the records' framing.
"""

import dataclasses
import functools
import io
from collections.abc import Iterator

from tintmill.pipeline.common import files
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.common.tensorflow import import_tensorflow
from tintmill.pipeline.dataset import manifest as manifests
from tintmill.pipeline.dataset import names, record
from tintmill.pipeline.dataset.manifest import Manifest, ShardEntry
from tintmill.pipeline.dataset.settings import Settings
from tintmill.pipeline.dataset.shard_report import read_report
from tintmill.pipeline.imaging.photo import Rejected
from tintmill.pipeline.listing import reading
from tintmill.pipeline.listing.reference import Description, Reference
from tintmill.pipeline.sources.source import Source

_OFFICIAL = {"train": None, "val": "val", "test": "test"}
SAME = ("size", "fit", "encoding")  # what the old records decide


@dataclasses.dataclass(frozen=True)
class StoredRecord:
    """What is taken over from a record: `lab` as stored, the original's height and width."""

    lab: bytes
    height: int
    width: int


def describe(root: str, settings: Settings) -> Description:
    manifest = read_manifest(root)
    for key in SAME:
        found = getattr(manifest.settings, key)
        if getattr(settings, key) != found:
            raise TintmillError(f"--{key}={getattr(settings, key)}: the records of --reuse_lab={root} have {found!r}")
    unknown = sorted(set(manifest.splits) - set(_OFFICIAL))
    if unknown:
        raise TintmillError(f"--reuse_lab={root}: found split {unknown[0]!r}, wanted train, val and test only")
    return Description((("train", 1.0),), manifest.class_names or None, manifest.attribute_names)


def references(root: str, settings: Settings) -> Iterator[Reference]:
    for entry in read_manifest(root).shards:
        path = files.join(root, entry.file)
        try:
            version = files.stat(path).version
        except OSError as error:
            raise TintmillError(f"{path} cannot be read ({error}); `tintmill verify` says more") from error
        ids, places = _record_ids(root, entry), list(_places(path, entry.bytes))
        if len(ids) != len(places):
            raise TintmillError(f"{path} has {len(places)} records, its report {len(ids)}; `tintmill verify` says more")
        for name, (offset, length) in zip(ids, places, strict=True):
            place = {"kind": "record", "offset": offset, "stored": length}
            yield Reference(name, path, length, version, split=_OFFICIAL[entry.split], **place)


def read_manifest(root: str) -> Manifest:
    """The old dataset's manifest.

    Raises:
      TintmillError: `root` is no finished dataset directory.
    """
    try:
        return manifests.read_dataset_manifest(files.join(root, names.MANIFEST))
    except OSError as error:
        raise TintmillError(
            f"--reuse_lab={root}: no whole {names.MANIFEST} in it; wanted a dataset directory"
        ) from error


def take_over(reference: Reference) -> tuple[Reference, StoredRecord]:
    """A record's content, and its reference with the record's label and attributes.

    Raises:
      Rejected: `changed` or `unreadable`; `damaged_member` where checksum or record are not whole.
    """
    frame = reading.read_stored(reference)
    example = import_tensorflow().train.Example()
    try:
        (data,) = record.read_frames(io.BytesIO(frame))
    except ValueError as error:
        raise Rejected("damaged_member") from error
    example.ParseFromString(data)
    features = example.features.feature
    manifest = _cached_manifest(reference.path.rsplit("/", 1)[0])
    label = features["label"].int64_list.value[0] if "label" in features else record.UNLABELLED
    complete = dataclasses.replace(
        reference,
        label=manifest.class_names[label] if label >= 0 else None,
        attributes=features["attributes"].bytes_list.value[0] if "attributes" in features else b"",
    )
    height, width = (features[name].int64_list.value[0] for name in ("height", "width"))
    return complete, StoredRecord(features["lab"].bytes_list.value[0], height, width)


@functools.lru_cache(maxsize=4)
def _cached_manifest(root: str) -> Manifest:
    return read_manifest(root)


def _record_ids(root: str, entry: ShardEntry) -> list[str]:
    path = files.join(root, names.REPORTS, names.name_report(entry.split, entry.shard))
    try:
        report = read_report(path)
    except (OSError, ValueError) as error:
        raise TintmillError(f"{path} is missing or damaged ({error}); the records' ids stand there alone") from error
    return [name for name, _ in report.pixels if name not in report.excluded]


def _places(path: str, size: int) -> Iterator[tuple[int, int]]:
    """(offset, length) of each frame; the contents are not read."""
    with files.open_read(path) as f:
        try:
            for content, length in record.frame_places(f, size):
                yield content - record.HEADER, record.HEADER + length + record.FOOTER
        except ValueError as error:
            raise TintmillError(f"{path} is damaged; `tintmill verify` says where") from error


SOURCE = Source(describe, references, readers={"record": take_over}, read_taken_over=read_manifest, is_input=False)
