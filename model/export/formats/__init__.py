"""The formats of an exported network. A new one is a module here, and a line in FORMATS.

A file or folder of any of them holds the network and `tintmill.json`, which says what it is (`model/export/reader.py`).
Which format a file has is told by its content, never by its name.
"""

import os
from collections.abc import Callable
from typing import Protocol

import numpy as np

from tintmill.model.export.formats import keras_file, litert, onnx_file, saved_model

Run = Callable[[np.ndarray], dict[str, np.ndarray]]  # grey float32 [1, H, W, 1] -> "ab", and with bins "bins"


class Format(Protocol):
    """What a module of a format has. TITLE: its name; RUNTIME: the package that runs it; SUFFIX: how names must end."""

    TITLE: str
    RUNTIME: str
    SUFFIX: str

    def recognise(self, path: str) -> bool:
        """Whether the content is of this format."""

    def write(self, network, path: str) -> None:
        """Writes a `one_picture` network, a keras.Model, to a path that is free."""

    def write_metadata(self, path: str, text: str) -> None:
        """Adds the text of tintmill.json, once."""

    def read_metadata(self, path: str) -> str:
        """The text of tintmill.json. Raises one of `reading.DAMAGES` where there is none, or it is cut off."""

    def digests(self, path: str) -> dict[str, str]:
        """sha256 of everything but the metadata, by part. Raises one of `reading.DAMAGES`."""

    def load(self, path: str) -> Run:
        """The network, ready to run. Raises what its runtime raises."""


FORMATS: dict[str, Format] = {
    "keras": keras_file,
    "saved_model": saved_model,
    "onnx": onnx_file,
    "litert": litert,
}


def recognise(path: str) -> str | None:
    """The name of the format of a file or folder; None where it is of none of them."""
    if not os.path.exists(path):
        return None
    return next((name for name, module in FORMATS.items() if module.recognise(path)), None)
