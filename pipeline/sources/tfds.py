"""`--source=tfds`: a dataset of TensorFlow Datasets that was prepared before, with an image feature.

`--input` is TFDS's data_dir and `--tfds_name` the dataset (tf_flowers, NAME/CONFIG, NAME:1.0.0), or `--input` is the
dataset's own folder, the one with dataset_info.json. Nothing is downloaded; files must be tfrecord, TFDS's default.

Listing reads the records' framing only, no picture; pictures are taken as they are encoded. So a record's label is
known once it is read; only --classes and --limit_per_class need it earlier and read every record while listing. The
dataset's validation and test are official; its train is divided by --splits (default: what is missing of val and test,
or all to train). Other splits are left out, and that is said. Ids are TFDS's own:
`tf_flowers-train.tfrecord-00000-of-00002__7`.
"""

import dataclasses
import functools
import io
import os
from collections.abc import Iterator

from tintmill.pipeline.common import files
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.common.options import option
from tintmill.pipeline.common.tensorflow import import_tensorflow
from tintmill.pipeline.dataset import names, record
from tintmill.pipeline.dataset.settings import Settings, SourceOptions
from tintmill.pipeline.imaging.photo import Rejected
from tintmill.pipeline.listing import reading
from tintmill.pipeline.listing.reference import Description, Reference, one_line
from tintmill.pipeline.sources.source import Source

_SPLITS = {"train": None, "validation": "val", "val": "val", "test": "test"}
_SHARES = {
    frozenset(): (("train", 0.9), ("val", 0.05), ("test", 0.05)),
    frozenset({"test"}): (("train", 0.9), ("val", 0.1)),
}


@dataclasses.dataclass(frozen=True)
class TfdsOptions(SourceOptions):
    tfds_name: str = option("", "tfds: the dataset, as tf_flowers or NAME/CONFIG:VERSION.", "Of some sources")


@dataclasses.dataclass(frozen=True)
class _Features:
    """Names of the image and of the label feature (or None), and the label's class names."""

    image: str
    label: str | None
    class_names: tuple[str, ...]


def describe(root: str, settings: Settings) -> Description:
    builder = _builder(root, settings)
    kind = builder.info.file_format.value
    if kind != "tfrecord":
        raise TintmillError(f"{builder.data_dir}: found {kind} files, wanted tfrecord; prepare it so with TFDS")
    features = _features(os.fspath(builder.data_dir))
    left_out = sorted(set(builder.info.splits) - set(_SPLITS))
    notes = [f"split {name} of the dataset is left out: only train, validation and test are taken" for name in left_out]
    official = frozenset(_SPLITS[name] for name in builder.info.splits if _SPLITS.get(name))
    return Description(_SHARES.get(official, (("train", 1.0),)), features.class_names or None, notes=tuple(notes))


def references(root: str, settings: Settings) -> Iterator[Reference]:
    builder = _builder(root, settings)
    with_labels = bool(settings.classes or settings.limit_per_class)
    for name in sorted(set(builder.info.splits) & set(_SPLITS)):
        for path in builder.info.splits[name].filepaths:
            for reference in _records(os.fspath(path), _SPLITS[name]):
                yield _with_label(reference) if with_labels else reference


def read_picture(reference: Reference) -> tuple[Reference, bytes]:
    """The encoded picture in a record, and its reference with the record's label.

    Raises:
      Rejected: `changed` or `unreadable`; `damaged_member` where checksum, record or image feature are not whole.
    """
    features = _features(os.path.dirname(reference.path))
    frame = reading.read_stored(reference)
    example = import_tensorflow().train.Example()
    try:
        (data,) = record.read_frames(io.BytesIO(frame))
        example.ParseFromString(data)
        images = example.features.feature[features.image].bytes_list.value
        labels = example.features.feature[features.label].int64_list.value if features.label else ()
        encoded = images[0]
    except (ValueError, IndexError, _decode_error()) as error:
        raise Rejected("damaged_member") from error
    known = len(labels) == 1 and 0 <= labels[0] < len(features.class_names)
    label = features.class_names[labels[0]] if known else None
    return dataclasses.replace(reference, label=label), encoded


def _decode_error() -> type[Exception]:
    from google.protobuf.message import DecodeError

    return DecodeError


def _builder(root: str, settings: Settings):
    """The dataset's read-only TFDS builder."""
    from tensorflow_datasets.core import read_only_builder

    name = settings.options.tfds_name
    try:
        if name:
            return read_only_builder.builder_from_files(name, data_dir=root)
        return read_only_builder.builder_from_directory(root)
    except (ValueError, OSError) as error:  # TFDS's DatasetNotFoundError and DatasetInfoFileError among them
        wanted = f"a prepared {name} below it" if name else f"{names.DATASET_INFO} in it, or --tfds_name"
        raise TintmillError(
            f"--input={root}: found no dataset of TFDS there, wanted {wanted}; "
            f"tfds.builder({name or 'NAME'!r}, data_dir=...).download_and_prepare() makes one"
        ) from error


@functools.lru_cache(maxsize=4)
def _features(folder: str) -> _Features:
    from tensorflow_datasets.core import read_only_builder
    from tensorflow_datasets.core.features import ClassLabel, Image

    found = read_only_builder.builder_from_directory(folder).info.features
    colour = [name for name, feature in found.items() if isinstance(feature, Image) and feature.shape[-1] in (3, None)]
    image = "image" if "image" in colour else colour[0] if len(colour) == 1 else None
    if image is None:
        raise TintmillError(
            f"{folder}: found {len(colour)} features that are colour pictures {colour}, wanted one, or one named image"
        )
    labels = [name for name, feature in found.items() if isinstance(feature, ClassLabel)]
    label = "label" if "label" in labels else labels[0] if len(labels) == 1 else None
    return _Features(image, label, tuple(one_line(name, "blank") for name in found[label].names) if label else ())


def _records(path: str, split: str | None) -> Iterator[Reference]:
    """A shard's records by their framing: length, its checksum, content, its checksum."""
    entry, name = files.stat(path), os.path.basename(path)
    with files.open_read(path, entry.version) as f:
        try:
            for number, (content, length) in enumerate(record.frame_places(f, entry.size)):
                place = {"kind": "tfds", "offset": content - record.HEADER}
                place["stored"] = record.HEADER + length + record.FOOTER
                yield Reference(f"{name}__{number}", path, length, entry.version, split=split, **place)
        except ValueError as error:
            raise TintmillError(f"{path}: {error}; prepare the dataset with TFDS again") from error


def _with_label(reference: Reference) -> Reference:
    """Reads the record; what cannot be read has no label, and is rejected when it is read again."""
    try:
        return reading.read(reference, reference.size, READERS)[0]
    except Rejected:
        return reference


READERS = {"tfds": read_picture}

SOURCE = Source(describe, references, options=TfdsOptions, readers=READERS)
