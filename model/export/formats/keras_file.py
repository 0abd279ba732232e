"""Keras' own file: a zip with the configuration and the weights, and tintmill.json as one member more."""

import os
import tempfile
import zipfile

import numpy as np

from tintmill.model.export.formats import reading

# Its metadata is a member of a zip.
write_metadata, read_metadata = reading.add_to_zip, reading.read_in_zip
TITLE, RUNTIME, SUFFIX = "Keras", "keras", ".keras"


def recognise(path: str) -> bool:
    return reading.first_bytes(path, 4) == b"PK\x03\x04"


def write(network, path: str) -> None:
    network.save(path)


def digests(path: str) -> dict[str, str]:
    found = {}
    with zipfile.ZipFile(path) as archive:
        for name in sorted(set(archive.namelist()) - {reading.METADATA}):
            with archive.open(name) as f:
                found[name] = reading.sha256(f)
    return found


def load(path: str):
    from tintmill.pipeline.common.tensorflow import import_tensorflow

    import_tensorflow()
    import keras

    from tintmill.model.blocks import heads, layers  # noqa: F401  they register what the file names
    from tintmill.model.export import one_picture  # noqa: F401  they register what the file names

    with tempfile.TemporaryDirectory() as folder:  # Keras loads by name
        named = os.path.join(folder, f"model{SUFFIX}")
        os.symlink(os.path.abspath(path), named)
        network = keras.saving.load_model(named, compile=False)
    return lambda grey: {name: np.asarray(value) for name, value in network(grey, training=False).items()}
