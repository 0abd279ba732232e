"""The Frechet distance of two sets of pictures: of the Gaussians that fit a classifier's features of them.

    |m1 - m2|^2 + Tr(S1 + S2 - 2 (S1 S2)^(1/2))

With means m and covariances S of the pooled features (Heusel et al. 2017). The networks are those of
keras.applications. Published FIDs come from other weights (the Inception of 2015 with 1008 classes) and other resizing:
a distance is comparable with those of the same network, weights and number of pictures alone.
"""

import dataclasses
import hashlib

import numpy as np
from PIL import Image

from tintmill.pipeline.common import files
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.dataset import embed
from tintmill.pipeline.imaging import photo


@dataclasses.dataclass(frozen=True)
class Network:
    """A network's input side in pixels, its number of pooled features, and as `embed.Network.random_variance`."""

    side: int
    dimension: int
    random_variance: float


NETWORKS = {"inception_v3": Network(299, 2048, 0.5), "mobilenet_v2": Network(224, 1280, 0.1)}


class Features:
    """A loaded network. Call it with uint8 pictures [H, W, 3] of any sizes; returns float32 [N, D]."""

    def __init__(self, name: str, weights: str):
        """Loads a network.

        Args:
          name: of `NETWORKS`.
          weights: `random` (always the same), or a weights file with or without the classifier.
        Raises:
          TintmillError: the weights cannot be had.
        """
        import keras

        from tintmill.model.blocks import encoders

        if weights == "imagenet":
            raise TintmillError(
                "--frechet_weights=imagenet: wanted the file, so that its hash can be named, or random; Keras keeps "
                "what it downloads in ~/.keras/models"
            )
        self.name, self.weights, self._network = name, weights, NETWORKS[name]
        keras.utils.set_random_seed(0)  # `random` must be the same network in every process
        body = encoders.load(name, weights, "frechet_weights", (self._network.side, self._network.side, 3))
        if weights == "random":
            embed.keep_signal(body, self._network.random_variance)
        self._model = keras.Model(body.input, keras.layers.GlobalAveragePooling2D(dtype="float32")(body.output))

    def __call__(self, pictures: list[np.ndarray]) -> np.ndarray:
        views = [photo.fit(Image.fromarray(picture), self._network.side, "squash") for picture in pictures]
        return self._model.predict_on_batch(np.stack(views).astype(np.float32) / 127.5 - 1)

    def describe(self, pictures: int) -> str:
        """For the protocol card: network, weights, resizing, and what a reader must know of the number of pictures."""
        side, dimension = self._network.side, self._network.dimension
        said = (
            f"{self.name} of keras.applications, pooled features [{dimension}], {weights_text(self.weights)}; pictures "
            f"squashed to {side}x{side} by antialiased bicubic, x / 127.5 - 1; not the network of published FIDs; no "
            "interval, because the distance of fewer pictures is greater"
        )
        if pictures <= dimension:
            said += (
                f"; WARNING: {pictures} pictures are no more than the {dimension} features, the covariances are "
                "singular: compare with distances of the same pictures alone"
            )
        return said


def weights_text(weights: str) -> str:
    """Weights as a protocol card names them: by the sha256 of their file, or as random."""
    if weights == "random":
        return "RANDOM weights, which know nothing of pictures"
    return f"weights sha256 {hashlib.sha256(files.read(weights)).hexdigest()}"


class Moments:
    """Mean and covariance of features that come bit by bit; memory is that of 2 D rows, however many come.

    Held is the triangular R of the rows [1, x]: its first row gives the mean, the others F with F'F = (N - 1) S. So the
    covariance is never formed: of fewer pictures than features it is singular, and the root of what rounding makes of
    its zero eigenvalues would be seen in the distance.
    """

    def __init__(self):
        self.count = 0
        self._triangle: np.ndarray | None = None
        self._waiting: list[np.ndarray] = []

    def add(self, features: np.ndarray) -> None:
        """Takes features [B, D] in."""
        self.count += len(features)
        self._waiting.append(np.hstack([np.ones((len(features), 1)), features.astype(np.float64)]))
        if sum(map(len, self._waiting)) >= features.shape[1]:
            self._fold()

    @property
    def mean(self) -> np.ndarray:
        """float64 [D]."""
        self._fold()
        return self._triangle[0, 1:] / self._triangle[0, 0]

    @property
    def factor(self) -> np.ndarray:
        """float64 [K, D], K at most D; its product with itself, transposed, is the covariance (divided by N - 1)."""
        self._fold()
        return self._triangle[1:, 1:] / np.sqrt(self.count - 1)

    def _fold(self) -> None:
        if self._waiting:
            before = [] if self._triangle is None else [self._triangle]
            self._triangle = np.linalg.qr(np.vstack([*before, *self._waiting]), mode="r")
            self._waiting = []


def distance(one: Moments, other: Moments) -> float | None:
    """The Frechet distance; None where a set has fewer than two pictures.

    Tr (S1 S2)^(1/2) is the sum of the singular values of F1 F2', whose squares are the eigenvalues of S1 S2.
    """
    if min(one.count, other.count) < 2:
        return None
    apart = np.sum((one.mean - other.mean) ** 2)
    traces = np.sum(one.factor**2) + np.sum(other.factor**2)
    common = np.linalg.norm(one.factor @ other.factor.T, "nuc")
    return float(max(0.0, apart + traces - 2 * common))
