"""LiteRT (TensorFlow Lite): a flatbuffer, and behind it a zip with tintmill.json, which is how LiteRT adds files.

ai-edge-litert runs the files: TensorFlow's own interpreter for them is going to be removed from TensorFlow.
"""

import contextlib
import os
import zipfile

from tintmill.model.export.formats import reading
from tintmill.model.export.formats.format import Format, Run
from tintmill.pipeline.common.tensorflow import without_chatter


class LiteRt(Format):
    """A .tflite file."""

    title = "LiteRT"
    description = "a .tflite file for LiteRT"
    suffix = ".tflite"
    runtime = "ai_edge_litert"
    stands_alone = True
    hub_library = "litert"
    program_imports = "from ai_edge_litert.interpreter import Interpreter"
    program = """\
network = Interpreter(MODEL).get_signature_runner("serving_default")
ab = network(grey=grey)["ab"][0]"""

    def recognise(self, path: str, head: bytes) -> bool:
        return head[4:] == b"TFL3"

    def write(self, network, path: str) -> None:
        import tensorflow as tf

        # Built-in operations only: TensorFlow's own are in no LiteRT runtime but TensorFlow's.
        operations = {"supported_ops": [tf.lite.OpsSet.TFLITE_BUILTINS]}
        network.export(path, format="litert", verbose=False, target_spec=operations)

    def write_metadata(self, path: str, text: str) -> None:
        reading.add_to_zip(path, text)

    def read_metadata(self, path: str) -> str:
        return reading.read_in_zip(path)

    def digests(self, path: str) -> dict[str, str]:
        length = None
        with contextlib.suppress(zipfile.BadZipFile), zipfile.ZipFile(path) as archive:
            length = min(entry.header_offset for entry in archive.infolist())
        return {"model": reading.file_sha256(path, length)}

    def load(self, path: str) -> Run:
        from ai_edge_litert.interpreter import Interpreter

        interpreter = Interpreter(model_path=path, num_threads=os.cpu_count())
        with without_chatter():  # said once, else in the middle of a progress bar
            interpreter.allocate_tensors()
        answer = interpreter.get_signature_runner("serving_default")
        return lambda inputs: dict(answer(grey=inputs["grey"]))
