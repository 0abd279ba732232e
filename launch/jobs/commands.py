"""The commands that a job may run, and their flags as they themselves would read them."""

import copy
import dataclasses

from absl import flags

from tintmill.pipeline import prepare
from tintmill.pipeline.beam.runners import LOCAL_RUNNER
from tintmill.pipeline.common import options
from tintmill.pipeline.common.errors import WrongFlagError
from tintmill.pipeline.common.options import list_options
from tintmill.pipeline.dataset.croissant import Publication
from tintmill.pipeline.sources import SOURCES
from tintmill.pipeline.sources.flags import read_settings as read_dataset_settings
from tintmill.trainer import train
from tintmill.trainer.input.stage import CacheArguments
from tintmill.trainer.training.flags import check_fit
from tintmill.trainer.training.flags import read_settings as read_run_settings

COMMANDS = {"prepare": prepare.FLAGS, "train": train.FLAGS}

# Flags whose value is a file or folder that every worker reads or writes.
_PATHS = (
    *("data", "run", "encoder_weights", "perceptual_weights"),
    *("input", "reuse_lab", "output", "embedder_weights"),
    *(
        flag
        for source in SOURCES.values()
        for flag, (_, about) in list_options(source.options).items()
        if about.is_path
    ),
)


@dataclasses.dataclass(frozen=True)
class CommandLine:
    """A command and its flags: `given` as words with flag files read, `values` as absl reads them."""

    name: str
    given: tuple[str, ...]
    values: flags.FlagValues

    def list_paths(self) -> list[tuple[str, str]]:
        """(flag, value) of each file or folder that every worker reads or writes."""
        return [(name, self.values[name].value) for name in _PATHS if name in self.values and self.values[name].value]


def read_command_line(words: tuple[str, ...]) -> CommandLine:
    """Reads `prepare FLAGS` or `train FLAGS`, as strictly as the command would on this machine.

    Raises:
      WrongFlagError: there is no such command, or it would refuse the flags, or they say what the target says.
    """
    if not words or words[0] not in COMMANDS:
        raise WrongFlagError(f"wanted `-- prepare FLAGS` or `-- train FLAGS` at the end, got {' '.join(words)!r}")
    name = words[0]
    values = copy.deepcopy(COMMANDS[name])
    values.unparse_flags()  # a program may have run the command itself before
    try:
        given = values.read_flags_from_files(list(words[1:]), force_gnu=False)
        rest = values([name, *given], known_only=name == "prepare")[1:]
    except flags.Error as error:
        found = " ".join(str(error).split())
        raise WrongFlagError(f"`tintmill {name}` would say: {found}; its --help lists the flags") from error
    if name == "train" and rest:
        raise WrongFlagError(f"`tintmill train` wants flags only, got {' '.join(rest)}")
    if name == "prepare" and values["runner"].present:
        raise WrongFlagError(f"--runner={values['runner'].value}: --target says that; leave it out")
    if rest:
        from tintmill.pipeline.beam import checks  # importing Beam takes seconds

        checks.check(LOCAL_RUNNER, rest, values)
    _CHECKS[name](values)
    return CommandLine(name, tuple(given), values)


def _check_prepare(values: flags.FlagValues) -> None:
    options.read(prepare.PrepareArguments, values)
    options.read(Publication, values)
    read_dataset_settings(values, files_are_here=False)


def _check_train(values: flags.FlagValues) -> None:
    told = options.read(train.TrainArguments, values)
    options.read(CacheArguments, values)
    check_fit(read_run_settings(values, told.epochs, dataset=None))


# What each command makes of its flags before it starts, without the files that they name.
_CHECKS = {"prepare": _check_prepare, "train": _check_train}
