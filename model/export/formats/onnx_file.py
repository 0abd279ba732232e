"""ONNX: a protobuf message; tintmill.json is an entry of its metadata_props, the message's last field.

The message's outermost fields are read here, without the `onnx` package: to colour takes onnxruntime alone, and what a
file is can be told without loading it.
"""

import io
import os
import warnings
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

import numpy as np

from tintmill.model.export.formats import reading
from tintmill.model.export.formats.format import Format, Run

_IR_VERSION, _GRAPH, _METADATA_PROPS = 1, 7, 14  # fields of onnx.ModelProto
_INITIALIZER = 5  # field of onnx.GraphProto
_DATA_TYPE, _TENSOR_NAME, _RAW = 2, 8, 9  # fields of onnx.TensorProto
_TYPES = {1: np.dtype("<f4"), 10: np.dtype("<f2")}  # of onnx.TensorProto.DataType
_KEY, _VALUE = 1, 2  # fields of onnx.StringStringEntryProto
_VARINT, _LENGTH = 0, 2  # protobuf's wire types; ModelProto has no other
_EXTERNAL = b"location"  # onnx.TensorProto.external_data
_MOST = 1 << 24  # bytes of a field that is read whole


class _Field(NamedTuple):
    number: int
    start: int  # of the field, its tag included
    content: int  # where its content begins
    end: int


class OnnxFile(Format):
    """A .onnx file."""

    title = "ONNX"
    description = "for onnxruntime"
    suffix = ".onnx"
    runtime = "onnxruntime"
    stands_alone = True
    hub_library = "onnx"
    program_imports = "import onnxruntime"
    program = """\
network = onnxruntime.InferenceSession(MODEL)
ab = network.run(["ab"], {"grey": grey})[0][0]"""

    def recognise(self, path: str, head: bytes) -> bool:
        if not head.startswith(bytes([_IR_VERSION << 3 | _VARINT])):
            return False
        with open(path, "rb") as f:
            return any(field.number == _GRAPH for field in _fields(f, os.path.getsize(path), cut=True))

    def write(self, network, path: str) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # of Keras' own code for tf2onnx
            network.export(path, format="onnx", verbose=False)

    def write_metadata(self, path: str, text: str) -> None:
        entry = _encode(_KEY, reading.METADATA.encode()) + _encode(_VALUE, text.encode())
        with open(path, "ab") as f:  # messages that follow each other are one message
            f.write(_encode(_METADATA_PROPS, entry))

    def read_metadata(self, path: str) -> str:
        found = _find_metadata(path)
        if not found:
            raise KeyError(reading.METADATA)
        return found[1]

    def digests(self, path: str) -> dict[str, str]:
        found = _find_metadata(path)
        return {"model": reading.file_sha256(path, found and found[0].start)}

    def load(self, path: str) -> Run:
        import onnxruntime

        _refuse_external_data(path)
        options = onnxruntime.SessionOptions()
        # Threads that wait for work in a loop take twice the CPU time, and make nothing faster here.
        options.log_severity_level = 3  # it warns of weights that are kept for training alone
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        providers = onnxruntime.get_available_providers()
        session = onnxruntime.InferenceSession(path, options, providers=providers)
        names = [output.name for output in session.get_outputs()]
        return lambda inputs: dict(zip(names, session.run(names, inputs), strict=True))


def read_initializers(path: str) -> dict[str, np.ndarray]:
    """The tensors of float32 and float16 of a file by name, flat."""
    found = {}
    with open(path, "rb") as f:
        for field in _fields(f, os.path.getsize(path), cut=True):
            if field.number == _GRAPH:
                f.seek(field.content)
                for part in list(_fields(f, field.end)):
                    if part.number == _INITIALIZER:
                        f.seek(part.content)
                        found |= _read_tensor(f.read(part.end - part.content))
                f.seek(field.end)
    return found


def _read_tensor(data: bytes) -> dict[str, np.ndarray]:
    """{name: values}; nothing of a tensor of another type, or one that holds its values in another field."""
    f, parts, kind = io.BytesIO(data), {}, None
    for field in _fields(f, len(data)):
        if field.number == _DATA_TYPE:
            kind = data[field.start + 1]
        parts[field.number] = data[field.content : field.end]
    if kind not in _TYPES or _RAW not in parts:
        return {}
    return {parts[_TENSOR_NAME].decode(): np.frombuffer(parts[_RAW], _TYPES[kind])}


def _refuse_external_data(path: str) -> None:
    """Raises ValueError where tensors lie in other files: these could be any. What we export is one file.

    Each such tensor names its file under the key "location", in whichever of the graph's parts it is.
    """
    last = b""
    with open(path, "rb") as f:
        while data := f.read(_MOST):
            if _EXTERNAL in last + data:
                raise ValueError("it names other files for its tensors; wanted one file that holds all")
            last = data[-len(_EXTERNAL) :]


def _find_metadata(path: str) -> tuple[_Field, str] | None:
    with open(path, "rb") as f:
        for field in _fields(f, os.path.getsize(path), cut=True):
            if field.number == _METADATA_PROPS and field.end - field.content < _MOST:
                entry = _read_entry(f, field)
                if entry.get(_KEY) == reading.METADATA.encode() and _VALUE in entry:
                    return field, entry[_VALUE].decode()
    return None


def _read_entry(f: BinaryIO, field: _Field) -> dict[int, bytes]:
    parts, place = {}, f.tell()
    f.seek(field.content)
    for part in list(_fields(f, field.end)):
        f.seek(part.content)
        parts[part.number] = f.read(part.end - part.content)
    f.seek(place)
    return parts


def _fields(f: BinaryIO, end: int, cut: bool = False) -> Iterator[_Field]:
    """The fields of a message that ends at `end`, as far as it is whole; `cut`: the last may reach beyond it."""
    while (start := f.tell()) < end:
        tag, size = _varint(f), 0
        if tag is None or tag & 7 not in (_VARINT, _LENGTH) or (size := _varint(f)) is None:
            return
        content = f.tell()
        stop = content + (size if tag & 7 == _LENGTH else 0)
        if stop > end and not cut:
            return
        yield _Field(tag >> 3, start, content, min(stop, end))
        f.seek(stop)


def _varint(f: BinaryIO) -> int | None:
    value = 0
    for shift in range(0, 70, 7):
        byte = f.read(1)
        if not byte:
            return None
        value |= (byte[0] & 127) << shift
        if byte[0] < 128:
            return value
    return None


def _encode(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | _LENGTH]) + _encode_varint(len(content)) + content


def _encode_varint(value: int) -> bytes:
    encoded = b""
    while value > 127:
        encoded += bytes([value & 127 | 128])
        value >>= 7
    return encoded + bytes([value])
