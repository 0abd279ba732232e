"""Lists the models that are built in or in your folder, shows a model's card, and installs an exported model.

    tintmill models
    tintmill models default
    tintmill models --install=mine.onnx --name=mine

`colorize`, `web` and `evaluate` take the model `default` where no --run and no --model is given, and any other one by
its name: --model=mine. What is installed goes to tintmill/models in the XDG data directory ($XDG_DATA_HOME, by default
~/.local/share); a model there takes the place of a built-in one of its name. The file is one of `tintmill export
--format=onnx --takes=lightness`, and runs without TensorFlow.
"""

import dataclasses
import os
import sys

from tintmill.model.builtin import catalogue
from tintmill.model.builtin.catalogue import KnownModel
from tintmill.pipeline.common import command, files, options
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.common.options import option

_INSTALL, _CARD = "Installing", "The card of what is installed"


@dataclasses.dataclass(frozen=True)
class ModelsArguments:
    """What `tintmill models` is asked for: a list, the card of the model `name`, or an installation."""

    install: str = option("", "File of `tintmill export --format=onnx --takes=lightness`.", _INSTALL)
    name: str = option("", "Name of the model; by default the file's.", _INSTALL)
    version: str = option("1", "Version of the model.", _INSTALL)
    description: str = option("", "One line about it, for the list.", _INSTALL)
    built_in: bool = option(False, "Put it into the package, as maintainers do.", _INSTALL)
    notes: str = option("", "Markdown file for the card: sources, known failures.", _CARD)
    scores: tuple[str, ...] = option(
        (), "LABEL=FILE: an evaluation (metrics.json) for the card's table; may be given again.", _CARD, repeated=True
    )
    shown: str = ""


FLAGS = options.define(ModelsArguments)
TOPICS = options.list_topics(ModelsArguments)


def main(words: list[str]) -> None:
    if len(words) > 1:
        raise TintmillError(f"wanted at most the name of one model, got {words}")
    arguments = options.read(ModelsArguments, FLAGS, shown=words[0] if words else "")
    if arguments.install:
        model = models(arguments)[0]
        print(f"{model.name} {model.version}: {model.path}\n{model.card}")
    elif arguments.shown:
        command.show(files.read(models(arguments)[0].card).decode())
    else:
        command.show(format_list(models(arguments)))


def models(arguments: ModelsArguments) -> list[KnownModel]:
    """All models; or the one that was installed or is shown.

    Raises:
      TintmillError: there is no model of the name, or the file cannot be installed.
    """
    if arguments.install:
        from tintmill.model.builtin import install

        name = arguments.name or os.path.splitext(os.path.basename(arguments.install))[0]
        wanted = install.Installation(
            arguments.install,
            name,
            arguments.version,
            arguments.description,
            arguments.built_in,
            arguments.notes,
            arguments.scores,
        )
        return [install.install(wanted)]
    return [catalogue.find(arguments.shown)] if arguments.shown else catalogue.list_models()


def format_list(found: list[KnownModel]) -> str:
    """A line for each model: name, version, network, size, sha256, where it is, and what is wrong with it."""
    rows = [("name", "version", "network", "MB", "sha256", "where")]
    rows += [_format_row(model) for model in found]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([*lines, *(f"{model.name}: {model.description}" for model in found if model.description)])


def _format_row(model: KnownModel) -> tuple[str, ...]:
    where = "built in" if model.is_built_in else model.folder
    size = f"{os.path.getsize(model.path) / 1e6:.1f}" if os.path.exists(model.path) else "-"
    try:
        model.check()
    except TintmillError:
        where += f", {'damaged' if os.path.exists(model.path) else 'missing'}: {model.remedy}"
    return (model.name, model.version, model.network, size, model.sha256[:12], where)


def run_command(argv: list[str]) -> int:
    return command.run("models", FLAGS, main, argv, __doc__, TOPICS)


if __name__ == "__main__":
    sys.exit(run_command(sys.argv[1:]))
