"""What a reader of a run's scores must know before believing a number."""

from tintmill.model.networks import registry as networks
from tintmill.pipeline.dataset.manifest import Manifest


def make_notes(settings: dict, manifest: Manifest, metrics: list[dict]) -> list[str]:
    """Sentences for the report and the model card; `metrics` are the contents of metrics.json of every split."""
    notes = []
    records = manifest.splits[settings["split"]]
    if any(each["same_pictures_as_training"] for each in metrics):
        notes.append(
            f"Scored on the pictures it was trained on ({records}): an overfitting check that shows that the whole way "
            "works. It says nothing about other pictures."
        )
    embedder = manifest.embedder
    if embedder and embedder.weights == "random":
        notes.append(
            f"The embedder {embedder.name} has random weights here: its embedding is a fixed random projection of "
            "the picture and knows nothing about its content."
        )
    if settings.get("perceptual_weight") and settings["perceptual_weights"] == "random":
        notes.append(
            f"The perceptual loss compared features of {settings['perceptual_network']} with random weights: textures "
            "of a fixed random projection, not what the network would see had it learnt."
        )
    begun = settings.get("init_from")  # an encoder of random weights then has others
    if networks.has_encoder(settings["network"]) and settings.get("encoder_weights") == "random" and not begun:
        notes.append(f"The encoder of {settings['network']} has random weights here, where ImageNet's were meant.")
    if not metrics:
        notes.append("Not evaluated yet: run `tintmill evaluate`.")
    return notes
