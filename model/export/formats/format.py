"""What a format of exported networks is: how it is written, told, read back and run, and what people are told of it."""

import abc
from collections.abc import Callable

import numpy as np

# Inputs by name, float32 arrays of one size, to "ab", and with bins "bins"; `reader` says what the inputs are.
Run = Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]]


class Format(abc.ABC):
    """A format. Each module of this package defines one as a subclass; what is missing in it fails when it is imported.

    Attributes:
      title: its name in sentences.
      description: what is made, for the help of --format.
      suffix: how names of its files must end; empty for a folder.
      runtime: the Python package that runs it.
      stands_alone: whether it is run without Tintmill's classes.
      hub_library: `library_name` in the card's header, as model hubs know it.
      program_imports: what the card's example program imports, besides NumPy, Pillow and scikit-image.
      program: lines of the card's example program that make `ab` [h, w, 2] of `grey` [1, H, W, 1]; MODEL stands for
        the file's name, quoted.
    """

    title: str
    description: str
    suffix: str
    runtime: str
    stands_alone: bool
    hub_library: str
    program_imports: str
    program: str

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        missing = [name for name in Format.__annotations__ if not hasattr(cls, name)]
        if missing:
            raise TypeError(f"the format {cls.__name__} does not say its {', '.join(missing)}")

    @abc.abstractmethod
    def recognise(self, path: str, head: bytes) -> bool:
        """Whether the content is of this format; `head` is a file's first `reading.HEAD` bytes, empty of a folder."""

    @abc.abstractmethod
    def write(self, network, path: str) -> None:
        """Writes a `one_picture` network, a keras.Model, to a path that is free."""

    @abc.abstractmethod
    def write_metadata(self, path: str, text: str) -> None:
        """Adds the text of tintmill.json, once."""

    @abc.abstractmethod
    def read_metadata(self, path: str) -> str:
        """The text of tintmill.json. Raises one of `reading.DAMAGES` where there is none, or it is cut off."""

    @abc.abstractmethod
    def digests(self, path: str) -> dict[str, str]:
        """sha256 of everything but the metadata, by part. Raises one of `reading.DAMAGES`."""

    @abc.abstractmethod
    def load(self, path: str) -> Run:
        """The network, ready to run. Raises what its runtime raises."""
