"""Writes a run as one file or folder that other programs run: embedder and network in it, a grey picture in.

    tintmill export --run=RUNS/first --format=onnx --output=first.onnx

Takes `grey`, float32 [1, H, W, 1], sRGB 0..255, of any height and width, and returns `ab`, float32 [1, h, w, 2]: a* and
b* with the shorter side at the training size, to be scaled up onto the picture's own L*; a network with bins also
returns `bins`, its logits. Its answer is compared with Keras' own in the format's runtime before it is published.
Beside it lies OUTPUT.MODEL_CARD.md: what it learnt from, its scores beside the trivial ones, its terms, how to use it.
`tintmill colorize --model=OUTPUT` colours with it.
"""

import dataclasses
import sys

from tintmill.model.export.formats import registry as formats
from tintmill.pipeline.common import command, files, options
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.common.options import option
from tintmill.pipeline.common.tensorflow import import_tensorflow

_WHAT = "What is exported"
_HOW = "How"


@dataclasses.dataclass(frozen=True)
class ExportArguments:
    """Which run is exported, in which format, and where to."""

    run: str = option(None, "Run directory of `tintmill train`.", _WHAT, required=True)
    format: str = option(None, formats.flag_help(), _HOW, choices=list(formats.FORMATS), required=True)
    output: str = option(None, "File, or folder for saved_model; an earlier export is replaced.", _HOW, required=True)
    embedder_weights: str | None = option(None, "Where the embedder's weights file is now.", _WHAT)
    temperature: float | None = option(
        None, "Of a network with bins: 1 is the mean, near 0 the mode; by default 0.38.", _WHAT
    )
    temperature_rise: float = option(
        0.0,
        "Added to --temperature, up to 1, for each nat of entropy: unsure places go to the mean.",
        _WHAT,
    )
    takes: str = option(
        "grey",
        "What the file takes: a grey picture of any size, for other programs; or, in ONNX, L* at the working size and "
        "hints, for Tintmill's own commands.",
        _HOW,
        choices=("grey", "lightness"),
    )
    half_weights: bool = option(False, "ONNX: weights in float16, a file of half the size.", _HOW)
    terms: str | None = option(
        None, "Licence and terms of use, for the model card; without it the card asks for them.", _HOW
    )

    def __post_init__(self):
        options.check(self)
        if self.half_weights and self.format != "onnx":
            raise TintmillError(f"--half_weights: wanted --format=onnx, got {self.format}; leave one of them out")
        if self.takes == "lightness" and self.format != "onnx":
            raise TintmillError(f"--takes=lightness: wanted --format=onnx, got {self.format}; leave one of them out")


@dataclasses.dataclass(frozen=True)
class ExportedFiles:
    """What an export wrote.

    Attributes:
      path: of the network, a file or folder.
      card: of the model card.
      ab_difference: how far a* and b* of the format's runtime are from Keras' own, at most.
    """

    path: str
    card: str
    ab_difference: float


FLAGS = options.define(ExportArguments)
TOPICS = options.list_topics(ExportArguments)


def main(words: list[str]) -> None:
    command.refuse_words(words)
    made = export(options.read(ExportArguments, FLAGS))
    print(f"{made.path}: a* and b* within {made.ab_difference:.1g} of Keras' own")
    print(made.card)


def export(arguments: ExportArguments) -> ExportedFiles:
    """Writes a run as one file or folder, and its model card beside it.

    Raises:
      TintmillError: the run is none or not trained, something else lies where the files go, the format's runtime is
        not installed, or its answers differ from Keras' own.
    """
    from tintmill.model.export import reader, writer
    from tintmill.trainer.reporting import model_card
    from tintmill.trainer.run.folder import RunFolder

    output = arguments.output
    writer.check_output(arguments.format, output)
    reader.check_runtime(arguments.format, f"--format={arguments.format}")
    model_card.check_output(output)
    run = model_card.read_run(RunFolder(arguments.run))
    import_tensorflow()
    network, description = writer.of_run(
        arguments.run,
        arguments.embedder_weights,
        arguments.temperature,
        arguments.temperature_rise,
        arguments.takes,
    )
    # The network's own name may be another one than that which it is registered by.
    description |= {key: run.settings[key] for key in ("network", "steps")}
    description = writer.write(network, description, arguments.format, output, arguments.half_weights)
    card = model_card.path_of(output)
    files.write(card, model_card.render(run, description, output, arguments.terms))
    return ExportedFiles(output, card, description["ab_difference"])


def run_command(argv: list[str]) -> int:
    return command.run("export", FLAGS, main, argv, __doc__, TOPICS)


if __name__ == "__main__":
    sys.exit(run_command(sys.argv[1:]))
