"""The weights that a run begins with, where --init_from names some: a run's, a known model's, or those of a file.

A run that goes on from a checkpoint reads none of them.
"""

import dataclasses
import os

import numpy as np

from tintmill.pipeline.common.errors import TintmillError
from tintmill.trainer.run.settings import TrainSettings

_WANTED = (
    "wanted default or another name of `tintmill models`, a run directory, or a file: .keras, .weights.h5, or .onnx of "
    "`tintmill export --takes=lightness`"
)


@dataclasses.dataclass(frozen=True)
class InitialWeights:
    """Weights in Keras' order, float32, and the name of the network that they are of."""

    network: str
    arrays: list[np.ndarray]


def load_into(model, settings: TrainSettings) -> None:
    """Gives a new keras.Model the weights that `settings.init_from` names.

    Raises:
      TintmillError: there are no such weights, they are damaged, or they are of another network.
    """
    source = settings.init_from
    if source.endswith(".weights.h5"):
        try:
            model.load_weights(source)
        except (OSError, ValueError, KeyError) as error:
            raise _refuse(source, f"cannot be loaded ({str(error).splitlines()[0]})") from error
        return
    found = _read(source, settings.network)
    if found.network != settings.network:
        raise TintmillError(
            f"--init_from={source}: weights of the network {found.network}, the run's is {settings.network}; give "
            f"--network={found.network}"
        )
    _check_shapes(source, model, found.arrays)
    model.set_weights(found.arrays)


def _read(source: str, network: str) -> InitialWeights:
    if os.path.isdir(source):
        return _read_run(source)
    if source.endswith(".keras"):
        return _read_keras(source, network)
    from tintmill.model.colorizers.found import find_export, is_name

    if is_name(source):
        return _read_onnx(source, find_export(source).path)
    if not os.path.isfile(source):
        raise _refuse(source, "no such file or folder")
    return _read_onnx(source, source)


def _read_run(run: str) -> InitialWeights:
    from tintmill.model.prediction import saved_model

    model = saved_model.load_model(run)
    network = saved_model.TrainedFolder(run).read_settings()["network"]
    return InitialWeights(network, model.get_weights())


def _read_keras(path: str, network: str) -> InitialWeights:
    """A run's model.keras, or an export, in which the network is one of the layers."""
    import keras

    from tintmill.model.blocks import heads, hints, layers  # noqa: F401  they register what the file names
    from tintmill.model.export import one_picture  # noqa: F401  they register what the file names

    try:
        model = keras.saving.load_model(path, compile=False)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _refuse(path, f"cannot be loaded ({str(error).splitlines()[0]})") from error
    inside = [layer for layer in model.layers if isinstance(layer, keras.Model) and layer.name == network]
    found = inside[0] if inside else model
    return InitialWeights(found.name, found.get_weights())


def _read_onnx(source: str, path: str) -> InitialWeights:
    from tintmill.model.export import reader, weights

    export = reader.open_export(path)
    description = export.description
    if "weights" not in description:
        raise _refuse(source, f"takes a {description['takes']} picture, its weights cannot be told apart")
    export.check_whole()
    try:
        return InitialWeights(description["network"], weights.read(path, description["weights"]))
    except (KeyError, ValueError, TypeError) as error:
        raise _refuse(source, f"its weights cannot be read ({error!r})") from error


def _check_shapes(source: str, model, arrays: list[np.ndarray]) -> None:
    remedy = "give the --loss, --hints and other flags of the network that it was trained with"
    if len(arrays) != len(model.weights):
        raise TintmillError(
            f"--init_from={source}: {len(arrays)} weights, the run's network has {len(model.weights)}; {remedy}"
        )
    for weight, array in zip(model.weights, arrays, strict=True):
        if tuple(weight.shape) != array.shape:
            raise TintmillError(
                f"--init_from={source}: {weight.path} is {array.shape}, the run's network wants {tuple(weight.shape)}; "
                f"{remedy}"
            )


def _refuse(source: str, what: str) -> TintmillError:
    return TintmillError(f"--init_from={source}: {what}; {_WANTED}")
