"""What a source says of itself: everything that the pipeline, its flags, cards and tests know of it."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping

from tintmill.pipeline.dataset.manifest import Manifest
from tintmill.pipeline.dataset.settings import Settings, SourceOptions
from tintmill.pipeline.listing import reading
from tintmill.pipeline.listing.reference import Description, Reference


@dataclasses.dataclass(frozen=True)
class Source:
    """A kind of input; each module of this folder makes one, and the registry names it.

    Attributes:
      describe: (root, settings) -> what the source says before it is listed. Raises TintmillError where `root` cannot
        be its input.
      references: (root, settings) -> every picture of `root`, as references with different ids. It must be cheap: the
        pipeline lists up to three times (limiting, counting, building).
      options: a dataclass of what the source wants to know besides --input; its fields are flags of `tintmill prepare`.
      readers: how references of a kind of the source's own are read, by kind.
      terms: under which terms the pictures are given, as a sentence for the cards of what learns from them; empty where
        the source cannot know.
      example: a small input, by place in it: the text of a list, or None for a picture. Tests make it and list it.
      read_taken_over: root -> the manifest of the dataset whose records are taken over, encoded as they are; None for a
        source of pictures.
      is_input: whether --source offers it. Where not, the source has a flag of its own.
    """

    describe: Callable[[str, Settings], Description]
    references: Callable[[str, Settings], Iterator[Reference]]
    options: type[SourceOptions] = SourceOptions
    readers: reading.Readers = dataclasses.field(default_factory=dict)
    terms: str = ""
    example: Mapping[str, str | None] = dataclasses.field(default_factory=dict)
    read_taken_over: Callable[[str], Manifest] | None = None
    is_input: bool = True
