"""TensorFlow's SavedModel: a folder; tintmill.json is in `assets.extra/`, which is kept for what users add."""

import os

from tintmill.model.export.formats import reading, saved_model_graph
from tintmill.model.export.formats.format import Format, Run
from tintmill.pipeline.common import files
from tintmill.pipeline.common.tensorflow import import_tensorflow

_METADATA = f"assets.extra/{reading.METADATA}"


class SavedModel(Format):
    """A folder."""

    title = "SavedModel"
    description = "a folder for TensorFlow"
    suffix = ""
    runtime = "tensorflow"
    stands_alone = True
    hub_library = "tensorflow"
    program_imports = "import tensorflow as tf"
    program = """\
network = tf.saved_model.load(MODEL).signatures["serving_default"]
ab = network(grey=tf.constant(grey))["ab"].numpy()[0]"""

    def recognise(self, path: str, head: bytes) -> bool:
        return os.path.isfile(os.path.join(path, "saved_model.pb"))

    def write(self, network, path: str) -> None:
        network.export(path, format="tf_saved_model", verbose=False)

    def write_metadata(self, path: str, text: str) -> None:
        os.makedirs(os.path.join(path, os.path.dirname(_METADATA)), exist_ok=True)
        files.write(os.path.join(path, _METADATA), text)

    def read_metadata(self, path: str) -> str:
        return files.read(os.path.join(path, _METADATA), largest=reading.LARGEST).decode()

    def digests(self, path: str) -> dict[str, str]:
        parts = {entry.name: entry.path for entry in files.list_files(path) if entry.name != _METADATA}
        return {name: reading.file_sha256(part) for name, part in parts.items()}

    def load(self, path: str) -> Run:
        tf = import_tensorflow()
        saved_model_graph.check(path)
        loaded = tf.saved_model.load(path)
        answer = loaded.signatures["serving_default"]
        return lambda inputs: {name: value.numpy() for name, value in answer(grey=tf.constant(inputs["grey"])).items()}
