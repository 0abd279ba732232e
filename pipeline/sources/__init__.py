"""Sources: where pictures come from. A new one is a module with `describe` and `references`, and a line in SOURCES."""

from pipeline.sources import celeba, folder, imagenet, linnaeus5, reuse_lab, tfds, tiny_imagenet
from pipeline.sources.reading import read, read_many
from pipeline.sources.reference import Description, Reference, Source

SOURCES: dict[str, Source] = {
    "folder": folder,
    "celeba": celeba,
    "linnaeus5": linnaeus5,
    "imagenet": imagenet,
    "tiny_imagenet": tiny_imagenet,
    "tfds": tfds,
    "reuse_lab": reuse_lab,
}

__all__ = ["SOURCES", "Description", "Reference", "Source", "read", "read_many"]
