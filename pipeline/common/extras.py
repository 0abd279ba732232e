"""What `pip install tintmill` leaves out, and the line that installs it.

Colouring needs none of it. setup.py has the same extras; a test compares the two.
"""

import importlib.metadata
import json
import os
from urllib.parse import unquote, urlsplit

from tintmill.pipeline.common.errors import TintmillError

# Module that is imported: the extra of Tintmill that installs it. Modules of one distribution may be of two extras.
EXTRA_OF = {
    "apache_beam": "prepare",
    "array_record": "convert",
    "pyarrow": "convert",
    "tensorflow_datasets": "prepare",
    "tfrecord": "prepare",
    "keras": "train",
    "matplotlib": "train",
    "tensorboard": "train",
    "tensorflow": "train",
    "google.api_core": "cloud",
    "google.auth": "cloud",
    "google.cloud": "cloud",
    "google.cloud.dataflow_v1beta3": "dataflow",
    "ai_edge_litert": "export",
    "onnx": "export",
    "tf2onnx": "export",
    "av": "video",
}


def find_extra(module: str) -> str | None:
    """The extra that installs a module; None where it is part of what is always installed."""
    while module:
        if module in EXTRA_OF:
            return EXTRA_OF[module]
        module = module.rpartition(".")[0]
    return None


def install_line(extra: str | None) -> str:
    """What to type to install an extra from where this Tintmill came from; None: what is always installed."""
    return f"pip install '{_origin()}{f'[{extra}]' if extra else ''}'"


def explain_missing(error: ModuleNotFoundError) -> TintmillError | None:
    """The line for a module of an extra that is not installed; None for other modules."""
    extra = find_extra(error.name or "")
    if not extra:
        return None
    return TintmillError(
        f"this needs the package {error.name.partition('.')[0]}, which is not installed; wanted the extra {extra}: "
        f"{install_line(extra)}"
    )


def _origin() -> str:
    """The file or folder that pip installed Tintmill from, or its name where that was an index."""
    try:
        text = importlib.metadata.distribution("tintmill").read_text("direct_url.json")
    except importlib.metadata.PackageNotFoundError:
        text = None
    url = urlsplit(json.loads(text)["url"] if text else "")
    path = unquote(url.path)
    return path if url.scheme == "file" and os.path.exists(path) else "tintmill"
