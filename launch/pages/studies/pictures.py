"""Pictures of several folders matched by name, and written so that nothing but colour tells real from coloured.

All versions of a picture are scaled to one size, none of them up, and saved as PNG without any metadata: neither format
nor sharpness nor a file's properties give the answer away.
"""

import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator

import numpy as np
from PIL import Image

from tintmill.launch.pages.studies.settings import CHECK, REAL, LeftOut, Study, StudySettings
from tintmill.pipeline.common import files
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.imaging import filters, lab, photo

_EXTENSIONS = frozenset((".jpg", ".jpeg", ".png", ".gif", ".webp", ".tif", ".tiff", ".bmp", ".ppm", ".jp2", ".avif"))
_SHAPE_TOLERANCE = 0.02  # of the aspect ratio: scaling and rounding, not cropping
_LEAST_SIDE = 32
_GARISH = 70.0  # chroma of the colours of an attention check: no photograph has patches of it all over


class Unfit(Exception):
    """A picture that cannot be part of the study; the text says why."""


def strip_extensions(name: str) -> str:
    """The name without extensions of pictures, of which there may be two: `colorize` makes a/b.bmp.png of a/b.bmp."""
    stem, extension = os.path.splitext(name)
    while extension.lower() in _EXTENSIONS:
        name = stem
        stem, extension = os.path.splitext(name)
    return name


def match(settings: StudySettings) -> tuple[dict[str, dict[str, str]], list[LeftOut]]:
    """Matches the folders' pictures by name.

    Returns:
      path by name and version, of the pictures that every folder has; and the others.
    Raises:
      TintmillError: a folder is not there, or two of its pictures have one name.
    """
    folders = {REAL: settings.real, **settings.coloured}
    listed = {version: _list_pictures(version, folder) for version, folder in folders.items()}
    matched, left_out = {}, []
    for name in listed[REAL]:
        lacking = [version for version in folders if name not in listed[version]]
        if lacking:
            left_out.append(LeftOut(name, f"not in the folder of {', '.join(lacking)}"))
        else:
            matched[name] = {version: listed[version][name] for version in folders}
    return matched, left_out


def write(study: Study, matched: dict[str, dict[str, str]]) -> tuple[list[str], list[LeftOut]]:
    """Writes the pictures of a study. Returns the names of those that can be shown, and the others."""
    shutil.rmtree(os.path.join(study.folder, "pictures"), ignore_errors=True)  # of an attempt that was killed
    os.makedirs(os.path.join(study.folder, "pictures"))
    names, left_out = [], []
    for name, paths in _progress(matched.items(), len(matched)):
        try:
            versions = scale_alike({version: _read(path) for version, path in paths.items()}, study.settings.side)
        except Unfit as why:
            left_out.append(LeftOut(name, str(why)))
            continue
        versions[CHECK] = paint_garish(versions[REAL], name)
        for version, pixels in versions.items():
            Image.fromarray(pixels).save(study.picture_path(len(names), version))
        names.append(name)
    return names, left_out


def scale_alike(images: dict[str, Image.Image], side: int) -> dict[str, np.ndarray]:
    """Scales all versions of a picture to one size: the smallest version's, and at most `side` pixels long.

    Args:
      images: PIL images of mode RGB by version; REAL is one of them.
    Returns:
      uint8 [H, W, 3] by version.
    Raises:
      Unfit: a version has another shape, or the real one has no colour.
    """
    real = images[REAL]
    for version, image in images.items():
        if abs(image.width * real.height / (image.height * real.width) - 1) > _SHAPE_TOLERANCE:
            raise Unfit(f"{version} is {image.width}x{image.height}, of another shape than the real picture")
    longest = min(side, *(max(image.size) for image in images.values()))
    scale = longest / max(real.size)
    size = (max(1, round(real.width * scale)), max(1, round(real.height * scale)))
    if min(size) < _LEAST_SIDE:
        raise Unfit(f"it would be shown at {size[0]}x{size[1]}, too small to judge")
    # Arrays, because Pillow writes an image's profile and comments with it.
    pixels = {version: np.asarray(image.resize(size, Image.Resampling.BICUBIC)) for version, image in images.items()}
    if filters.is_grey(lab.rgb_to_lab(pixels[REAL])):
        raise Unfit("the real picture has no colour")
    return pixels


def paint_garish(pixels: np.ndarray, name: str) -> np.ndarray:
    """Colours a picture so that nobody who looks takes it for real: its own L*, and patches of strong random hues.

    Args:
      pixels: uint8 sRGB [H, W, 3].
      name: decides the hues.
    Returns:
      uint8 sRGB [H, W, 3].
    """
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
    hues = np.random.default_rng(seed).uniform(0, 2 * np.pi, (3, 4))
    height, width = pixels.shape[:2]
    rows, columns = np.arange(height) * 3 // height, np.arange(width) * 4 // width
    hue = hues[rows][:, columns]
    ab = np.stack([np.cos(hue), np.sin(hue)], axis=-1) * _GARISH
    return lab.lab_to_rgb8(np.concatenate([lab.rgb_to_lab(pixels)[..., :1], ab], axis=-1))


def _list_pictures(version: str, folder: str) -> dict[str, str]:
    flag = f"--{REAL}={folder}" if version == REAL else f"--coloured={version}={folder}"
    if not os.path.isdir(folder):
        raise TintmillError(f"{flag}: no such folder; wanted one with pictures")
    found: dict[str, str] = {}
    for entry in files.list_files(folder):
        if os.path.splitext(entry.name)[1].lower() not in _EXTENSIONS:
            continue
        name = strip_extensions(entry.name)
        if name in found:
            raise TintmillError(f"{flag}: {found[name]} and {entry.path} are both {name!r} without extension; keep one")
        found[name] = entry.path
    return found


def _read(path: str) -> Image.Image:
    try:
        return photo.decode(files.read(path), photo.Limits(min_side=_LEAST_SIDE))
    except photo.Rejected as rejected:
        raise Unfit(f"{path}: {photo.REASONS[rejected.code]}") from rejected
    except OSError as error:
        raise Unfit(f"{path}: {photo.REASONS['unreadable']}") from error


def _progress(items: Iterable, total: int) -> Iterator:
    from tqdm import tqdm

    return tqdm(items, total=total, unit=" pictures", desc="preparing", disable=total < 20)
