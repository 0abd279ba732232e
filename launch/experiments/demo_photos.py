"""The photographs of `tintmill demo`: historical ones; those of scikit-image and scikit-learn, or the user's own."""

import dataclasses
import os
import shutil

from tintmill.model.builtin import catalogue
from tintmill.pipeline.common import files
from tintmill.pipeline.common.errors import TintmillError

HISTORY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "history", "*.jpg")  # a pattern; see its SOURCES.md
_ENOUGH_TO_SPLIT = 40  # with fewer pictures a test split of a tenth says nothing
_SKIMAGE = ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg", "motorcycle_left.png")
_SKLEARN = ("china.jpg", "flower.jpg")


@dataclasses.dataclass(frozen=True)
class Photos:
    """Two folders: the pictures that are prepared, and the photographs that are coloured in the end."""

    prepared: str
    coloured: str


@dataclasses.dataclass(frozen=True)
class Splits:
    """The value of --splits, and the split that the run is scored on."""

    shares: str
    scored: str


def is_default_there() -> bool:
    """Whether there is a model that colours where none is named."""
    return catalogue.DEFAULT in [model.name for model in catalogue.list_models()]


def find_own_photos(folder: str) -> Photos:
    """The user's folder, both to prepare and to colour.

    Raises:
      TintmillError: there is no such folder.
    """
    if not os.path.isdir(folder):
        raise TintmillError(f"--photos={folder}: wanted a folder of photographs")
    return Photos(os.path.abspath(folder), os.path.abspath(folder))


def copy_bundled_photos(folder: str) -> Photos:
    """Copies the libraries' photographs to `folder`/whole, and three crops of each to `folder`/crops."""
    import skimage
    import sklearn
    from PIL import Image

    sources = [os.path.join(os.path.dirname(skimage.__file__), "data", name) for name in _SKIMAGE]
    sources += [os.path.join(os.path.dirname(sklearn.__file__), "datasets", "images", name) for name in _SKLEARN]
    photos = Photos(prepared=os.path.join(folder, "crops"), coloured=os.path.join(folder, "whole"))
    os.makedirs(photos.prepared)
    os.makedirs(photos.coloured)
    for source in sources:
        shutil.copy(source, photos.coloured)
        name = os.path.splitext(os.path.basename(source))[0]
        with Image.open(source) as image:
            for number, box in enumerate(crop_boxes(*image.size)):
                image.convert("RGB").crop(box).save(os.path.join(photos.prepared, f"{name}_{number}.png"))
    return photos


def crop_boxes(width: int, height: int) -> list[tuple[int, int, int, int]]:
    """The largest centred square, and the squares of three quarters of it in two opposite corners."""
    side = min(width, height)
    part = side * 3 // 4
    left, top = (width - side) // 2, (height - side) // 2
    return [
        (left, top, left + side, top + side),
        (left, top, left + part, top + part),
        (left + side - part, top + side - part, left + side, top + side),
    ]


def choose_splits(folder: str) -> Splits:
    """The splits of a folder of pictures. Few pictures all train, and the score is then a check of overfitting."""
    if sum(1 for _ in files.list_files(folder)) < _ENOUGH_TO_SPLIT:
        return Splits("train:1", "train")
    return Splits("train:0.9,test:0.1", "test")
