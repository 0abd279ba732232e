"""Keras' own file: a zip with the configuration and the weights, and tintmill.json as one member more."""

import os
import tempfile
import zipfile

import numpy as np

from tintmill.model.export.formats import reading
from tintmill.model.export.formats.format import Format, Run
from tintmill.model.prediction import keras_archive


class KerasFile(Format):
    """Keras' own file."""

    title = "Keras"
    description = "one .keras file, which takes Tintmill's classes to load"
    suffix = ".keras"
    runtime = "keras"
    stands_alone = False
    hub_library = "keras"
    program_imports = """\
import keras
from tintmill.model.blocks import heads, layers
from tintmill.model.export import one_picture  # Tintmill's classes, which the file names"""
    program = """\
network = keras.saving.load_model(MODEL, compile=False)
ab = np.asarray(network(grey)["ab"])[0]"""

    def recognise(self, path: str, head: bytes) -> bool:
        return head[:4] == b"PK\x03\x04"

    def write(self, network, path: str) -> None:
        network.save(path)

    def write_metadata(self, path: str, text: str) -> None:
        reading.add_to_zip(path, text)

    def read_metadata(self, path: str) -> str:
        return reading.read_in_zip(path)

    def digests(self, path: str) -> dict[str, str]:
        keras_archive.check_members(path)
        found = {}
        with zipfile.ZipFile(path) as archive:
            for name in sorted(set(archive.namelist()) - {reading.METADATA}):
                with archive.open(name) as f:
                    found[name] = reading.sha256(f)
        return found

    def load(self, path: str) -> Run:
        from tintmill.pipeline.common.tensorflow import import_tensorflow

        import_tensorflow()
        import keras

        from tintmill.model.blocks import heads, layers  # noqa: F401  they register what the file names
        from tintmill.model.export import one_picture  # noqa: F401  they register what the file names

        with tempfile.TemporaryDirectory() as folder:  # Keras loads by name
            named = os.path.join(folder, f"model{self.suffix}")
            os.symlink(os.path.abspath(path), named)
            keras_archive.check_classes(named)
            network = keras.saving.load_model(named, compile=False, safe_mode=True)
        return lambda inputs: {
            name: np.asarray(value) for name, value in network(inputs["grey"], training=False).items()
        }
