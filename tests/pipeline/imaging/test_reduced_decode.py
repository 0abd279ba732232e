"""JPEGs decoded at reduced scale: faster, and nothing visible is lost."""

import numpy as np
import pytest
from PIL import Image

from tests.support import helpers
from tintmill.pipeline.imaging import fidelity, photo

LIMITS = photo.Limits()


def detailed(height, width, seed=0):
    """A picture with detail at all scales, as a photograph has."""
    random = np.random.default_rng(seed)
    total = np.zeros((height, width, 3))
    for octave in range(2, 8):
        cells = random.normal(0, 1, (2**octave, 2**octave, 3)).astype(np.float32)
        layers = [Image.fromarray(cells[..., i]).resize((width, height), Image.BICUBIC) for i in range(3)]
        total += np.stack([np.asarray(layer) for layer in layers], axis=-1) * 60 / octave
    return np.clip(total + 128, 0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    ("side", "expected"), [(None, (1200, 900)), (451, (1200, 900)), (450, (600, 450)), (112, (150, 113))]
)
def test_both_sides_stay_at_least_as_asked(side, expected):
    data = helpers.encode(detailed(900, 1200), "JPEG")
    image, original = photo.decode_reduced(data, LIMITS, side)
    assert image.size == expected
    assert original == (1200, 900)


def test_original_size_is_that_of_the_upright_picture():
    exif = Image.Exif()
    exif[0x0112] = 6
    data = helpers.encode(detailed(900, 1200), "JPEG", exif=exif)
    for side in (None, 400):
        image, original = photo.decode_reduced(data, LIMITS, side)
        assert original == (900, 1200)
        assert image.width < image.height


def test_other_formats_come_whole():
    data = helpers.encode(detailed(400, 600), "PNG")
    assert photo.decode_reduced(data, LIMITS, 64)[0].size == (600, 400)


def test_nothing_visible_changes():
    """At twice the needed size or more the difference stays far below one CIEDE2000, the least a person sees."""
    data = helpers.encode(detailed(1350, 1800), "JPEG", quality=92)
    whole = photo.fit(photo.decode(data, LIMITS), 224, "crop")
    reduced = photo.fit(photo.decode_reduced(data, LIMITS, 448)[0], 224, "crop")
    assert not np.array_equal(whole, reduced)
    assert fidelity.ciede2000(whole, reduced) < 0.7
