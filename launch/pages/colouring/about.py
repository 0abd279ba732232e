"""What the page says of the model that colours: its name, and what it is not good at, from its card."""

import dataclasses
import re

from tintmill.model.builtin import catalogue
from tintmill.model.colorizers.found import is_name
from tintmill.model.colorizers.identity import Identity
from tintmill.pipeline.common import files

_HEADING = "## Known failures"


@dataclasses.dataclass(frozen=True)
class About:
    """The model that colours.

    Attributes:
      model: its name, and its version where it has one.
      failures: what it is known to do badly, a sentence or two each; empty where its card says nothing.
    """

    model: str
    failures: tuple[str, ...] = ()


def describe(run: str | None, model: str | None, identity: Identity) -> About:
    """What the page says of a run or model; `run` and `model` as `found.find_model` takes them."""
    title = f"{identity.name} {identity.version}".strip()
    name = catalogue.DEFAULT if model is None else model
    if run is not None or not is_name(name):
        return About(title)
    try:
        return About(title, read_failures(files.read(catalogue.find(name).card).decode(errors="replace")))
    except FileNotFoundError:  # a model may be installed without a card
        return About(title)


def read_failures(card: str) -> tuple[str, ...]:
    """The paragraphs and list entries below "Known failures" of a model card, as plain text."""
    section = re.split(r"\n##? ", card.partition(f"{_HEADING}\n")[2])[0]
    entries = re.split(r"\n\s*\n|\n(?=- )", section.strip())
    plain = (" ".join(entry.removeprefix("- ").replace("\\", "").replace("*", "").split()) for entry in entries)
    return tuple(entry for entry in plain if entry)
