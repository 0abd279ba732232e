"""Bytes of a picture file to the coloured file's: what is promised of each, whatever the network answers."""

import io
import json
import types

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from tests.support.helpers import encode, photo_pixels
from tintmill.model.files import colour_file, picture_file
from tintmill.model.files.colour_file import Options, colour_bytes
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.imaging import lab, photo

LIMITS = photo.Limits(min_side=1)
PIXELS = photo_pixels(5, 90, 120)
ALPHA = np.tile(np.arange(120, dtype=np.uint8), (90, 1))
PROVENANCE = {"model": "stub", "model_sha256": "0" * 64}


class Stub:
    """A colorizer that answers random colours, most of them outside sRGB, and random bins."""

    has_bins = True

    def predict(self, grey, temperature=None):
        self.grey, self.temperature = grey, temperature
        random = np.random.default_rng(0)
        ab = random.uniform(-128, 128, (24, 32, 2)).astype(np.float32)
        return types.SimpleNamespace(ab=ab, logits=random.normal(0, 3, (12, 16, 313)).astype(np.float32))


class Regression(Stub):
    has_bins = False


class Red(Stub):
    def predict(self, grey, temperature=None):
        return types.SimpleNamespace(ab=np.full((2, 2, 2), (15, 10), np.float32), logits=None)


def coloured(data: bytes, colorizer=None, **options) -> colour_file.Coloured:
    return colour_bytes(data, colorizer or Stub(), Options(**options), LIMITS, PROVENANCE)


def pixels_of(data: bytes) -> np.ndarray:
    picture = picture_file.read(data, LIMITS)
    return picture.pixels


def lightness(pixels: np.ndarray) -> np.ndarray:
    pixels = pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=-1)
    return lab.rgb_to_lab(pixels / np.float64(np.iinfo(pixels.dtype).max))[..., 0]


@pytest.mark.parametrize("upsample", ["bilinear", "guided"])
@pytest.mark.parametrize(
    "data",
    [
        encode(PIXELS),
        encode(lab.to_grey(PIXELS)),
        encode(np.dstack([PIXELS, ALPHA])),
        encode(PIXELS, "TIFF"),
        encode(PIXELS, "WEBP", lossless=True),
        encode(PIXELS, "BMP"),
        imagecodecs.png_encode(PIXELS.astype(np.uint16) * 257 + 100),
        imagecodecs.png_encode(np.dstack([PIXELS, ALPHA]).astype(np.uint16) * 257),
        imagecodecs.tiff_encode(PIXELS.astype(np.uint16) * 256),
    ],
)
def test_a_coloured_file_has_the_lightness_of_its_source(data, upsample):
    result = coloured(data, upsample=upsample)
    before, after = pixels_of(data), pixels_of(result.data)
    assert before.dtype == after.dtype
    assert np.abs(lightness(after) - lightness(before)).max() < 0.5
    assert np.ptp(after.astype(int), axis=-1).max() > 50  # there is colour


def test_facts_are_json_and_true():
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encode(np.dstack([PIXELS, ALPHA]), "PNG", exif=exif, icc_profile=picture_file.srgb_profile())
    facts = json.loads(json.dumps(coloured(data).facts))
    assert 0.3 < facts.pop("reduced") < 1
    assert facts.pop("profile").startswith("sRGB")
    assert facts == {
        **{"width": 90, "height": 120, "bits": 8, "format": "PNG", "pages": 1},
        **{"alpha": True, "orientation": 6, "toned": True},
    }
    facts = coloured(encode(lab.to_grey(PIXELS), "JPEG"), Red()).facts
    assert (facts["profile"], facts["alpha"], facts["toned"]) == (None, False, False)


@pytest.mark.parametrize(("kind", "extension"), [("JPEG", ".jpg"), ("PNG", ".png"), ("TIFF", ".tif"), ("GIF", ".png")])
def test_the_extension_is_of_what_was_written(kind, extension):
    result = coloured(encode(PIXELS, kind))
    assert result.extension == extension
    assert picture_file.EXTENSIONS.get(photo.sniff(result.data), ".png") == extension


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_a_coloured_file_says_so(kind):
    said = picture_file.read(coloured(encode(PIXELS, kind)).data, LIMITS).xmp
    assert b"automatically coloured" in said
    assert b"0" * 64 in said


def test_alpha_is_kept_and_colours_lie_below_it():
    after = picture_file.read(coloured(encode(np.dstack([PIXELS, ALPHA])), Red()).data, LIMITS)
    assert np.array_equal(after.alpha, ALPHA)
    assert np.median(lab.rgb_to_lab(after.pixels)[..., 1]) == pytest.approx(15, abs=1)


def test_a_toned_picture_is_read_by_its_luminance():
    """A sepia print and the grey one of the same L*: one picture to the network, and in the file."""
    grey = np.repeat(lab.to_grey(PIXELS)[..., None], 3, axis=-1)
    lightness_of = lab.rgb_to_lab(grey)[..., :1]
    tone = np.broadcast_to(np.float32([8, 25]), (90, 120, 2))
    sepia = lab.lab_to_rgb8(np.concatenate([lightness_of, tone], axis=-1))
    stubs = Stub(), Stub()
    results = [coloured(encode(pixels), colorizer) for pixels, colorizer in zip((grey, sepia), stubs, strict=True)]
    assert [result.facts["toned"] for result in results] == [False, True]
    seen = [np.asarray(colorizer.grey).astype(int) for colorizer in stubs]
    assert np.abs(seen[0] - seen[1]).max() <= 1
    of_grey, of_sepia = (lab.rgb_to_lab(pixels_of(result.data)) for result in results)
    assert np.abs(of_grey - of_sepia)[..., 0].max() < 1
    assert np.abs(of_grey - of_sepia).mean() < 1


def test_chroma_and_temperature_reach_their_places():
    colorizer = Stub()
    result = coloured(encode(PIXELS), colorizer, chroma=0.0, temperature=0.5)
    assert pixels_of(result.data).ndim == 2  # all of it grey to the level
    assert colorizer.temperature == 0.5


def test_quality_is_that_of_the_jpeg():
    tables = []
    for quality in (40, 95):
        with Image.open(io.BytesIO(coloured(encode(PIXELS, "JPEG"), quality=quality).data)) as image:
            tables.append(sum(image.quantization[0]))
    assert tables[0] > 5 * tables[1]


# Uncertainty


def test_uncertainty_is_entropy_from_sure_to_uniform():
    class Halves(Stub):
        def predict(self, grey, temperature=None):
            logits = np.zeros((2, 4, 313), np.float32)
            logits[:, :2, 120] = 1000  # the left half is sure
            return types.SimpleNamespace(ab=np.zeros((4, 8, 2), np.float32), logits=logits)

    result = coloured(encode(PIXELS), Halves(), uncertainty=True)
    with Image.open(io.BytesIO(result.uncertainty)) as image:
        assert (image.format, image.mode, image.size) == ("PNG", "L", (120, 90))
        levels = np.asarray(image)
    assert (levels[:, :40] == 0).all()
    assert (levels[:, -40:] == 255).all()


def test_entropy_is_that_of_scipy():
    from scipy.stats import entropy

    logits = np.random.default_rng(0).normal(0, 4, (5, 6, 313)).astype(np.float32)
    wanted = entropy(np.exp(logits.astype(np.float64)), axis=-1) / np.log(313)
    np.testing.assert_allclose(colour_file.entropy(logits), wanted, atol=1e-5)


def test_uncertainty_is_made_only_when_asked_for():
    assert coloured(encode(PIXELS)).uncertainty is None


def test_uncertainty_without_bins_is_refused():
    with pytest.raises(TintmillError, match="--uncertainty: the network predicts colours without bins"):
        coloured(encode(PIXELS), Regression(), uncertainty=True)


@pytest.mark.parametrize(
    ("options", "flag"),
    [({"temperature": value}, "--temperature") for value in (0.0, -1.0, float("inf"), float("nan"))]
    + [({"chroma": value}, "--chroma") for value in (-0.1, float("inf"), float("nan"))]
    + [({"upsample": "nearest"}, "--upsample"), ({"quality": 0}, "--quality"), ({"quality": 101}, "--quality")],
)
def test_options_out_of_range_are_refused_by_the_name_of_their_flag(options, flag):
    with pytest.raises(TintmillError, match=f"{flag}=.*: wanted"):
        Options(**options)


# What people bring


@pytest.mark.parametrize("shape", [(1, 1), (1, 20_000), (20_000, 1), (2, 3)])
def test_pictures_of_any_shape_are_coloured(shape):
    for kind in ("PNG", "TIFF", "JPEG"):
        result = coloured(encode(photo_pixels(0, *shape), kind), uncertainty=True)
        assert (result.facts["height"], result.facts["width"]) == shape
        assert pixels_of(result.data).shape[:2] == shape


@pytest.mark.parametrize("kind", ["TIFF", "JPEG"])
def test_ink_is_coloured(kind):
    cmyk = Image.fromarray(PIXELS).convert("CMYK")
    buffer = io.BytesIO()
    cmyk.save(buffer, kind)
    result = coloured(buffer.getvalue(), Red())
    with Image.open(io.BytesIO(result.data)) as image:
        assert (image.format, image.mode) == (kind, "RGB")
    before = np.asarray(photo.decode(buffer.getvalue(), LIMITS))
    assert np.abs(lightness(pixels_of(result.data)) - lightness(before)).mean() < 1


@pytest.mark.parametrize(
    ("data", "code"),
    [(b"", "empty"), (b"text", "not_a_picture"), (encode(PIXELS, "JPEG")[:2000], "truncated")],
)
def test_what_cannot_be_coloured_has_a_reason(data, code):
    with pytest.raises(photo.Rejected, match=code):
        coloured(data)


def test_an_animation_is_refused():
    frames = [Image.fromarray(photo_pixels(i)) for i in range(3)]
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    with pytest.raises(photo.Rejected, match="animated"):
        coloured(buffer.getvalue())


@pytest.mark.real_data
@pytest.mark.slow
def test_every_odd_file_is_coloured_or_has_a_reason(real_data):
    """As `photo` decides it: what it decodes comes out at its size, upright; nothing but `Rejected` is raised."""
    limits = photo.Limits(max_pixels=40_000_000, min_side=1)
    count = 0
    for path in sorted((real_data / "odd_images").rglob("*.*")):
        data = path.read_bytes()
        try:
            size = photo.decode(data, limits).size
        except photo.Rejected as refused:
            with pytest.raises(photo.Rejected, match=f"^{refused.code}$"):
                colour_bytes(data, Stub(), Options(uncertainty=True), limits, PROVENANCE)
            continue
        result = colour_bytes(data, Stub(), Options(uncertainty=True), limits, PROVENANCE)
        count += 1
        again = picture_file.read(result.data, limits)
        assert again.pixels.shape[:2] == size[::-1], path.name
        assert (result.facts["width"], result.facts["height"], again.orientation) == (*size, 1), path.name
    assert count > 200


@pytest.mark.real_data
@pytest.mark.parametrize("kind", ["Landscape", "Portrait"])
def test_real_pictures_of_all_orientations_come_out_alike(real_data, kind):
    small = []
    for path in sorted((real_data / "odd_images" / "exif_orientation").glob(f"{kind}_*.jpg")):
        picture = photo.decode(coloured(path.read_bytes(), Red()).data, LIMITS)
        small.append(photo.fit(picture, 64, "squash").astype(int))
    assert len(small) > 4
    for picture in small:  # each file shows its own number in its middle; the rest is one picture
        assert np.abs(picture - small[0]).mean() < 12
        assert np.abs(picture[::-1] - small[0]).mean() > 20


@pytest.mark.real_data
def test_real_16_bit_pngs_stay_16_bit(real_data):
    paths = sorted((real_data / "odd_images" / "pngsuite").glob("*16.png"))
    assert len(paths) > 15
    for path in paths:
        result = coloured(path.read_bytes())
        assert (result.facts["bits"], result.data[24]) == (16, 16), path.name


@pytest.mark.real_data
@pytest.mark.parametrize("folder", ["historical_sepia", "historical_bw", "prokudin_color"])
def test_real_photographs_keep_their_lightness(real_data, folder):
    """JPEG itself rounds; without it, as PNG, half a unit."""
    for path in sorted((real_data / folder).glob("*.[jJ]*"))[:3]:
        image = photo.decode(path.read_bytes(), LIMITS)
        image.thumbnail((600, 600))
        data = encode(np.asarray(image))
        after = pixels_of(coloured(data).data)
        assert np.abs(lightness(after) - lightness(np.asarray(image))).max() < 0.5
