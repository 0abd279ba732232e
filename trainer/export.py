"""Writes a run as one file or folder that other programs run: embedder and network in it, a grey picture in.

    tintmill export --run=RUNS/first --format=onnx --output=first.onnx

Takes `grey`, float32 [1, H, W, 1], sRGB 0..255, of any height and width, and returns `ab`, float32 [1, h, w, 2]: a* and
b* with the shorter side at the training size, to be scaled up onto the picture's own L*; a network with bins also
returns `bins`, its logits. Its answer is compared with Keras' own in the format's runtime before it is published.
Beside it lies OUTPUT.MODEL_CARD.md: what it learnt from, its scores beside the trivial ones, its terms, how to use it.
`tintmill colorize --model=OUTPUT` colours with it.
"""

import sys

from absl import flags

from tintmill.model.export.formats import registry as formats
from tintmill.pipeline.common import command, files
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.common.tensorflow import import_tensorflow

FLAGS = flags.FlagValues()
flags.DEFINE_string("run", None, "Run directory of `tintmill train`.", flag_values=FLAGS, required=True)
flags.DEFINE_enum(
    "format",
    None,
    list(formats.FORMATS),
    formats.flag_help(),
    flag_values=FLAGS,
    required=True,
)
flags.DEFINE_string(
    "output", None, "File, or folder for saved_model; an earlier export is replaced.", flag_values=FLAGS, required=True
)
flags.DEFINE_string("embedder_weights", None, "Where the embedder's weights file is now.", flag_values=FLAGS)
flags.DEFINE_float(
    "temperature", None, "Of a network with bins: 1 is the mean, near 0 the mode; by default 0.38.", flag_values=FLAGS
)
flags.DEFINE_string(
    "terms", None, "Licence and terms of use, for the model card; without it the card asks for them.", flag_values=FLAGS
)


def main(arguments: list[str]) -> None:
    if arguments:
        raise TintmillError(f"wanted flags only, got {arguments}")
    from tintmill.model.export import reader, writer
    from tintmill.trainer.reporting import model_card
    from tintmill.trainer.run.folder import RunFolder

    writer.check_output(FLAGS.format, FLAGS.output)
    reader.check_runtime(FLAGS.format, f"--format={FLAGS.format}")
    model_card.check_output(FLAGS.output)
    run = model_card.read_run(RunFolder(FLAGS.run))
    import_tensorflow()
    network, description = writer.of_run(FLAGS.run, FLAGS.embedder_weights, FLAGS.temperature)
    description |= {"network": run.settings["network"]}  # which a test's or a user's own network need not be called
    description = writer.write(network, description, FLAGS.format, FLAGS.output)
    card = model_card.render(run, description, FLAGS.output, FLAGS.terms)
    files.write(model_card.path_of(FLAGS.output), card)
    print(f"{FLAGS.output}: a* and b* within {description['ab_difference']:.1g} of Keras' own")
    print(model_card.path_of(FLAGS.output))


def run_command(argv: list[str]) -> int:
    return command.run("export", FLAGS, main, argv, __doc__)


if __name__ == "__main__":
    sys.exit(run_command(sys.argv[1:]))
