"""The pictures of a study: matched by name, and nothing but colour tells real from coloured."""

import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tintmill.launch.pages.studies import pictures
from tintmill.launch.pages.studies.settings import CHECK, REAL, LeftOut, Study, StudySettings
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.imaging import lab


@pytest.mark.parametrize(
    ("name", "key"),
    [("a/b.jpg", "a/b"), ("a/b.bmp.png", "a/b"), ("b.JPEG", "b"), ("v1.2.png", "v1.2"), ("b", "b"), (".jpg", ".jpg")],
)
def test_pictures_are_matched_by_name_without_extensions(name, key):
    assert pictures.strip_extensions(name) == key


def test_pictures_that_a_folder_lacks_are_left_out_and_named(folders, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "colorize.jsonl").write_text("{}")
    matched, left_out = pictures.match(StudySettings(str(folders / "real"), {"mine": str(tmp_path / "mine")}))
    assert not matched
    assert len(left_out) == 12
    assert left_out[0] == LeftOut("sub/p00", "not in the folder of mine")


def test_two_pictures_of_one_name_are_refused(tmp_path):
    for name in ("a.jpg", "a.png"):
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(TintmillError, match=r"--real=.*a\.jpg and .*a\.png are both 'a'"):
        pictures.match(StudySettings(str(tmp_path), {}))


def test_a_folder_that_is_not_there_is_named_with_its_flag(folders):
    with pytest.raises(TintmillError, match="--coloured=mine=/nowhere: no such folder"):
        pictures.match(StudySettings(str(folders / "real"), {"mine": "/nowhere"}))


def test_all_versions_come_to_the_smallest_size_and_none_is_scaled_up():
    large, small = Image.new("RGB", (200, 100), "red"), Image.new("RGB", (100, 50), "red")
    sizes = {v.shape for v in pictures.scale_alike({REAL: large, "mine": small, "other": large}, 512).values()}
    assert sizes == {(50, 100, 3)}
    sizes = {v.shape for v in pictures.scale_alike({REAL: large, "mine": large}, 64).values()}
    assert sizes == {(32, 64, 3)}


@pytest.mark.parametrize(
    ("real", "mine", "why"),
    [
        (Image.new("RGB", (90, 60), "red"), Image.new("RGB", (60, 60), "red"), "another shape"),
        (Image.new("RGB", (90, 60), "gray"), Image.new("RGB", (90, 60), "red"), "no colour"),
        (Image.new("RGB", (900, 60), "red"), Image.new("RGB", (90, 6), "red"), "too small"),
    ],
)
def test_pictures_that_cannot_be_compared_are_left_out(real, mine, why):
    with pytest.raises(pictures.Unfit, match=why):
        pictures.scale_alike({REAL: real, "mine": mine}, 512)


def test_a_picture_that_cannot_be_read_is_left_out_with_its_reason(folders, tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_text("not a picture")
    study = Study(str(tmp_path), "id", StudySettings("", {"mine": ""}, side=64), [], [])
    good = str(folders / "real" / "sub" / "p00.jpg")
    names, left_out = pictures.write(
        study, {"bad": {REAL: good, "mine": str(broken)}, "good": {REAL: good, "mine": good}}
    )
    assert names == ["good"]
    assert left_out[0].picture == "bad"
    assert "no supported picture format" in left_out[0].why


def chunks(data: bytes) -> set[bytes]:
    """The kinds of chunks in a PNG file."""
    found, place = set(), 8
    while place < len(data):
        (length,) = struct.unpack(">I", data[place : place + 4])
        found.add(data[place + 4 : place + 8])
        place += 12 + length
    return found


def test_pictures_shown_are_of_one_format_and_size_and_carry_nothing_else(prepared):
    study = prepared["2afc"]
    for number in range(len(study.pictures)):
        versions = [Path(study.picture_path(number, v)).read_bytes() for v in (REAL, CHECK, "mine", "other")]
        assert {frozenset(chunks(data)) for data in versions} == {frozenset((b"IHDR", b"IDAT", b"IEND"))}
        assert len({data[:33] for data in versions}) == 1  # size, depth and colour type


def test_checks_have_garish_colours_and_the_pictures_own_lightness():
    pixels = np.full((60, 80, 3), (120, 110, 100), np.uint8)
    fake = pictures.paint_garish(pixels, "name")
    assert np.abs(lab.rgb_to_lab(fake)[..., 0] - lab.rgb_to_lab(pixels)[..., 0]).max() < 0.5
    assert np.linalg.norm(lab.rgb_to_lab(fake)[..., 1:], axis=-1).mean() > 30
    assert (pictures.paint_garish(pixels, "name") == fake).all()
