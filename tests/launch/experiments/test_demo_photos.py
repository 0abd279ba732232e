"""The photographs of the demo."""

import pytest
from PIL import Image

from tintmill.launch.experiments.demo_photos import choose_splits, copy_bundled_photos, crop_boxes, find_own_photos
from tintmill.pipeline.common.errors import TintmillError


@pytest.mark.parametrize("size", [(640, 427), (512, 512), (300, 451)])
def test_crops_are_squares_inside_the_picture(size):
    for left, top, right, bottom in crop_boxes(*size):
        assert right - left == bottom - top
        assert left >= 0
        assert top >= 0
        assert right <= size[0]
        assert bottom <= size[1]


def test_bundled_photos_are_real_colour_photographs(tmp_path):
    copy_bundled_photos(str(tmp_path / "photos"))
    pictures = sorted((tmp_path / "photos" / "whole").iterdir())
    assert len(pictures) == 7
    assert len(list((tmp_path / "photos" / "crops").iterdir())) == 21
    for path in pictures:
        with Image.open(path) as image:
            assert image.mode == "RGB"
            assert min(image.size) >= 300


@pytest.mark.parametrize(("pictures", "split"), [(3, "train"), (39, "train"), (40, "test")])
def test_few_pictures_are_an_overfitting_check(tmp_path, pictures, split):
    for number in range(pictures):
        (tmp_path / f"{number}.jpg").write_bytes(b"")
    assert choose_splits(str(tmp_path)).scored == split


def test_own_photos_must_be_a_folder(tmp_path):
    with pytest.raises(TintmillError, match="--photos"):
        find_own_photos(str(tmp_path / "nowhere"))
