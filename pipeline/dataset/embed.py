"""Embedding grey pictures with a classification network of `keras.applications`.

Two things broke other systems silently and cannot happen here: the input is made from the GREY picture (colour would
leak the answer), and preprocessing takes 0..255 (a picture in 0..1 is black to these networks).

Bits: an embedding changes in its last bits with batch size and thread count, not with its neighbours or with zero
padding. So batches are always `BATCH` pictures, the tail padded, and TensorFlow computes on one thread.
"""

import functools
import hashlib
import os

import numpy as np

from tintmill.pipeline.common.errors import TintmillError, WrongFlagError
from tintmill.pipeline.common.tensorflow import import_tensorflow
from tintmill.pipeline.dataset.identity import EmbedderIdentity
from tintmill.pipeline.dataset.networks import LAYERS, NETWORKS
from tintmill.pipeline.dataset.settings import NAMED_WEIGHTS, EmbedderSettings, weights_label
from tintmill.pipeline.imaging import photo

BATCH = 8
PREPROCESSING = "grey sRGB uint8, three equal channels, x / 127.5 - 1"


def check(settings: EmbedderSettings) -> None:
    """Raises TintmillError where the settings name no embedder; loads nothing."""
    if settings.name not in NETWORKS:
        raise WrongFlagError(f"--embedder={settings.name}: wanted one of {', '.join(NETWORKS)} or none")
    if settings.layer not in LAYERS:
        raise WrongFlagError(f"--embedder_layer={settings.layer}: wanted one of {', '.join(LAYERS)}")
    if settings.weights not in NAMED_WEIGHTS and not os.path.isfile(settings.weights):
        raise TintmillError(
            f"--embedder_weights={settings.weights}: no such file; wanted {', '.join(NAMED_WEIGHTS)} or a file"
        )


def find_dimension(settings: EmbedderSettings) -> int:
    """Length E of the embedding."""
    network = NETWORKS[settings.name]
    return network.pooled if settings.layer == "pooled" else network.classes


def frame_view(grey, fit: str, settings: EmbedderSettings) -> np.ndarray:
    """The grey picture as the embedder sees it: the record's framing, at the embedder's size.

    Args:
      grey: PIL image, mode L, at the original's size.
    Returns:
      uint8 [S, S].
    """
    return photo.fit(grey, NETWORKS[settings.name].side, fit)


class Embedder:
    """A loaded network. Call it with grey views; `identity` says which network it is; `network` is the keras.Model.

    Args:
      batch: pictures a forward pass, the tail padded. An embedding's last bits depend on it; datasets take `BATCH`.
    """

    def __init__(self, settings: EmbedderSettings, batch: int = BATCH):
        check(settings)
        self.settings, self._batch = settings, batch
        self.side = NETWORKS[settings.name].side
        self.network = _build(settings)
        self._forward = _compile(self.network, self.side, batch)

    def __call__(self, views: np.ndarray) -> np.ndarray:
        """Embeds grey views.

        Args:
          views: uint8 [N, S, S], 0..255.
        Returns:
          float16 [N, E].
        Raises:
          TypeError: for other dtypes or shapes; floats in 0..1 would be a black picture to the network.
        """
        if views.dtype != np.uint8 or views.shape[1:] != (self.side, self.side):
            wanted = f"uint8 [N, {self.side}, {self.side}]"
            raise TypeError(f"views are {views.dtype} {views.shape}, wanted {wanted}")
        parts = [self._embed_batch(views[i : i + self._batch]) for i in range(0, len(views), self._batch)]
        return np.concatenate(parts) if parts else np.zeros((0, find_dimension(self.settings)), np.float16)

    def _embed_batch(self, views: np.ndarray) -> np.ndarray:
        padded = np.zeros((self._batch, self.side, self.side), np.uint8)
        padded[: len(views)] = views
        return np.asarray(self._forward(padded))[: len(views)].astype(np.float16)

    @functools.cached_property
    def identity(self) -> EmbedderIdentity:
        """Which network it is, with the embedding of `golden_view` as the proof."""
        return EmbedderIdentity(
            name=self.settings.name,
            layer=self.settings.layer,
            weights=weights_label(self.settings.weights),
            weights_sha256=_weights_sha256(self.network),
            preprocessing=PREPROCESSING,
            side=self.side,
            dimension=find_dimension(self.settings),
            golden_vector=tuple(float(v) for v in self(golden_view(self.side)[None])[0]),
        )


@functools.lru_cache(maxsize=2)
def load(settings: EmbedderSettings) -> Embedder:
    """The embedder, loaded once a process."""
    return Embedder(settings)


def golden_view(side: int) -> np.ndarray:
    """A fixed synthetic grey picture, uint8 [side, side]: waves of several lengths, no two rows alike."""
    y, x = np.mgrid[0:side, 0:side].astype(np.float64)
    waves = np.sin(x / 7.0) + np.sin(y / 11.0) + np.sin((x * y) / 997.0)
    return np.rint((waves + 3.0) / 6.0 * 255.0).astype(np.uint8)


def limit_threads() -> None:
    """One TensorFlow thread in this process; must be called before TensorFlow computes anything.

    Raises:
      TintmillError: TensorFlow already runs with more threads, so that embedding bits would differ.
    """
    tf = import_tensorflow()
    try:
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    except RuntimeError as error:
        if tf.config.threading.get_intra_op_parallelism_threads() != 1:
            raise TintmillError("TensorFlow was started with several threads before embedding began") from error


def _build(settings: EmbedderSettings):
    import_tensorflow()
    import keras

    application = getattr(keras.applications, NETWORKS[settings.name].application)
    activation = "softmax" if settings.layer == "probabilities" else None
    weights = "imagenet" if settings.weights == "imagenet" else None
    keras.utils.set_random_seed(0)  # `random` must be the same network in every process
    try:
        model = application(include_top=True, weights=weights, classifier_activation=activation)
        if settings.weights not in NAMED_WEIGHTS:
            model.load_weights(settings.weights)
    except Exception as error:  # download, HDF5 and shape errors have no common type
        raise TintmillError(
            f"--embedder_weights={settings.weights}: cannot load weights for {settings.name}: {_first_line(error)}; "
            "wanted network access, --embedder_weights=FILE of this network, --embedder_weights=random, or "
            "--embedder=none for networks that want no embedding"
        ) from error
    if settings.weights == "random":
        keep_signal(model, NETWORKS[settings.name].random_variance)
    if settings.layer == "pooled":
        pooling = [layer for layer in model.layers if isinstance(layer, keras.layers.GlobalAveragePooling2D)]
        model = keras.Model(model.input, pooling[-1].output)
    if settings.weights == "zeros":  # the vector that says nothing: to learn whether an embedding helps
        model = keras.Model(model.input, keras.layers.Rescaling(0.0)(model.output))
    model.trainable = False
    return model


def keep_signal(model, variance: float) -> None:
    """Sets what the normalisation layers of random weights divide by; see `Network`."""
    import keras

    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.moving_variance.assign(np.full(layer.moving_variance.shape, variance, np.float32))


def _compile(model, side: int, batch: int):
    tf = import_tensorflow()

    @tf.function(input_signature=[tf.TensorSpec([batch, side, side], tf.uint8)])
    def forward(views):
        grey = tf.cast(views, tf.float32) / 127.5 - 1.0
        return model(tf.repeat(grey[..., None], 3, axis=-1), training=False)

    return forward


def _weights_sha256(model) -> str:
    digest = hashlib.sha256()
    for variable in model.variables:
        value = np.asarray(variable.value)
        digest.update(f"{value.shape}{value.dtype}".encode())
        digest.update(value.tobytes())
    return digest.hexdigest()


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
