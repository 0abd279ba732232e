"""Whether a dataset directory is what its manifest says, as a stranger reads it: without TensorFlow.

Framing and checksums are read by google-crc32c, records by the `tfrecord` package: what passes here, other programs can
read too. (TensorFlow and `tfrecord` cannot live in one process: both register the same protobuf names.)
"""

import hashlib
import io
from collections.abc import Iterator

import numpy as np

from tintmill.pipeline.common import checked_json, files
from tintmill.pipeline.common.checked_json import anything, mapping, sequence, text
from tintmill.pipeline.common.display import display_name
from tintmill.pipeline.dataset import names, record, totals
from tintmill.pipeline.dataset.index import make_index, make_places
from tintmill.pipeline.dataset.manifest import Dataset, ShardEntry
from tintmill.pipeline.imaging import ab_bins

_ROUNDING = 2e-6  # of the means in a manifest

# Of dataset_info.json what is compared; TFDS writes whole numbers of 64 bits as text.
_INFO = checked_json.record(
    {},
    {"splits": sequence(checked_json.record({"name": text(), "shardLengths": sequence(text(r"\d{1,15}", "digits"))}))},
)


def find_defects(dataset: Dataset) -> Iterator[str]:
    """Every way in which the directory is not what its manifest says, one line each, the file named first."""
    yield from _find_metadata_defects(dataset)
    yield from _find_foreign_shards(dataset)
    yield from totals.find_defects(dataset)
    content = _Content(dataset)
    is_whole = True
    for entry in dataset.shards():
        try:
            data = files.read(dataset.path(entry.file))
        except OSError:
            yield f"{entry.file}: missing or unreadable"
            is_whole = False
            continue
        found = [*find_file_defects(entry, data), *_find_record_defects(dataset, entry, data, content)]
        yield from found
        is_whole = is_whole and not found
    if is_whole:  # else colours and index differ because of what is missing or damaged
        yield from _find_colour_defects(dataset, content.colours)
        yield from _find_index_defects(dataset, content.places)


class _Content:
    """What the records hold, as far as they were read.

    Attributes:
      ids: the hash of each id, and the file that has it: 8 bytes an id and one string a shard, so that a million
        records take about 100 MB.
      colours: of each split, pixels of each pair of a* and b*, int64 [65536].
      places: of each split and shard, where the records are, uint64 [2, records] as in an index.
    """

    def __init__(self, dataset: Dataset):
        self.ids: dict[bytes, str] = {}
        self.colours = {split: np.zeros(65536, np.int64) for split in dataset.splits}
        self.places: dict[str, list[np.ndarray]] = {split: [] for split in dataset.splits}


def find_file_defects(entry: ShardEntry, data: bytes) -> Iterator[str]:
    """What is wrong with a shard's bytes as a whole, one line each."""
    if len(data) != entry.bytes:
        yield f"{entry.file}: {len(data)} bytes, the manifest says {entry.bytes}"
    elif hashlib.sha256(data).hexdigest() != entry.sha256:
        yield f"{entry.file}: its sha256 is not the manifest's"


def parse_record(data: bytes) -> dict:
    """A record's features as the `tfrecord` package reads them: bytes, or int64/float arrays.

    Raises:
      ValueError: it is no record.
    """
    from tfrecord import example_pb2

    return record.parse_features(data, example_pb2.Example)


def _find_record_defects(dataset: Dataset, entry: ShardEntry, data: bytes, content: _Content) -> Iterator[str]:
    """Adds what whole records hold to `content`."""
    offsets, ids, end = [], [], 0
    try:
        for framed in record.read_frames(io.BytesIO(data)):
            values = parse_record(framed)
            defect = find_record_defect(dataset, values) or _find_repetition(values, entry.file, content.ids)
            if defect:
                yield f"{entry.file}: record {len(offsets)}: {defect}"
            else:
                pixels = record.stored_pixels(values["lab"], dataset.settings.encoding, dataset.settings.size)
                pairs = ab_bins.count_pairs(record.as_lab8(pixels, dataset.settings.encoding))
                content.colours[entry.split] += pairs
            offsets.append(end)
            ids.append(values.get("id"))
            end += record.HEADER + len(framed) + record.FOOTER
    except ValueError as error:
        yield f"{entry.file}: {error}"
        return
    count = len(offsets)
    if count != entry.records:
        yield f"{entry.file}: {count} records, the manifest says {entry.records}"
    elif all(isinstance(name, bytes) for name in ids):
        content.places[entry.split].append(make_places(offsets, ids))


def _find_repetition(values: dict, file: str, seen: dict[bytes, str]) -> str | None:
    key = hashlib.blake2b(values["id"], digest_size=8).digest()
    if key in seen:
        return f"id '{show_id(values)}' is also in {seen[key]}"
    seen[key] = file
    return None


def show_id(values: dict) -> str:
    """A record's id in signs that are harmless in a terminal."""
    return display_name(values["id"].decode(errors="backslashreplace"))


def find_record_defect(dataset: Dataset, values: dict) -> str | None:
    """What is wrong with a record, as `parse_record` gives it, by its own; None where it is as the manifest says."""
    wanted_types = _list_features(dataset)
    missing = wanted_types.keys() - values.keys()
    if missing:
        return f"lacks {', '.join(sorted(missing))}"
    for name, kind in wanted_types.items():
        if type(values[name]) is not kind:
            return f"{name} is {type(values[name]).__name__}, wanted {kind.__name__}"
    if dataset.class_names and not -1 <= values["label"] < len(dataset.class_names):
        return f"label {values['label']}, wanted -1 to {len(dataset.class_names) - 1}"
    side = dataset.settings.size
    wanted = side * side * 3 * (2 if dataset.settings.encoding == "lab16" else 1)
    sizes = {name: 2 * dataset.embedder.dimension for name in wanted_types if name.startswith("embedding")}
    sizes |= {"attributes": len(dataset.manifest.attribute_names)} if dataset.manifest.attribute_names else {}
    if dataset.settings.encoding == "lab8_png":
        if defect := record.find_png_defect(values["lab"], side):
            return defect
    else:
        sizes["lab"] = wanted
    for name, size in sizes.items():
        if len(values[name]) != size:
            return f"{name} has {len(values[name])} bytes, wanted {size}"
    return None


def _list_features(dataset: Dataset) -> dict[str, type]:
    """The features that every record has, and their types."""
    expected = {"id": bytes, "lab": bytes, "height": int, "width": int}
    expected |= dict.fromkeys(record.embedding_names(dataset.settings), bytes)
    expected |= {"attributes": bytes} if dataset.manifest.attribute_names else {}
    return expected | ({"label": int} if dataset.class_names else {})


def _find_colour_defects(dataset: Dataset, colours: dict[str, np.ndarray]) -> Iterator[str]:
    """What the manifest says of the colours and is not so: counted in the records, as prepare counted."""
    manifest = dataset.manifest
    together = sum(colours.values())
    counted = colours if manifest.ab_histogram is not None else {}
    for split, found in counted.items():
        if ab_bins.count_bins(found).tolist() != manifest.ab_histogram[split]:
            yield f"{names.MANIFEST}: ab_histogram.{split} is not that of the records"
    sums, pixels = ab_bins.sum_colours(together), max(1, together.sum())
    told = {"mean a*": manifest.mean_ab[0], "mean b*": manifest.mean_ab[1], "mean_chroma": manifest.mean_chroma}
    for (field, mean), total in zip(told.items(), sums.values(), strict=True):
        if mean is not None and abs(mean - total / pixels) > _ROUNDING:
            yield f"{names.MANIFEST}: {field} is {mean:g}, of the records {total / pixels:.6g}"


def _find_index_defects(dataset: Dataset, places: dict[str, list[np.ndarray]]) -> Iterator[str]:
    """Compares the index of each split with the records; a dataset of an earlier version has none."""
    for split, found in places.items():
        path = dataset.path(names.INDEX, names.name_index(split))
        wanted = make_index(dataset.shards(split), found)
        if files.exists(path) and files.read(path) != wanted:
            yield f"{names.INDEX}/{names.name_index(split)}: not that of the records; delete it, or prepare again"


def _find_metadata_defects(dataset: Dataset) -> Iterator[str]:
    for name in (names.FEATURES, names.DATASET_INFO):
        try:
            kind = _INFO if name == names.DATASET_INFO else mapping(anything)
            content = checked_json.parse(files.read(dataset.path(name), largest=checked_json.LARGEST), kind)
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
