"""The experiments that `tintmill experiment` knows, at their published size; flags make them smaller.

Each is the work of a project that colorizers of this kind come from, or a comparison of our own.
"""

import dataclasses
from collections.abc import Collection

from tintmill.launch.experiments.subcommand import preset_flag
from tintmill.model.networks.registry import NETWORKS
from tintmill.pipeline.common.errors import TintmillError


@dataclasses.dataclass(frozen=True)
class Data:
    """A dataset: its name and the flags of `tintmill prepare`."""

    name: str
    flags: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Run:
    """A training: its row in the table, its dataset, the flags of `tintmill train`."""

    name: str
    data: str
    flags: tuple[str, ...] = ()
    temperatures: tuple[float, ...] = ()  # each is a row of its own; none: the network's default


@dataclasses.dataclass(frozen=True)
class Experiment:
    """Runs that are compared in one table.

    Attributes:
      split: the split of a dataset that a run is scored on.
      tests: names of the datasets that every run is scored on; none: each run on its own dataset.
    """

    about: str
    data: tuple[Data, ...]
    runs: tuple[Run, ...]
    split: str = "test"
    tests: tuple[str, ...] = ()


_LOGITS = ("--embedder=inception_resnet_v2", "--embedder_layer=logits")
_PROBABILITIES = ("--embedder=inception_resnet_v2", "--embedder_layer=probabilities")
_NONE = ("--embedder=none",)
_HELD_OUT = ("--size=224", "--splits=train:0.8,test:0.2")
_COSINE = ("--schedule=cosine", "--warmup_steps=20")  # for comparisons: no network is stopped in the middle of a swing


def _networks() -> Experiment:
    data = (
        Data("logits", (*_LOGITS, *_HELD_OUT)),
        Data("probabilities", (*_PROBABILITIES, *_HELD_OUT)),
    )
    train = ("--steps=20000", "--global_batch=32", *_COSINE)
    layers = {"kth": "probabilities"}  # its authors' embedding
    runs = [Run(name, layers.get(name, "logits"), (f"--network={name}", *train)) for name in NETWORKS]
    return Experiment(
        "All networks on the same pictures: same steps, batch and loss (MSE), each with its authors' embedding.",
        data,
        tuple(runs),
    )


def _losses() -> Experiment:
    data = (Data("logits", (*_LOGITS, *_HELD_OUT)),)
    train = ("--network=tint", "--steps=20000", "--global_batch=32", *_COSINE)
    runs = []
    # The weight is that of colourfulness; it goes with the scale of the loss.
    for loss, weight in (("mse", 0.01), ("huber", 0.05), ("bins", 0.05)):
        temperatures = (0.2, 0.38, 1.0) if loss == "bins" else ()
        runs.append(Run(f"tint, {loss}", "logits", (f"--loss={loss}", *train), temperatures))
        colourful = (f"--loss={loss}", f"--colourfulness_weight={weight}", *train)
        runs.append(Run(f"tint, {loss}, colourful", "logits", colourful, temperatures))
    return Experiment("What each loss buys and costs: one network, with and without colourfulness.", data, tuple(runs))


def _embeddings() -> Experiment:
    kinds = {"real": (), "random": ("--embedder_weights=random",), "zero": ("--embedder_weights=zeros",)}
    data = tuple(Data(kind, (*_LOGITS, *_HELD_OUT, *flags)) for kind, flags in kinds.items())
    train = ("--steps=20000", "--global_batch=32", *_COSINE)
    runs = [
        Run(f"{network}, {kind} embedding", kind, (f"--network={network}", *train))
        for network in ("koalarization", "tint")
        for kind in kinds
    ]
    return Experiment(
        "Does the embedding help? The same networks with one that says less, or nothing.", data, tuple(runs)
    )


def _categories() -> Experiment:
    groups = ("faces", "animals", "landscapes")
    classes = {group: group for group in groups} | {"combined": ",".join(groups)}
    data = tuple(
        Data(name, (preset_flag("faces_animals_landscapes"), f"--classes={c}", *_NONE)) for name, c in classes.items()
    )
    train = ("--network=vgg", "--global_batch=25", "--epochs=50")
    runs = tuple(Run(f"vgg, trained on {name}", name, train) for name in classes)
    return Experiment("Each category and all of them together, all tested on all.", data, runs, tests=tuple(classes))


EXPERIMENTS: dict[str, Experiment] = {
    "networks": _networks(),
    "losses": _losses(),
    "embeddings": _embeddings(),
    "overfit": Experiment(
        "One picture learnt by heart: whether a network and its training can learn at all.",
        (Data("one", (*_PROBABILITIES, "--size=256", "--limit=1", "--splits=train:1")),),
        (Run("kth", "one", ("--network=kth", "--global_batch=1", "--steps=500")),),
        split="train",
    ),
    "celeba": Experiment(
        "1000/200/200 faces at 100x100.",
        (Data("celeba", (preset_flag("celeba_1000"), *_NONE)),),
        (Run("jain", "celeba", ("--network=jain", "--global_batch=50", "--epochs=200")),),
    ),
    "linnaeus_flower": Experiment(
        "The flowers of Linnaeus 5 at 256x256.",
        (Data("flower", (preset_flag("linnaeus_flower"), *_NONE)),),
        (Run("jain", "flower", ("--network=jain", "--global_batch=50", "--epochs=30")),),
    ),
    "imagenet_2000": Experiment(
        "2000 pictures of ImageNet at 256x256, embedded by class probabilities.",
        (Data("imagenet", (preset_flag("imagenet_2000"), *_PROBABILITIES)),),
        (Run("kth", "imagenet", ("--network=kth", "--global_batch=125", "--epochs=150")),),
        split="val",
    ),
    "imagenet_60k": Experiment(
        "60,000 pictures of ImageNet, nine tenths for training; then historical pictures (--pictures).",
        (Data("imagenet", (preset_flag("imagenet_60k"),)),),
        (Run("koalarization", "imagenet", ("--network=koalarization", "--global_batch=100", "--epochs=100")),),
    ),
    "categories": _categories(),
    "default_model": Experiment(
        "The default model, and deep-koalarization on the same pictures, twelve sets in a zip file each.",
        (
            Data("photographs", (preset_flag("default_model_prepare"), *_NONE)),
            Data("embedded", (preset_flag("default_model_prepare"), *_LOGITS)),
        ),
        (
            Run("glaze", "photographs", ("--network=glaze", preset_flag("default_model_train"))),
            Run(
                "koalarization",
                "embedded",
                ("--network=koalarization", "--steps=12000", "--global_batch=32", "--schedule=cosine"),
            ),
        ),
    ),
}


def choose_runs(experiment: Experiment, only: Collection[str]) -> tuple[Run, ...]:
    """The runs of an experiment that `only` names; all of them where it is empty.

    Raises:
      TintmillError: `only` names a run that the experiment does not have.
    """
    if unknown := set(only) - {run.name for run in experiment.runs}:
        names = ", ".join(run.name for run in experiment.runs)
        raise TintmillError(f"--only={','.join(sorted(unknown))}: wanted of {names}")
    return tuple(run for run in experiment.runs if not only or run.name in only)
