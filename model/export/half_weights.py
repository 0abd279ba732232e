"""An ONNX file with its weights in float16, half as large; it computes in float32 as before.

Each weight is followed by a Cast to float32, which a runtime does once, when it loads the file. A weight keeps 11
significant bits; that changes colours by hundredths of a* and b*.
"""

import numpy as np

from tintmill.pipeline.common.errors import TintmillError

_LEAST = 64  # values: smaller tensors are sizes and scales, which cost nothing and may need all their bits


def halve(path: str) -> int:
    """Rewrites an ONNX file in place; returns how many tensors are now float16."""
    import onnx

    model = onnx.load(path)
    casts = []
    for tensor in model.graph.initializer:
        if tensor.data_type == onnx.TensorProto.FLOAT and np.prod(tensor.dims) >= _LEAST:
            casts.append(_halve_tensor(tensor))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    onnx.save(model, path)
    return len(casts)


def _halve_tensor(tensor):
    """Makes an initializer float16 under another name; returns the node that gives its value under the old one.

    Raises:
      TintmillError: a value is beyond the range of float16.
    """
    from onnx import TensorProto, helper, numpy_helper

    name = tensor.name
    with np.errstate(over="ignore"):
        half = numpy_helper.to_array(tensor).astype(np.float16)
    if not np.isfinite(half).all():
        raise TintmillError(f"--half_weights: the weights {name} are beyond the range of float16; leave the flag out")
    tensor.CopyFrom(numpy_helper.from_array(half, f"{name}_half"))
    return helper.make_node("Cast", [tensor.name], [name], to=TensorProto.FLOAT)
