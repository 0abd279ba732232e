"""The flags with which an experiment starts prepare and train. Of a flag given twice, a command reads the last one."""

from tintmill.launch.experiments.arguments import ExperimentArguments
from tintmill.launch.experiments.catalogue import Data, Run
from tintmill.launch.experiments.subcommand import list_given
from tintmill.model.networks.registry import NETWORKS

_WEIGHTS = {"mobilenet_v2": "encoder_weights", "vgg16": "vgg_weights", "efficientnet_lite0": "lite_weights"}


def list_prepare_flags(data: Data, arguments: ExperimentArguments) -> list[str]:
    """A dataset's flags, and behind them those that the arguments change."""
    flags = [*data.flags, *arguments.list_flags("size", "limit"), *arguments.prepare]
    if "--embedder=none" in data.flags:
        return flags
    flags += arguments.list_flags("embedder")
    if not any(flag.startswith("--embedder_weights") for flag in data.flags):
        flags += arguments.list_flags("embedder_weights")
    return flags


def list_train_flags(run: Run, arguments: ExperimentArguments) -> list[str]:
    """A run's flags, and behind them those that the arguments change; steps take the place of epochs."""
    flags = [flag for flag in run.flags if not (arguments.steps and flag.startswith("--epochs"))]
    network = next(flag.split("=")[1] for flag in run.flags if flag.startswith("--network="))
    weights = _WEIGHTS.get(NETWORKS[network].encoder)
    flags += [f"--encoder_weights={getattr(arguments, weights)}"] if weights and getattr(arguments, weights) else []
    flags += arguments.list_flags("global_size") if network == "iizuka" else []
    flags += _shorten_warm_up(flags, arguments.steps)
    return [*flags, *arguments.list_flags("steps", "global_batch"), *arguments.train]


def _shorten_warm_up(flags: list[str], steps: int) -> list[str]:
    """A warm-up of a quarter of the steps, where `steps` are given and the experiment's own takes more."""
    given = list_given(flags, "warmup_steps")
    if steps and given and int(given[-1]) > steps // 4:
        return [f"--warmup_steps={steps // 4}"]
    return []
