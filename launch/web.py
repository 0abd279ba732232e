"""A page that colours pictures, served by this machine for itself: drop pictures, compare, adjust, download.

    tintmill web --run=RUN
    tintmill web --model=FILE

Open the address that it prints. Grey and coloured are compared with a slider; chroma, and where the network has bins
temperature, change the colours at once; the download is the whole picture, at its own size. Pictures are judged by
their content, never by their names, and held in memory alone: nothing is written to disk, and no visitor sees what
another one dropped. Ctrl-C ends it.
"""

import sys

from absl import flags

from tintmill.launch.pages import serving
from tintmill.pipeline.common import command
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.imaging import photo

FLAGS = flags.FlagValues()
flags.DEFINE_string("run", None, "Run directory of `tintmill train`; or give --model.", flag_values=FLAGS)
flags.DEFINE_string("model", None, "Model of `tintmill export`; or give --run.", flag_values=FLAGS)
flags.DEFINE_string("embedder_weights", None, "Where the embedder's weights file is now.", flag_values=FLAGS)
flags.DEFINE_integer("max_megabytes", 20, "Refuse larger files.", 1, 2000, flag_values=FLAGS)
flags.DEFINE_integer("max_pixels", 64_000_000, "Refuse pictures with more pixels (memory).", 1, flag_values=FLAGS)
serving.define_flags(FLAGS, port=7860)


def main(arguments: list[str]) -> None:
    if arguments:
        raise TintmillError(f"wanted flags only, got {arguments}")
    if (FLAGS.run is None) == (FLAGS.model is None):
        raise TintmillError(f"--run={FLAGS.run} --model={FLAGS.model}: wanted one of the two")
    serving.check_installed("tintmill web")
    with serving.listen(FLAGS.host, FLAGS.port) as listener:  # first: a taken port is told before the network is loaded
        command.tell("Loading the model ...")
        colorizer, provenance = load()
        from tintmill.launch.pages.colouring import app
        from tintmill.launch.pages.colouring.gallery import Gallery

        gallery = Gallery(colorizer, photo.Limits(max_pixels=FLAGS.max_pixels, min_side=1), provenance)
        gallery.warm_up()
        page = app.build(gallery, FLAGS.max_megabytes * 1_000_000)
        serving.serve(page, listener, f"Pictures are coloured by {provenance['model']}")


def load():
    """The colorizer, and what its pictures say of it.

    Raises:
      TintmillError: there is no such run or model, or it cannot be loaded.
    """
    from tintmill.model.colorizers import identity as model_identity

    identity = model_identity.of_run(FLAGS.run) if FLAGS.run else model_identity.of_export(FLAGS.model)
    if FLAGS.run:
        from tintmill.pipeline.common.tensorflow import import_tensorflow

        import_tensorflow()
        from tintmill.model.prediction import colorizer

        loaded = colorizer.load(FLAGS.run, FLAGS.embedder_weights)
    else:
        from tintmill.model.export import reader

        loaded = reader.load(FLAGS.model)
    return loaded, {"model": identity.name, "model_sha256": identity.sha256}


def run_command(argv: list[str]) -> int:
    return command.run("web", FLAGS, main, argv, __doc__)


if __name__ == "__main__":
    sys.exit(run_command(sys.argv[1:]))
