"""The networks of `keras.applications` whose answers may be stored as embeddings, known without importing Keras."""

import dataclasses

LAYERS = ("logits", "probabilities", "pooled")  # whose output is the embedding


@dataclasses.dataclass(frozen=True)
class Network:
    """A network of keras.applications: class name, input side in pixels, width of the pooled layer.

    `random_variance`: what its normalisation layers divide by where its weights are random. With Keras' 1 the signal
    fades from layer to layer: MobileNetV2's logits are 1e-12 then, zero in float16 for every picture.
    """

    application: str
    side: int
    pooled: int
    random_variance: float
    classes: int = 1000


NETWORKS = {
    "inception_resnet_v2": Network("InceptionResNetV2", 299, 1536, 0.6),
    "mobilenet_v2": Network("MobileNetV2", 224, 1280, 0.1),
}
