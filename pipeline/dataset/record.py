"""One record: its features as TFDS knows them, its bytes, and the framing of a TFRecord file.

TFDS's own writer leaves the order of a record's keys to a hash that changes with the process; here the same example is
serialised deterministically. Features: id (text), lab [H, W, 3], embedding float16 [E] (with an embedder), label (with
classes; -1 where a picture has none), attributes int8 [A] (where the source has them), height and width of the
original in pixels.
"""

import functools
import io
import struct
from collections.abc import Callable, Iterator
from typing import BinaryIO

import google_crc32c
import numpy as np
from PIL import Image

from tintmill.pipeline.dataset.settings import Settings
from tintmill.pipeline.imaging import lab

UNLABELLED = -1
_LONGEST = 1 << 28  # bytes of a record; the largest, 4096 pixels wide and of 16 bits, has 100 MB
HEADER, FOOTER = 12, 4  # bytes of TFRecord framing before and after a record

# `tf.train.Example` as protobuf's text format describes its messages.
_EXAMPLE = """
name: "example.proto" package: "tensorflow" syntax: "proto3"
message_type { name: "BytesList" field { name: "value" number: 1 label: LABEL_REPEATED type: TYPE_BYTES } }
message_type { name: "FloatList" field { name: "value" number: 1 label: LABEL_REPEATED type: TYPE_FLOAT } }
message_type { name: "Int64List" field { name: "value" number: 1 label: LABEL_REPEATED type: TYPE_INT64 } }
message_type {
  name: "Feature" oneof_decl { name: "kind" }
  field { name: "bytes_list" number: 1 label: LABEL_OPTIONAL type: TYPE_MESSAGE type_name: ".tensorflow.BytesList"
          oneof_index: 0 }
  field { name: "float_list" number: 2 label: LABEL_OPTIONAL type: TYPE_MESSAGE type_name: ".tensorflow.FloatList"
          oneof_index: 0 }
  field { name: "int64_list" number: 3 label: LABEL_OPTIONAL type: TYPE_MESSAGE type_name: ".tensorflow.Int64List"
          oneof_index: 0 }
}
message_type {
  name: "Features"
  field { name: "feature" number: 1 label: LABEL_REPEATED type: TYPE_MESSAGE
          type_name: ".tensorflow.Features.FeatureEntry" }
  nested_type {
    name: "FeatureEntry" options { map_entry: true }
    field { name: "key" number: 1 label: LABEL_OPTIONAL type: TYPE_STRING }
    field { name: "value" number: 2 label: LABEL_OPTIONAL type: TYPE_MESSAGE type_name: ".tensorflow.Feature" }
  }
}
message_type {
  name: "Example"
  field { name: "features" number: 1 label: LABEL_OPTIONAL type: TYPE_MESSAGE type_name: ".tensorflow.Features" }
}
"""


def features(
    settings: Settings,
    class_names: tuple[str, ...],
    embedding_dimension: int | None,
    attribute_names: tuple[str, ...] = (),
):
    """The `tfds.features.FeaturesDict` of a dataset's records."""
    import tensorflow_datasets as tfds

    shape = (settings.size, settings.size, 3)
    if settings.encoding == "lab8_png":
        pixels = tfds.features.Image(shape=shape, encoding_format="png", doc="L*a*b* as three 8-bit channels, not sRGB")
    else:
        dtype = np.int16 if settings.encoding == "lab16" else np.uint8
        pixels = tfds.features.Tensor(shape=shape, dtype=dtype, encoding="bytes")
    spec = {"id": tfds.features.Text(), "lab": pixels, "height": np.int64, "width": np.int64}
    if embedding_dimension:
        for name in embedding_names(settings):
            spec[name] = tfds.features.Tensor(shape=(embedding_dimension,), dtype=np.float16, encoding="bytes")
    if attribute_names:
        spec["attributes"] = tfds.features.Tensor(
            shape=(len(attribute_names),), dtype=np.int8, encoding="bytes", doc=", ".join(attribute_names)
        )
    if class_names:
        spec["label"] = tfds.features.ClassLabel(names=list(class_names))
    return tfds.features.FeaturesDict(spec)


def embedding_names(settings: Settings) -> tuple[str, ...]:
    """Names of the embedding features: of the picture, and of the mirrored picture with --embed_mirror."""
    if not settings.embedder:
        return ()
    return ("embedding", "embedding_mirror") if settings.embed_mirror else ("embedding",)


def encoder(tfds_features) -> Callable[[dict], bytes]:
    """A function from an example (a dict of values) to a record's bytes, the same bytes in every process."""
    import tensorflow_datasets as tfds

    serializer = tfds.core.ExampleSerializer(tfds_features.get_serialized_info())

    def encode(example: dict) -> bytes:
        message = serializer.get_tf_example(tfds_features.encode_example(example))
        return message.SerializeToString(deterministic=True)

    return encode


def stored_lab(packed: np.ndarray, encoding: str):
    """The packed Lab in the form `encoder` takes: the array itself, or a PNG file of it for lab8_png."""
    if encoding != "lab8_png":
        return packed
    png = io.BytesIO()
    Image.fromarray(packed).save(png, "PNG")
    png.seek(0)
    return png


def stored_pixels(stored: bytes, encoding: str, size: int) -> np.ndarray:
    """Inverse of `stored_lab`: a record's `lab` bytes as packed Lab, uint8 or int16 [size, size, 3]."""
    if encoding == "lab8_png":
        return np.asarray(Image.open(io.BytesIO(stored)))
    return np.frombuffer(stored, "<i2" if encoding == "lab16" else np.uint8).reshape(size, size, 3)


def find_png_defect(stored: bytes, size: int) -> str | None:
    """Why a record's `lab` bytes are no PNG file of a record of lab8_png; None where they are. Nothing is decoded that
    is larger than a record.
    """
    try:
        with Image.open(io.BytesIO(stored), formats=["PNG"]) as image:
            if image.size != (size, size) or image.mode != "RGB":
                return f"lab is a PNG file of {image.size[0]}x{image.size[1]}, {image.mode}; wanted {size}x{size}, RGB"
            image.load()
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        return f"lab is no whole PNG file ({type(error).__name__})"
    return None


def as_lab8(packed: np.ndarray, encoding: str) -> np.ndarray:
    """Packed Lab of any encoding as uint8 [..., 3] of lab8."""
    return packed if packed.dtype == np.uint8 else lab.pack(lab.unpack(packed, encoding), "lab8")


def decode_lab(stored: bytes, settings: Settings) -> np.ndarray:
    """A record's `lab` bytes as float32 [S, S, 3]: L* 0..100, a* and b* -128..127."""
    return lab.unpack(stored_pixels(stored, settings.encoding, settings.size), settings.encoding)


@functools.cache
def load_example() -> type:
    """The class of `tf.train.Example`, in a pool of its own.

    TensorFlow and the `tfrecord` package both register the message in protobuf's default pool, where the second of them
    ends with an error. This class goes beside either, so that a program with or without TensorFlow can read records.
    """
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format

    pool = descriptor_pool.DescriptorPool()
    pool.Add(text_format.Parse(_EXAMPLE, descriptor_pb2.FileDescriptorProto()))
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("tensorflow.Example"))


def parse_features(data: bytes, example_class: type | None = None) -> dict:
    """A record's features: bytes, numbers, or lists of them.

    Args:
      example_class: of the message; None: that of `load_example`.
    Raises:
      ValueError: it is no record.
    """
    from google.protobuf.message import DecodeError

    example = (example_class or load_example())()
    try:
        example.ParseFromString(data)
    except DecodeError as error:
        raise ValueError("no protobuf message of features") from error
    values = {}
    for name, feature in example.features.feature.items():
        kind = feature.WhichOneof("kind")
        value = list(getattr(feature, kind).value) if kind else []
        values[name] = value[0] if len(value) == 1 else value
    return values


def frame(record: bytes) -> bytes:
    """A record with TFRecord framing: length, its masked crc32c, the bytes, their masked crc32c."""
    length = struct.pack("<Q", len(record))
    return b"".join((length, masked_crc(length), record, masked_crc(record)))


def read_frames(file: BinaryIO) -> Iterator[bytes]:
    """The records of a TFRecord file, checksums checked.

    Raises:
      ValueError: saying which record, by number, is damaged and how.
    """
    number = 0
    while header := file.read(12):
        if len(header) < 12 or masked_crc(header[:8]) != header[8:]:
            raise ValueError(f"record {number}: its length is cut off or fails its checksum")
        (length,) = struct.unpack("<Q", header[:8])
        if length > _LONGEST:
            raise ValueError(f"record {number}: {length} bytes, wanted at most {_LONGEST}")
        body = file.read(length + 4)
        if len(body) < length + 4:
            raise ValueError(f"record {number}: the file ends inside it")
        if masked_crc(body[:-4]) != body[-4:]:
            raise ValueError(f"record {number}: its content fails its checksum")
        yield body[:-4]
        number += 1


def frame_places(file: BinaryIO, size: int) -> Iterator[tuple[int, int]]:
    """(offset, length) of each record's content in a TFRecord file of `size` bytes; only the framing is read.

    The whole frame begins `HEADER` bytes before the content and ends `FOOTER` bytes after it.

    Raises:
      ValueError: saying which record, by number, is damaged or cut off.
    """
    start, number = 0, 0
    while start < size:
        file.seek(start)
        header = file.read(HEADER)
        if len(header) < HEADER or masked_crc(header[:8]) != header[8:]:
            raise ValueError(f"record {number} is damaged or cut off")
        (length,) = struct.unpack("<Q", header[:8])
        if start + HEADER + length + FOOTER > size:
            raise ValueError(f"ends inside record {number}")
        yield start + HEADER, length
        start, number = start + HEADER + length + FOOTER, number + 1


def masked_crc(data: bytes) -> bytes:
    """TFRecord's checksum of `data`, 4 bytes."""
    crc = google_crc32c.value(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)
