"""The demo's own few decisions; the commands it starts have tests of their own."""

import pytest
from PIL import Image

from tintmill.launch import demo
from tintmill.pipeline.common.errors import TintmillError


@pytest.mark.parametrize("size", [(640, 427), (512, 512), (300, 451)])
def test_crops_are_squares_inside_the_picture(size):
    for left, top, right, bottom in demo.crop_boxes(*size):
        assert right - left == bottom - top
        assert left >= 0
        assert top >= 0
        assert right <= size[0]
        assert bottom <= size[1]


def test_bundled_photos_are_real_colour_photographs(tmp_path):
    demo.bundled_photos(str(tmp_path / "photos"))
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
    assert demo.choose_splits(str(tmp_path))[1] == split


def test_own_photos_must_be_a_folder(tmp_path):
    with pytest.raises(TintmillError, match="--photos"):
        demo.own_photos(str(tmp_path / "nowhere"))


def test_a_failing_step_stops_the_demo_and_names_the_command():
    with pytest.raises(TintmillError, match="tintmill verify"):
        demo.tintmill("verify", "/nowhere/at/all")


def test_missing_weights_are_said_aloud(monkeypatch, capsys):
    """Random weights never stand in silently."""
    import subprocess

    def refuse(*arguments, **options):
        return subprocess.CompletedProcess(arguments, 1, stderr="Traceback\nException: URL fetch failure on somewhere")

    monkeypatch.setattr(demo.subprocess, "run", refuse)
    assert demo.available_weights() == "random"
    assert "RANDOM WEIGHTS" in capsys.readouterr().out


def test_weights_that_can_be_had_are_used(monkeypatch):
    import subprocess

    monkeypatch.setattr(demo.subprocess, "run", lambda *a, **o: subprocess.CompletedProcess(a, 0, stderr=""))
    assert demo.available_weights() == "imagenet"
