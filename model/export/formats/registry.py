"""The formats of an exported network by name. A new one is a module of this package, and a line of `FORMATS`.

A file or folder of any of them holds the network and `tintmill.json`, which says what it is (`export.reader`). The
format of a file is told by its content, never by its name.
"""

import os

from tintmill.model.export.formats import reading
from tintmill.model.export.formats.format import Format
from tintmill.model.export.formats.keras_file import KerasFile
from tintmill.model.export.formats.litert import LiteRt
from tintmill.model.export.formats.onnx_file import OnnxFile
from tintmill.model.export.formats.saved_model import SavedModel

FORMATS: dict[str, Format] = {
    "keras": KerasFile(),
    "saved_model": SavedModel(),
    "onnx": OnnxFile(),
    "litert": LiteRt(),
}


def recognise(path: str) -> str | None:
    """The name of the format of a file or folder; None where it is of none of them."""
    if not os.path.exists(path):
        return None
    head = reading.first_bytes(path, reading.HEAD)
    return next((name for name, found in FORMATS.items() if found.recognise(path, head)), None)


def flag_help() -> str:
    """For the help of --format."""
    described = "; ".join(f"{name}: {found.description}" for name, found in FORMATS.items())
    dependent = ", ".join(name for name, found in FORMATS.items() if not found.stands_alone)
    return f"{described}. All but {dependent} stand alone."
