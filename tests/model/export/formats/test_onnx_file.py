"""An ONNX file of others names no other file."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from tintmill.model.export.formats.registry import FORMATS


def make_weights(location: str | None) -> TensorProto:
    """Two numbers, inside the file or, where `location` is a name, in another one."""
    if location is None:
        return helper.make_tensor("w", TensorProto.FLOAT, [2], [1.0, 2.0])
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[2], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value=location)
    return tensor


def write(path, location: str | None, is_constant: bool) -> str:
    """A network that adds two numbers, which are an initializer or the attribute of an operation."""
    weights = make_weights(location)
    constants = [helper.make_node("Constant", [], ["w"], value=weights)] if is_constant else []
    graph = helper.make_graph(
        [*constants, helper.make_node("Add", ["grey", "w"], ["ab"])],
        "adds",
        [helper.make_tensor_value_info("grey", TensorProto.FLOAT, [2])],
        [helper.make_tensor_value_info("ab", TensorProto.FLOAT, [2])],
        [] if is_constant else [weights],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    return str(path)


@pytest.mark.parametrize("is_constant", [False, True])
def test_a_file_that_holds_its_weights_is_run(tmp_path, is_constant):
    run = FORMATS["onnx"].load(write(tmp_path / "whole.onnx", None, is_constant))
    assert run({"grey": np.zeros(2, np.float32)})["ab"].tolist() == [1.0, 2.0]


@pytest.mark.parametrize("location", ["weights.bin", "../secret.bin", "/etc/hostname"])
@pytest.mark.parametrize("is_constant", [False, True])
def test_a_file_whose_weights_are_in_another_file_is_refused(tmp_path, location, is_constant):
    np.array([3.0, 4.0], np.float32).tofile(tmp_path / "weights.bin")
    path = write(tmp_path / "part.onnx", location, is_constant)
    assert onnx.load(path, load_external_data=False).graph.name == "adds"
    with pytest.raises(ValueError, match="it names other files for its tensors"):
        FORMATS["onnx"].load(path)
