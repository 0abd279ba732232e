"""A page that colours pictures, served by this machine for itself: drop pictures, say the colours you know, download.

    tintmill web
    tintmill web --run=RUN
    tintmill web --model=FILE

Open the address that it prints. Click on a point whose colour you know, and choose the colour; grey and coloured are
compared with a slider; the download is the whole picture, at its own size, and the hints can be saved beside it.
Pictures are judged by their content, never by their names, and held in memory alone: nothing is written to disk, and no
visitor sees what another one dropped. Ctrl-C ends it.
"""

import dataclasses
import sys

from tintmill.launch.pages import serving
from tintmill.launch.pages.door import make_door
from tintmill.model.colorizers.found import check_choice, find_model
from tintmill.pipeline.common import command, options
from tintmill.pipeline.common.options import at_least, between, option
from tintmill.pipeline.imaging import photo

# Headings of the help.
_MODEL = "What colours"
_UPLOADS = "Pictures"


@dataclasses.dataclass(frozen=True)
class WebArguments:
    """What `tintmill web` is asked for: what colours, by default the built-in model, and what visitors may send."""

    run: str | None = option(None, "Run directory of `tintmill train`, in place of the built-in model.", _MODEL)
    model: str | None = option(None, "File of `tintmill export`, or a name of `tintmill models`.", _MODEL)
    embedder_weights: str | None = option(None, "Where the embedder's weights file is now.", _MODEL)
    max_megabytes: int = option(100, "Refuse larger files.", _UPLOADS, check=between(1, 2000, wrong_flag=True))
    max_pixels: int = option(
        100_000_000, "Refuse pictures with more pixels (memory).", _UPLOADS, check=at_least(1, wrong_flag=True)
    )
    host: str = serving.host_option()
    port: int = serving.port_option(7860)
    allowed_host: tuple[str, ...] = serving.allowed_host_option()
    token: str = serving.token_option()

    def __post_init__(self):
        check_choice(self.run, self.model)
        options.check(self)


FLAGS = options.define(WebArguments)
TOPICS = options.list_topics(WebArguments)


def main(words: list[str]) -> None:
    command.refuse_words(words)
    run_web(options.read(WebArguments, FLAGS))


def run_web(arguments: WebArguments) -> None:
    """Serves the page until a signal comes.

    Raises:
      TintmillError: the address cannot be listened on, the token is too short, or there is no such run or model.
    """
    door = make_door(arguments.host, arguments.allowed_host, arguments.token)
    with serving.listen(arguments.host, arguments.port) as listener:  # first: a taken port is told before loading
        command.tell("Loading the model ...")
        model = find_model(arguments.run, arguments.model)
        colorizer = model.load(arguments.embedder_weights)
        from tintmill.launch.pages.colouring import about, app
        from tintmill.launch.pages.colouring.gallery import Gallery

        limits = photo.Limits(max_pixels=arguments.max_pixels, min_side=1)
        gallery = Gallery(colorizer, limits, model.identity.provenance)
        gallery.warm_up()
        described = about.describe(arguments.run, arguments.model, model.identity)
        page = app.build(gallery, arguments.max_megabytes * 1_000_000, described)
        serving.serve(page, listener, door, f"Pictures are coloured by {model.identity.name}")


def run_command(argv: list[str]) -> int:
    return command.run("web", FLAGS, main, argv, __doc__, TOPICS)


if __name__ == "__main__":
    sys.exit(run_command(sys.argv[1:]))
