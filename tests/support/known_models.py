"""Models that are known by a name, small enough to be made in a moment, without TensorFlow."""

import json
from pathlib import Path

import numpy as np
import pytest

from tintmill.model.builtin import install as installing
from tintmill.model.export import reader
from tintmill.model.export.formats.onnx_file import OnnxFile

DESCRIPTION = {
    "version": reader.TAKES["lightness"],
    "takes": "lightness",
    "inputs": ["l", "hints"],
    "network": "toy",
    "run": "toy-run",
    "framing": {"size": 32, "fit": "crop", "embed_record": False, "network_size": None},
    "embedder": None,
    "bins": True,
    "temperature": 0.38,
    "temperature_rise": 0.0,
    "parameters": 321,
    "multiply_adds": 654,
    "steps": 100,
    "dataset": {"name": "toys", "version": "1.0.0", "fingerprint": "0" * 64},
    "versions": {"tintmill": "0.2.0"},
    "format": "onnx",
    "ab_difference": 0.01,
}
CARD = "# toy\n\nA network.\n\n## Scores\n\nNot evaluated.\n\n## How to use it\n\nSo.\n"


def write_export(path: Path, strength: float = 0.2, card: str | None = CARD, **changes) -> Path:
    """A file of `tintmill export --format=onnx --takes=lightness`: a* and b* follow L* and the hints."""
    import onnx
    from onnx import helper, numpy_helper

    def matrix(name: str, values):
        return numpy_helper.from_array(np.asarray(values, np.float32), name)

    nodes = [
        helper.make_node("MatMul", ["l", "of_l"], ["from_l"]),
        helper.make_node("MatMul", ["hints", "of_hints"], ["from_hints"]),
        helper.make_node("Add", ["from_l", "from_hints"], ["ab"]),
        helper.make_node("Slice", ["l", "begin", "end", "axes", "step"], ["half"]),
        helper.make_node("MatMul", ["half", "of_half"], ["bins"]),
    ]
    weights = [
        matrix("of_l", [[strength, -strength]]),
        matrix("of_hints", [[1, 0], [0, 1], [0, 0]]),
        matrix("of_half", np.linspace(-9, 9, 313)[None]),
        *(numpy_helper.from_array(np.int64(value), name) for name, value in _SLICE.items()),
    ]
    inputs = [_tensor("l", 1), _tensor("hints", 3)]
    graph = helper.make_graph(nodes, "toy", inputs, [_tensor("ab", 2), _tensor("bins", 313)], weights)
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), str(path))
    file = OnnxFile()
    file.write_metadata(str(path), json.dumps(DESCRIPTION | {"parts": file.digests(str(path))} | changes))
    if card is not None:
        Path(f"{path}.MODEL_CARD.md").write_text(card)
    return path


_SLICE = {"begin": [0, 0], "end": [1 << 30, 1 << 30], "axes": [1, 2], "step": [2, 2]}


def _tensor(name: str, channels: int):
    from onnx import TensorProto, helper

    return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["b", f"{name}_h", f"{name}_w", channels])


def install(folder: Path, name: str = "default", version: str = "7", strength: float = 0.2) -> dict[str, str]:
    """Installs a model below `folder`, as a user does; returns the environment in which commands know it."""
    env = {"XDG_DATA_HOME": str(folder)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(folder))
        folder.mkdir(exist_ok=True)
        source = write_export(folder / f"{name}.onnx", strength)
        installing.install(installing.Installation(str(source), name, version))
    return env
