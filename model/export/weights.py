"""A network's weights in an ONNX file, by their order in Keras, so that training can go on from them.

A converter renames weights, transposes and reshapes them. `locate` finds each again by its values, and adds those that
the converter changed. `read` needs no package beside NumPy.
"""

import dataclasses
import itertools

import numpy as np

from tintmill.model.export.formats.onnx_file import read_initializers


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a weight is in the file.

    Attributes:
      name: of the tensor; `half_weights` adds its suffix.
      shape: of the weight in Keras.
      axes: the weight's axes in the order in which the tensor holds them.
    """

    name: str
    shape: tuple[int, ...]
    axes: tuple[int, ...]

    def restore(self, values: np.ndarray) -> np.ndarray:
        """The weight, float32 of `shape`, of the tensor's values in any shape."""
        turned = np.asarray(values, np.float32).reshape([self.shape[axis] for axis in self.axes])
        return turned.transpose(np.argsort(self.axes))


def locate(path: str, weights: list[np.ndarray]) -> list[dict]:
    """Finds all weights in an ONNX file, and adds those that are not there as they are.

    Args:
      weights: float32, in Keras' order.
    Returns:
      `Place` of each, as JSON values.
    """
    import onnx
    from onnx import numpy_helper

    model = onnx.load(path)
    tensors: dict[int, list[tuple[str, np.ndarray]]] = {}
    for tensor in model.graph.initializer:
        if tensor.data_type == onnx.TensorProto.FLOAT:
            values = numpy_helper.to_array(tensor)
            tensors.setdefault(values.size, []).append((tensor.name, values))
    places = []
    for number, weight in enumerate(weights):
        place = _find(weight, tensors.get(weight.size, []))
        if place is None:
            place = Place(f"keras_weight_{number}", weight.shape, tuple(range(weight.ndim)))
            model.graph.initializer.append(numpy_helper.from_array(weight, place.name))
        places.append(dataclasses.asdict(place))
    onnx.save(model, path)
    return places


def _find(weight: np.ndarray, tensors: list[tuple[str, np.ndarray]]) -> Place | None:
    for axes in itertools.permutations(range(weight.ndim)):
        turned = weight.transpose(axes).ravel()
        for name, values in tensors:
            if np.array_equal(turned, values.ravel()):
                return Place(name, weight.shape, axes)
    return None


def read(path: str, places: list[dict]) -> list[np.ndarray]:
    """The weights in Keras' order, float32.

    Args:
      places: of `locate`.
    Raises:
      KeyError, ValueError, TypeError: the file does not hold them so.
    """
    tensors = read_initializers(path)
    found = []
    for values in places:
        place = Place(values["name"], tuple(values["shape"]), tuple(values["axes"]))
        name = place.name if place.name in tensors else f"{place.name}_half"
        found.append(place.restore(tensors[name]))
    return found
