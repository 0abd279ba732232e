"""Sources: where pictures come from. A new one is a module with `check` and `references`, and a line in SOURCES."""

from pipeline.sources import folder
from pipeline.sources.reference import Reference, Source, read

SOURCES: dict[str, Source] = {
    "folder": folder,
}

__all__ = ["SOURCES", "Reference", "Source", "read"]
