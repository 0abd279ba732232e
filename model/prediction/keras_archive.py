"""What a .keras file may hold, checked before Keras opens it: a model may come from anywhere.

Keras' own `safe_mode` refuses Python code in a file. It leaves open what a file inflates to below 4 GiB, and which of
Keras' classes and functions a file names; some of these load other files, or fetch them.
"""

import re
import zipfile
from collections.abc import Iterator

from tintmill.pipeline.common import checked_json

_MEMBERS = ("metadata.json", "config.json", "model.weights.h5", "tintmill.json")
_EXPANSION = 20  # times its size in the file that a member may have; weights hardly shrink, and Keras stores them as is
_SMALL = 64 << 20  # bytes that a member may have in any case
_CLASSES = re.compile(
    r"keras|keras\.(layers|initializers|regularizers|constraints|activations)"
    r"|keras\.src\.(models\.(functional|sequential)|ops\.\w+|layers\.[\w.]+)"
)
_CODE = ("function", "Lambda", "TFSMLayer", "TorchModuleWrapper", "FlaxLayer", "JaxLayer")  # run what the file brings


def check_members(path: str) -> None:
    """Checks the table of a .keras file; nothing is inflated.

    Raises:
      ValueError: it has other members than Keras writes, or they inflate to far more than the file.
      zipfile.BadZipFile, OSError: it is no zip.
    """
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        odd = sorted(set(names) - set(_MEMBERS))
        if odd or len(names) != len(set(names)):
            found = checked_json.show(odd[0]) if odd else "one twice"
            raise ValueError(f"members of a .keras file are {', '.join(_MEMBERS)}; found {found}")
        for member in archive.infolist():
            if member.file_size > max(_SMALL, _EXPANSION * member.compress_size):
                raise ValueError(
                    f"{member.filename} has {member.compress_size} bytes and inflates to {member.file_size}"
                )


def check_classes(path: str) -> None:
    """Checks the classes that the network of a .keras file is made of: Keras' layers, and ours.

    Our classes must have been imported: they register themselves with Keras.

    Raises:
      ValueError: the file names another class, or one that runs code.
    """
    check_members(path)
    with zipfile.ZipFile(path) as archive:
        config = checked_json.parse(archive.read("config.json"), checked_json.anything, deepest=200)
    for module, name, registered in _list_classes(config):
        if not _is_known(module, name, registered):
            found = checked_json.show(f"{module}.{name}")
            raise ValueError(f"it names {found}, which is neither a layer of Keras nor of Tintmill; it is not loaded")


def _list_classes(value) -> Iterator[tuple[object, object, object]]:
    """(module, class, registered name) of each object that a configuration describes."""
    waiting = [value]
    while waiting:
        found = waiting.pop()
        if isinstance(found, dict):
            if "class_name" in found:
                yield found.get("module"), found["class_name"], found.get("registered_name")
            waiting += found.values()
        elif isinstance(found, list):
            waiting += found


def _is_known(module, name, registered) -> bool:
    import keras

    if not isinstance(name, str) or name in _CODE:
        return False
    if module is None:
        return name.startswith("__") and name.endswith("__")  # Keras' own marks: tensors, numbers, text
    if isinstance(registered, str) and ">" in registered:  # the package and the name of a class that was imported
        return keras.saving.get_registered_object(registered) is not None
    return isinstance(module, str) and _CLASSES.fullmatch(module) is not None
