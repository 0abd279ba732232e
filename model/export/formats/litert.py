"""LiteRT (TensorFlow Lite): a flatbuffer, and behind it a zip with tintmill.json, which is how LiteRT adds files.

ai-edge-litert runs the files: TensorFlow's own interpreter for them is going to be removed from TensorFlow.
"""

import contextlib
import os
import zipfile

from tintmill.model.export.formats import reading
from tintmill.pipeline.common.tensorflow import without_chatter

# Its metadata is a member of a zip.
write_metadata, read_metadata = reading.add_to_zip, reading.read_in_zip
TITLE, RUNTIME, SUFFIX = "LiteRT", "ai_edge_litert", ".tflite"


def recognise(path: str) -> bool:
    return reading.first_bytes(path, 8)[4:] == b"TFL3"


def write(network, path: str) -> None:
    import tensorflow as tf

    # Built-in operations only: TensorFlow's own are in no LiteRT runtime but TensorFlow's.
    operations = {"supported_ops": [tf.lite.OpsSet.TFLITE_BUILTINS]}
    network.export(path, format="litert", verbose=False, target_spec=operations)


def digests(path: str) -> dict[str, str]:
    length = None
    with contextlib.suppress(zipfile.BadZipFile), zipfile.ZipFile(path) as archive:
        length = min(entry.header_offset for entry in archive.infolist())
    return {"model": reading.file_sha256(path, length)}


def load(path: str):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=path, num_threads=os.cpu_count())
    with without_chatter():  # said once, else in the middle of a progress bar
        interpreter.allocate_tensors()
    answer = interpreter.get_signature_runner("serving_default")
    return lambda grey: dict(answer(grey=grey))
