"""Sources: where pictures come from. A new one is a module with `describe` and `references`, and a line in SOURCES."""

from tintmill.pipeline.listing import reading
from tintmill.pipeline.listing.reference import Source
from tintmill.pipeline.sources import celeba, folder, imagenet, linnaeus5, reuse_lab, tfds, tiny_imagenet

SOURCES: dict[str, Source] = {
    "folder": folder,
    "celeba": celeba,
    "linnaeus5": linnaeus5,
    "imagenet": imagenet,
    "tiny_imagenet": tiny_imagenet,
    "tfds": tfds,
    "reuse_lab": reuse_lab,
}

# How a reference of any source is read: files and members of archives as all do, other kinds as their source does.
READERS: reading.Readers = reading.READERS | tfds.READERS | reuse_lab.READERS

__all__ = ["READERS", "SOURCES"]
