"""One compiled step of networks with both heads on two replicas; run by `test_networks_on_replicas`."""

import json

import numpy as np

from tintmill.model.blocks.layers import Normalisation
from tintmill.model.networks import registry as networks
from tintmill.pipeline.dataset.manifest import Dataset, open_dataset
from tintmill.trainer.input import batches as batches_input
from tintmill.trainer.input.read_ahead import ReadAhead
from tintmill.trainer.run.settings import TrainSettings
from tintmill.trainer.training import step

BATCH = 4
SMALL = {"global_batch": BATCH, "steps": 1, "encoder_weights": "random", "global_size": 32, "learning_rate": 1e-4}
# The losses themselves are alike for all networks: one more case has those that bring networks of their own.
CASES = (
    {
        f"{name}, {loss}": {"network": name, "loss": loss, "colourfulness_weight": 0.01}
        for name in networks.NETWORKS
        for loss in ("huber", "bins")
    }
    | {
        f"{name}, class": {"network": name, "class_weight": 1 / 300}
        for name in networks.NETWORKS
        if networks.NETWORKS[name].classifies
    }
    | {
        "tint, perceptual and critic": {
            "network": "tint",
            "loss": "l1",
            "perceptual_weight": 0.1,
            "perceptual_network": "mobilenet_v2",
            "perceptual_weights": "random",
            "adversarial_weight": 0.1,
        },
    }
)


def main(folder: str, *names: str) -> None:
    """Prints {case: what `try_case` found} of the networks named."""
    dataset, strategy = open_dataset(folder), step.make_strategy(2)
    cases = {name: TrainSettings(**SMALL, **case) for name, case in CASES.items() if case["network"] in names}
    print(json.dumps({name: try_case(dataset, strategy, settings) for name, settings in cases.items()}))


def try_case(dataset: Dataset, strategy, settings: TrainSettings) -> dict:
    """The parts of the step's loss, how many of the weights it moved, and the same loss of the whole batch at once."""
    state = step.make_state(strategy, settings, dataset)
    # By the batch's statistics the two differ: `test_normalisation_spans_the_replicas`.
    normalised = any(isinstance(layer, Normalisation) for layer in state.model.layers)
    alone = None if normalised else loss_alone(state, settings, dataset)
    before = [np.array(weights) for weights in state.model.trainable_weights]
    with ReadAhead(strategy, settings, dataset, 0) as ahead:
        _, batches = next(iter(ahead))
        parts, _ = step.make_steps(state, settings, dataset.settings.encoding)(batches, step.tf.constant(1))
    pairs = zip(before, state.model.trainable_weights, strict=True)
    moved = sum(bool((old != np.array(new)).any()) for old, new in pairs)
    return {name: float(values[0]) for name, values in parts.items()} | {
        "moved": [moved, len(before)],
        "alone": alone,
    }


def loss_alone(state, settings: TrainSettings, dataset: Dataset) -> float:
    batch = next(iter(batches_input.batches(dataset, settings, 0, 1)))
    inputs, targets = batches_input.to_network(batch, dataset.settings.encoding)
    outputs = state.model({name: inputs[name] for name in state.model.input}, training=False)
    return float(np.mean(state.loss(targets, outputs)["loss"]))
