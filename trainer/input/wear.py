"""Wear: L* as prints and scans of old photographs have it. The colours of a picture stay what they are.

Photographs made grey are sharper, cleaner and richer in contrast than those for which colorizers are wanted.
"""

import io

import numpy as np
from PIL import Image, ImageFilter

_OFTEN = 0.5  # each kind of wear befalls every other picture that is worn


def wear(lightness: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Wears a picture: blur, low contrast, gamma, grain, JPEG, each in half of the cases.

    Args:
      lightness: float32 [H, W], L* 0..100.
      random: all that is drawn comes from it.
    Returns:
      float32 [H, W], L* 0..100.
    """
    for change in (_blur, _fade, _bend, _grain, _compress):
        if random.random() < _OFTEN:
            lightness = np.clip(change(lightness, random), 0.0, 100.0)
    return lightness.astype(np.float32)


def _blur(lightness: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """By a Gaussian of up to a pixel."""
    radius = random.uniform(0.3, 1.0)
    return _through_8_bits(lightness, lambda image: image.filter(ImageFilter.GaussianBlur(radius)))


def _fade(lightness: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Black becomes grey and white yields: L* 0..100 to low..high."""
    low, high = random.uniform(0, 25), random.uniform(75, 100)
    return low + lightness * (high - low) / 100.0


def _bend(lightness: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """The mid-tones of another emulsion or exposure: a gamma of 0.7 to 1.4."""
    return 100.0 * (lightness / 100.0) ** np.exp(random.uniform(-0.35, 0.35))


def _grain(lightness: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Noise of up to 3 of L*, half of it in pairs of pixels as a scan of larger grain shows it."""
    noise = random.standard_normal(lightness.shape)
    if random.random() < 0.5:
        noise = noise + np.roll(noise, 1, axis=0) + np.roll(noise, 1, axis=1) + np.roll(noise, 1, axis=(0, 1))
        noise /= 2.0
    return lightness + random.uniform(0.3, 3.0) * noise


def _compress(lightness: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Through a grey JPEG of quality 25 to 80."""
    quality = int(random.integers(25, 81))

    def through_jpeg(image: Image.Image) -> Image.Image:
        written = io.BytesIO()
        image.save(written, "JPEG", quality=quality)
        return Image.open(written)

    return _through_8_bits(lightness, through_jpeg)


def _through_8_bits(lightness: np.ndarray, change) -> np.ndarray:
    image = Image.fromarray(np.rint(lightness * 2.55).astype(np.uint8))
    return np.asarray(change(image), np.float32) / 2.55
