"""Sources: where pictures come from. A new source is a module that makes a `Source`, and a line in `SOURCES`."""

import dataclasses

from tintmill.pipeline.common.errors import WrongFlagError
from tintmill.pipeline.dataset.settings import Settings, SourceOptions
from tintmill.pipeline.listing import reading
from tintmill.pipeline.sources import celeba, folder, imagenet, linnaeus5, reuse_lab, tfds, tiny_imagenet
from tintmill.pipeline.sources.source import Source

SOURCES: dict[str, Source] = {
    "folder": folder.SOURCE,
    "celeba": celeba.SOURCE,
    "linnaeus5": linnaeus5.SOURCE,
    "imagenet": imagenet.SOURCE,
    "tiny_imagenet": tiny_imagenet.SOURCE,
    "tfds": tfds.SOURCE,
    "reuse_lab": reuse_lab.SOURCE,
}

# How a reference of any source is read: files and members of archives as all do, other kinds as their source does.
READERS: reading.Readers = reading.READERS | {
    kind: reader for source in SOURCES.values() for kind, reader in source.readers.items()
}


def list_inputs() -> list[str]:
    """The names that --source takes."""
    return [name for name, source in SOURCES.items() if source.is_input]


def with_options(settings: Settings) -> Settings:
    """The settings with options of their source's own class: the defaults where they have none.

    Raises:
      WrongFlagError: there is no such source, or the options are another source's.
    """
    if settings.source not in SOURCES:
        raise WrongFlagError(f"--source={settings.source}: wanted one of {', '.join(list_inputs())}")
    wanted = SOURCES[settings.source].options
    if type(settings.options) is SourceOptions:
        return dataclasses.replace(settings, options=wanted())
    if not isinstance(settings.options, wanted):
        found = type(settings.options).__name__
        raise WrongFlagError(f"--source={settings.source}: found options {found}, wanted {wanted.__name__}")
    return settings


__all__ = ["READERS", "SOURCES", "Source", "list_inputs", "with_options"]
