"""Whether a dataset directory is what its manifest says, as a stranger reads it: without TensorFlow.

Framing and checksums are read by google-crc32c, records by the `tfrecord` package: what passes here, other programs can
read too. (TensorFlow and `tfrecord` cannot live in one process: both register the same protobuf names.)
"""

import hashlib
import io
import json
from collections.abc import Iterator

from tintmill.pipeline.common import files
from tintmill.pipeline.dataset import names, record
from tintmill.pipeline.dataset.manifest import Dataset, ShardEntry


def find_defects(dataset: Dataset) -> Iterator[str]:
    """Every way in which the directory is not what its manifest says, one line each, the file named first."""
    yield from _find_metadata_defects(dataset)
    yield from _find_foreign_shards(dataset)
    seen: dict[bytes, str] = {}  # 8 bytes an id and one string a shard: a million records take about 100 MB
    for entry in dataset.shards():
        try:
            data = files.read(dataset.path(entry.file))
        except OSError:
            yield f"{entry.file}: missing or unreadable"
            continue
        hash_defects = list(find_file_defects(entry, data))
        yield from hash_defects
        yield from _find_record_defects(dataset, entry, data, seen)


def find_file_defects(entry: ShardEntry, data: bytes) -> Iterator[str]:
    """What is wrong with a shard's bytes as a whole, one line each."""
    if len(data) != entry.bytes:
        yield f"{entry.file}: {len(data)} bytes, the manifest says {entry.bytes}"
    elif hashlib.sha256(data).hexdigest() != entry.sha256:
        yield f"{entry.file}: its sha256 is not the manifest's"


def parse_record(data: bytes) -> dict:
    """A record's features as the `tfrecord` package reads them: bytes, or int64/float arrays."""
    from tfrecord import example_pb2

    example = example_pb2.Example()
    example.ParseFromString(data)
    values = {}
    for name, feature in example.features.feature.items():
        kind = feature.WhichOneof("kind")
        value = list(getattr(feature, kind).value) if kind else []
        values[name] = value[0] if len(value) == 1 else value
    return values


def _find_record_defects(dataset: Dataset, entry: ShardEntry, data: bytes, seen: dict[bytes, str]) -> Iterator[str]:
    count = 0
    try:
        for framed in record.read_frames(io.BytesIO(data)):
            defect = _find_record_defect(dataset, parse_record(framed), entry.file, seen)
            if defect:
                yield f"{entry.file}: record {count}: {defect}"
            count += 1
    except Exception as error:  # protobuf's DecodeError has a different home in each implementation
        yield f"{entry.file}: {error}"
        return
    if count != entry.records:
        yield f"{entry.file}: {count} records, the manifest says {entry.records}"


def _find_record_defect(dataset: Dataset, values: dict, file: str, seen: dict[bytes, str]) -> str | None:
    missing = _list_features(dataset) - set(values)
    if missing:
        return f"lacks {', '.join(sorted(missing))}"
    key = hashlib.blake2b(values["id"], digest_size=8).digest()
    if key in seen:
        return f"id {values['id'].decode()!r} is also in {seen[key]}"
    seen[key] = file
    side = dataset.settings.size
    wanted = side * side * 3 * (2 if dataset.settings.encoding == "lab16" else 1)
    if dataset.settings.encoding != "lab8_png" and len(values["lab"]) != wanted:
        return f"lab has {len(values['lab'])} bytes, wanted {wanted}"
    if dataset.embedder and len(values["embedding"]) != 2 * dataset.embedder.dimension:
        return f"embedding has {len(values['embedding'])} bytes, wanted {2 * dataset.embedder.dimension}"
    return None


def _list_features(dataset: Dataset) -> set[str]:
    """Names of the features that every record has."""
    expected = {"id", "lab", "height", "width"}
    expected |= {"embedding"} if dataset.embedder else set()
    expected |= {"embedding_mirror"} if dataset.settings.embed_mirror else set()
    expected |= {"attributes"} if dataset.manifest.attribute_names else set()
    return expected | ({"label"} if dataset.class_names else set())


def _find_metadata_defects(dataset: Dataset) -> Iterator[str]:
    for name in (names.FEATURES, names.DATASET_INFO):
        try:
            content = json.loads(files.read(dataset.path(name)))
        except (OSError, ValueError) as error:
            yield f"{name}: missing or damaged ({type(error).__name__}); run the same `tintmill prepare` to restore it"
            continue
        if name == names.DATASET_INFO:
            yield from _find_split_defects(dataset, content)


def _find_split_defects(dataset: Dataset, info: dict) -> Iterator[str]:
    told = {split["name"]: [int(n) for n in split["shardLengths"]] for split in info.get("splits", [])}
    wanted = {name: [entry.records for entry in dataset.shards(name)] for name in dataset.splits}
    if told != wanted:
        yield f"{names.DATASET_INFO}: shard lengths {told}, the manifest says {wanted}"


def _find_foreign_shards(dataset: Dataset) -> Iterator[str]:
    known = {entry.file for entry in dataset.shards()}
    for entry in files.list_files(dataset.folder):
        if names.is_shard_name(entry.name) and entry.name not in known:
            yield f"{entry.name}: a shard that is not in the manifest"
