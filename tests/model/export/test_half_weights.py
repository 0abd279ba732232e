"""ONNX files with float16 weights."""

import os

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from tintmill.model.export import half_weights
from tintmill.pipeline.common.errors import TintmillError


def write_product(path, weights: np.ndarray) -> str:
    """An ONNX file that multiplies a vector by a matrix and adds a small bias."""
    bias = np.full(weights.shape[1], 1 / 3, np.float32)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["product"]), helper.make_node("Add", ["product", "b"], ["y"])],
        "product",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, weights.shape[0]])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, weights.shape[1]])],
        [numpy_helper.from_array(weights, "w"), numpy_helper.from_array(bias, "b")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return str(path)


@pytest.fixture
def weights() -> np.ndarray:
    return np.random.default_rng(0).normal(0, 1, (200, 50)).astype(np.float32)


def answer(path: str, x: np.ndarray) -> np.ndarray:
    return onnxruntime.InferenceSession(path).run(["y"], {"x": x})[0]


def test_a_halved_file_is_half_as_large_and_answers_the_same(tmp_path, weights):
    path = write_product(tmp_path / "whole.onnx", weights)
    x = np.random.default_rng(1).normal(0, 1, (1, 200)).astype(np.float32)
    size, wanted = os.path.getsize(path), answer(path, x)
    assert half_weights.halve(path) == 1
    assert os.path.getsize(path) < 0.52 * size
    np.testing.assert_allclose(answer(path, x), wanted, atol=0.02)


def test_it_computes_in_float32(tmp_path, weights):
    """Else the sum of many products would lose its last digits: a weight that is a half number keeps its answer."""
    exact = weights.astype(np.float16).astype(np.float32)
    path = write_product(tmp_path / "exact.onnx", exact)
    x = np.random.default_rng(1).normal(0, 1, (1, 200)).astype(np.float32)
    wanted = answer(path, x)
    half_weights.halve(path)
    np.testing.assert_allclose(answer(path, x), wanted, atol=1e-5)


def test_a_weight_beyond_float16_is_refused(tmp_path, weights):
    path = write_product(tmp_path / "large.onnx", 1e6 * weights)
    with pytest.raises(TintmillError, match="--half_weights: the weights w are beyond the range of float16"):
        half_weights.halve(path)
