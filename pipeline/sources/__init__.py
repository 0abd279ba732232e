"""Sources: where pictures come from. A new one is a module with `describe` and `references`, and a line in SOURCES."""

from pipeline.sources import folder
from pipeline.sources.reading import read_many
from pipeline.sources.reference import Description, Reference, Source

SOURCES: dict[str, Source] = {
    "folder": folder,
}

__all__ = ["SOURCES", "Description", "Reference", "Source", "read_many"]
