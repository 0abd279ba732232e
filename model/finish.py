"""Colours at a network's resolution onto a picture of any size."""

import numpy as np

from model.colorizer import upsample as enlarge
from pipeline import lab


def paint(pixels: np.ndarray, ab: np.ndarray, chroma: float = 1.0, upsample: str = "bilinear") -> np.ndarray:
    height, width = pixels.shape[:2]
    lightness = lab.rgb_to_lab(pixels)[..., :1]
    return lab.lab_to_rgb8(np.concatenate([lightness, chroma * enlarge(ab, (width, height))], axis=-1))
