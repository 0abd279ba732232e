"""`tintmill.colorize` and `tintmill.Colorizer`: the same kind comes back, and nothing heavy is imported before."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tintmill
from tests.support import helpers, known_models
from tintmill.pipeline.imaging import lab

PIXELS = np.clip(helpers.photo_pixels(0, 60, 90), 80, 170)
HINT = {"x": 20, "y": 30, "color": "#a06040"}
WANTED = lab.rgb_to_lab(np.array([0xA0, 0x60, 0x40], np.uint8))[1:]
HEAVY = ("numpy", "PIL", "tensorflow", "keras", "numba", "onnxruntime", "scipy", "skimage", "absl")


@pytest.fixture(scope="module")
def colorizer(tmp_path_factory) -> tintmill.Colorizer:
    """With the toy model, by the name `default`."""
    env = known_models.install(tmp_path_factory.mktemp("data"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", env["XDG_DATA_HOME"])
        return tintmill.Colorizer()


def test_importing_it_imports_nothing_heavy():
    loaded = helpers.run_python("import sys, tintmill; tintmill.__version__; print(*sorted(sys.modules))").split()
    assert "tintmill" in loaded
    assert not {name for name in loaded if name.split(".")[0] in HEAVY}
    assert not {name for name in loaded if name.startswith("tintmill.")}


def test_its_names_are_listed_and_others_are_none():
    assert {"colorize", "Colorizer", "TintmillError"} <= set(dir(tintmill))
    with pytest.raises(AttributeError, match="no attribute 'colourise'"):
        tintmill.colourise  # noqa: B018


def test_an_array_comes_back_as_an_array_with_its_own_lightness(colorizer):
    for pixels in (PIXELS, lab.to_grey(PIXELS)):
        coloured = colorizer(pixels)
        assert (coloured.dtype, coloured.shape) == (np.uint8, (60, 90, 3))
        assert np.abs(lab.rgb_to_lab(coloured)[..., 0] - lab.rgb_to_lab(PIXELS)[..., 0]).max() < 0.6
        assert np.abs(lab.rgb_to_lab(coloured)[..., 1:]).mean() > 3
    assert PIXELS.min() == 80


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "CMYK", "YCbCr"])
def test_an_image_comes_back_as_an_image(colorizer, mode):
    image = Image.fromarray(PIXELS).convert("RGBA" if mode == "LA" else mode)
    image = image.convert(mode)
    coloured = colorizer(image)
    assert coloured.size == image.size
    assert coloured.mode == ("RGBA" if mode in ("RGBA", "LA") else "RGB")


def test_a_path_comes_back_as_the_path_of_a_coloured_file_beside_it(colorizer, tmp_path, monkeypatch):
    (tmp_path / "photo.jpg").write_bytes(helpers.encode(PIXELS, "JPEG"))
    assert colorizer(tmp_path / "photo.jpg") == tmp_path / "photo_coloured.jpg"
    monkeypatch.chdir(tmp_path)
    assert colorizer("photo.jpg", hints=[HINT]) == "photo_coloured-2.jpg"
    with Image.open("photo_coloured-2.jpg") as saved:
        assert b"tintmill:hints>1<" in saved.info["xmp"]
        ab = lab.rgb_to_lab(np.asarray(saved))[30, 20, 1:]
    np.testing.assert_allclose(ab, WANTED, atol=4)


def test_hints_are_met(colorizer):
    ab = lab.rgb_to_lab(colorizer(PIXELS, hints=[HINT]))[30, 20, 1:]
    np.testing.assert_allclose(ab, WANTED, atol=1.5)


def test_variants_are_a_list_of_the_same_kind(colorizer, tmp_path):
    assert [one.shape for one in colorizer(PIXELS, variants=3)] == [(60, 90, 3)] * 3
    np.testing.assert_array_equal(colorizer(PIXELS, variants=3)[0], colorizer(PIXELS))
    assert [one.size for one in colorizer(Image.fromarray(PIXELS), variants=2)] == [(90, 60)] * 2
    (tmp_path / "photo.png").write_bytes(helpers.encode(PIXELS))
    assert [path.name for path in colorizer(tmp_path / "photo.png", variants=2)] == [
        "photo_coloured.variant-1.png",
        "photo_coloured.variant-2.png",
    ]


@pytest.mark.parametrize(
    ("picture", "said"),
    [
        (PIXELS.astype(np.float32), "float32 [60, 90, 3]; wanted uint8 [H, W, 3] or [H, W]"),
        (np.zeros((4, 4, 4), np.uint8), "uint8 [4, 4, 4]; wanted uint8"),
        (np.zeros((0, 4), np.uint8), "uint8 [0, 4]"),
        ([1, 2], "picture: list; wanted a path, a PIL image or an array of uint8"),
        (Image.new("F", (4, 4)), "an image of mode F; wanted 8 bits"),
        ("nothing.jpg", "nothing.jpg: no such file"),
    ],
)
def test_what_is_no_picture_is_a_line(colorizer, picture, said):
    with pytest.raises(tintmill.TintmillError) as caught:
        colorizer(picture)
    assert said in str(caught.value)


def test_a_damaged_file_and_a_wrong_hint_are_lines(colorizer, tmp_path):
    (tmp_path / "photo.jpg").write_bytes(helpers.encode(PIXELS, "JPEG")[:500])
    with pytest.raises(tintmill.TintmillError, match=r"photo\.jpg: not coloured: (truncated|damaged)"):
        colorizer(tmp_path / "photo.jpg")
    (tmp_path / "photo.jpg").write_bytes(helpers.encode(PIXELS, "JPEG"))
    for picture in (tmp_path / "photo.jpg", PIXELS):
        with pytest.raises(tintmill.TintmillError, match=r"hints\[0\]\.x: found 90, wanted 0 to 89"):
            colorizer(picture, hints=[HINT | {"x": 90}])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["photo.jpg"]


def test_a_run_and_a_file_are_told_apart(tmp_path):
    with pytest.raises(tintmill.TintmillError, match="no such file or folder"):
        tintmill.Colorizer(tmp_path / "none.onnx")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "settings.json").write_text(json.dumps({"network": "toy"}))
    with pytest.raises(tintmill.TintmillError, match=r"no dataset\.json in it"):
        tintmill.Colorizer(Path(tmp_path / "run"))
