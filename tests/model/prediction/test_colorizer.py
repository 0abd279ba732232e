"""The colorizer: sizes, L*, temperature, and that use is what training was."""

import dataclasses

import keras
import numpy as np
import pytest
from PIL import Image

from tests.support import helpers
from tests.support.manifests import make_identity, make_manifest
from tintmill.model.blocks import heads
from tintmill.model.blocks.spec import NetworkSpec
from tintmill.model.prediction import colorizer, saved_model
from tintmill.model.prediction.colorizer import Colorizer, network_lightness
from tintmill.model.prediction.hints import Hint
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.dataset import embed
from tintmill.pipeline.dataset.manifest import open_dataset
from tintmill.pipeline.imaging import lab, photo

SIZE = 32  # side of training pictures of the stub colorizers


def stub(answer, embedder=None, fit: str = "crop") -> Colorizer:
    """A colorizer whose network is `answer`: inputs -> ab in a*/128, b*/128."""
    return Colorizer(lambda inputs, training: {"ab": answer(inputs)}, embedder, SIZE, fit)


def no_colour(inputs):
    return np.zeros((*inputs["l"].shape[:3], 2), np.float32)


def random_colours(inputs):
    return np.random.default_rng(0).uniform(-1, 1, (*inputs["l"].shape[:3], 2)).astype(np.float32)


def colours_of_lightness(inputs):
    """Colours that change with every bit of L*."""
    return np.concatenate([inputs["l"], -inputs["l"] / 3], axis=-1)


class Recorder:
    """A network that keeps what it was given."""

    def __call__(self, inputs, training):
        assert not training
        self.inputs = {name: np.asarray(value) for name, value in inputs.items()}
        return {"ab": no_colour(inputs)}


@pytest.mark.parametrize(("width", "height"), [(1, 1), (1, 500), (500, 1), (3, 2000), (640, 480), (31, 33)])
def test_a_picture_comes_out_at_its_own_size(width, height):
    image = Image.fromarray(helpers.photo_pixels(0, height, width))
    coloured = stub(random_colours)(image)
    assert coloured.shape == (height, width, 3)
    assert coloured.dtype == np.uint8


@pytest.mark.parametrize(("width", "height"), [(1, 100_000), (640, 480), (20, 10)])
def test_the_network_sees_the_training_scale_and_never_a_huge_map(width, height):
    network = Recorder()
    Colorizer(network, None, SIZE, "crop").predict_ab(Image.new("L", (width, height), 90))
    seen = network.inputs["l"].shape[1:3]
    assert min(seen) == SIZE
    assert max(seen) <= 4 * SIZE
    if max(width, height) <= 4 * min(width, height):
        assert seen == (round(height * SIZE / min(width, height)), round(width * SIZE / min(width, height)))


@pytest.mark.parametrize("seed", range(3))
def test_the_pictures_own_lightness_is_kept_whatever_the_colours(seed):
    """Random ab over the whole of -128..128, most of it outside sRGB; a ramp of greys; 8 bits come out."""
    pixels = helpers.photo_pixels(seed, 120, 160).copy()
    pixels[:10] = np.linspace(0, 255, 160).astype(np.uint8)[None, :, None]
    coloured = stub(random_colours)(Image.fromarray(pixels))
    before, after = lab.rgb_to_lab(pixels), lab.rgb_to_lab(coloured)
    assert np.abs(after[..., 1:]).max() > 20  # there is colour
    assert np.abs(after[..., 0] - before[..., 0]).max() < 0.5


def test_a_network_without_an_answer_leaves_the_picture_grey():
    pixels = helpers.photo_pixels(0)
    coloured = stub(no_colour)(Image.fromarray(pixels)).astype(int)
    assert np.abs(coloured - lab.to_grey(pixels)[..., None]).max() <= 1


def test_colours_are_in_the_units_of_the_network():
    """An answer of (0.25, -0.125) is a* = 32, b* = -16."""
    answer = stub(lambda inputs: no_colour(inputs) + np.array([0.25, -0.125], np.float32))
    coloured = answer(Image.new("RGB", (40, 40), (119, 119, 119)))
    np.testing.assert_allclose(lab.rgb_to_lab(coloured)[20, 20], [50, 32, -16], atol=0.7)


def test_colours_of_the_input_are_ignored():
    """A colour picture and its grey version get the same colours to the bit, and the same picture but for the rounding
    of L* to 8 bits in the grey version."""
    pixels = helpers.photo_pixels(5)
    grey = Image.fromarray(lab.to_grey(pixels))
    of_colour, of_grey = [], []
    for picture, seen in ((Image.fromarray(pixels), of_colour), (grey.convert("RGB"), of_grey)):

        def answer(inputs, seen=seen):
            seen.append(np.array(inputs["l"]))
            return colours_of_lightness(inputs)

        seen.append(stub(answer)(picture))
    np.testing.assert_array_equal(of_colour[0], of_grey[0])
    assert np.abs(of_colour[1].astype(int) - of_grey[1]).max() <= 2


def test_another_colour_of_the_same_lightness_gives_the_same_colours():
    """Red of some L* and the grey of that L* are one picture to the network."""
    red = np.full((SIZE, SIZE, 3), (200, 30, 40), np.uint8)
    grey = np.repeat(lab.to_grey(red)[..., None], 3, axis=-1)
    answers = [stub(colours_of_lightness).predict_ab(Image.fromarray(lab.to_grey(pixels))) for pixels in (red, grey)]
    np.testing.assert_array_equal(*answers)


def test_an_embedder_gets_the_grey_picture_in_the_training_framing():
    class Views:
        settings = embed.EmbedderSettings("mobilenet_v2", weights="random")

        def __call__(self, views):
            self.seen = views
            return np.ones((1, 10), np.float16)

    image = Image.fromarray(helpers.photo_pixels(0, 60, 90))
    grey = Image.fromarray(lab.to_grey(np.asarray(image)))
    for fit in photo.FITS:
        embedder, network = Views(), Recorder()
        Colorizer(network, embedder, SIZE, fit)(image)
        np.testing.assert_array_equal(embedder.seen[0], photo.fit(grey, 224, fit))
        np.testing.assert_array_equal(network.inputs["embedding"], np.ones((1, 10), np.float32))


def bins_network(temperature: float = 0.38) -> keras.Model:
    """A network with the bins head and nothing learnt, whose logits differ from pixel to pixel."""
    keras.utils.set_random_seed(0)
    lightness = keras.Input((None, None, 1), name="l")
    features = keras.layers.Conv2D(16, 3, strides=2, padding="same", kernel_initializer="he_normal")(lightness)
    features = keras.layers.Rescaling(20.0)(features)
    outputs = heads.colours(features, lightness, NetworkSpec(None, SIZE, SIZE, head="bins"), regress=None)
    network = keras.Model({"l": lightness}, outputs)
    assert heads.set_temperature(network, temperature)
    return network


GREY = Image.fromarray(lab.to_grey(helpers.photo_pixels(3, 41, 67)))


@pytest.mark.parametrize("temperature", [0.1, 0.38, 1.0])
def test_a_temperature_for_one_picture_is_the_networks_set_to_it(temperature):
    """The network itself is left as it was; its map is twice the logits', cropped where the picture's side is odd."""
    colorize = Colorizer(bins_network(), None, SIZE, "crop")
    before = colorize.predict_ab(GREY)
    asked = colorize.predict(GREY, temperature)
    wanted = Colorizer(bins_network(temperature), None, SIZE, "crop").predict(GREY)
    np.testing.assert_allclose(asked.ab, wanted.ab, atol=0.02)
    np.testing.assert_array_equal(asked.logits, wanted.logits)
    np.testing.assert_array_equal(colorize.predict_ab(GREY), before)
    np.testing.assert_array_equal(colorize.predict_ab(GREY, temperature), asked.ab)
    assert asked.ab.shape[:2] == (32, 52)
    assert asked.logits.shape == (16, 26, 313)


def test_a_temperature_without_bins_is_refused():
    assert not stub(no_colour).has_bins
    assert stub(no_colour).predict(GREY).logits is None
    with pytest.raises(TintmillError, match=r"--temperature=0\.5: the network predicts colours without bins"):
        stub(no_colour).predict(GREY, 0.5)


def test_another_side_is_what_the_network_sees():
    network = Recorder()
    colorize = Colorizer(network, None, SIZE, "crop")
    colorize.at_side(50).predict_ab(GREY)
    assert network.inputs["l"].shape[1:3] == (50, 82)
    colorize.predict_ab(GREY)
    assert network.inputs["l"].shape[1:3] == (32, 52)


@pytest.fixture(scope="module")
def grey_dataset(tmp_path_factory, embedder_weights):
    """Square grey photographs and two of colour, prepared in the exact encoding: the folder of files, the dataset."""
    photos = tmp_path_factory.mktemp("grey")
    for i in range(10):
        pixels = helpers.photo_pixels(i, 96, 96)
        (photos / f"{i}.png").write_bytes(helpers.encode(lab.to_grey(pixels)))
    for i in range(2):
        (photos / f"colour_{i}.jpg").write_bytes(helpers.encode(helpers.photo_pixels(20 + i, 60, 90), "JPEG"))
    embedder = ["--embedder=mobilenet_v2", f"--embedder_weights={embedder_weights}"]
    flags = [*embedder, "--nodrop_grey", "--encoding=lab16"]
    return photos, open_dataset(str(helpers.prepare(photos, tmp_path_factory.mktemp("grey_data"), *flags)))


@pytest.fixture(scope="module")
def embedder(grey_dataset):
    return colorizer.load_embedder(grey_dataset[1].embedder)


def recorded_inputs(dataset) -> dict[str, dict]:
    """The network's inputs that training makes of every record, by id."""
    from tintmill.trainer.input import batches as trainer_input
    from tintmill.trainer.input import shards

    inputs = {}
    for split in dataset.splits:
        index = shards.index_records(dataset, split)
        reader = shards.RecordReader(index)
        data = [reader(i) for i in range(len(index))]
        reader.close()
        batch, _ = trainer_input.to_network(shards.parse_batch(dataset, data), dataset.settings.encoding)
        for number, name in enumerate(shards.parse_ids(data)):
            inputs[name] = {key: np.asarray(value)[number] for key, value in batch.items()}
    return inputs


def used_inputs(path, embedder, size: int, fit: str) -> dict:
    """The network's inputs that the colorizer makes of a picture file."""
    network = Recorder()
    image = photo.decode(path.read_bytes(), photo.Limits(min_side=1))
    Colorizer(network, embedder, size, fit)(image)
    return {key: value[0] for key, value in network.inputs.items()}


def test_lightness_in_use_is_lightness_in_training(grey_dataset):
    """Equal but for the record's rounding of L* to 1/128."""
    photos, dataset = grey_dataset
    records = {name: record for name, record in recorded_inputs(dataset).items() if "colour" not in name}
    assert len(records) == 10
    for name, recorded in records.items():
        used = used_inputs(photos / name, None, dataset.settings.size, dataset.settings.fit)
        np.testing.assert_allclose(used["l"], recorded["l"], atol=network_lightness(50 + 0.5 / 128) + 1e-6)


def relative(a, b) -> float:
    return float(np.linalg.norm(a - b) / np.linalg.norm(b))


def test_the_embedding_in_use_is_the_embedding_in_training(grey_dataset, embedder):
    """For the same file, grey or not: equal but for the last bits, which change with the number of threads."""
    photos, dataset = grey_dataset
    records = recorded_inputs(dataset)
    assert len(records) == 12
    for name, recorded in records.items():
        used = used_inputs(photos / name, embedder, dataset.settings.size, dataset.settings.fit)["embedding"]
        others = [relative(used, other["embedding"]) for key, other in records.items() if key != name]
        assert relative(used, recorded["embedding"]) < min(1e-3, min(others) / 10)


def test_a_network_without_embedding_needs_no_embedder(tmp_path):
    """The dataset has embeddings, the network does not take them: a picture is coloured without loading the embedder,
    whose weights are gone."""
    lightness = keras.Input((None, None, 1), name="l")
    ab = keras.layers.Conv2D(2, 3, padding="same", name="ab")(lightness)
    saved_model.save_model(str(tmp_path), keras.Model({"l": lightness}, {"ab": ab}))
    embedder = make_identity(weights="file:lost.h5", weights_path="/nowhere/lost.h5")
    saved_model.TrainedFolder(str(tmp_path)).write_manifest(make_manifest(size=SIZE, embedder=embedder))
    coloured = colorizer.load(str(tmp_path))(Image.fromarray(helpers.photo_pixels(0, 40, 60)))
    assert coloured.shape == (40, 60, 3)


@pytest.mark.parametrize(("width", "height"), [(60, 40), (1, 100), (16, 16), (500, 300)])
def test_a_network_of_one_size_sees_the_picture_squashed(tmp_path, width, height):
    """Its answer, the L* that it saw as a*, lies where it belongs in the picture's own shape."""
    lightness = keras.Input((16, 16, 1), name="l")
    ab = keras.layers.Concatenate(name="ab")([lightness, keras.layers.Rescaling(0.0)(lightness)])
    saved_model.save_model(str(tmp_path), keras.Model({"l": lightness}, {"ab": ab}))
    saved_model.TrainedFolder(str(tmp_path)).write_manifest(make_manifest(size=16))
    colorize = colorizer.load(str(tmp_path))
    image = Image.fromarray(helpers.photo_pixels(3, height, width))
    assert colorize(image).shape == (height, width, 3)
    grey = Image.fromarray(lab.to_grey(np.asarray(image)))
    squashed = np.asarray(grey.resize((16, 16), Image.Resampling.BICUBIC))
    seen = lab.rgb_to_lab(squashed[..., None].repeat(3, axis=-1))[..., 0]
    np.testing.assert_allclose(colorize.predict_ab(grey)[..., 0], (seen / 50 - 1) * 128, atol=1e-3)


def test_an_embedder_with_other_weights_is_refused(grey_dataset):
    identity = dataclasses.replace(grey_dataset[1].embedder, weights_sha256="0" * 64)
    with pytest.raises(TintmillError, match="weights_sha256"):
        colorizer.load_embedder(identity)


def test_an_embedder_whose_weights_are_gone_is_named(grey_dataset):
    identity = dataclasses.replace(grey_dataset[1].embedder, weights="file:lost.h5", weights_path="/nowhere/lost.h5")
    with pytest.raises(TintmillError, match=r"file:lost\.h5.*/nowhere/lost\.h5: no such file"):
        colorizer.load_embedder(identity)


def test_eight_bits_and_back_keep_a_grey_picture():
    """A grey PNG coloured by a network that answers grey is the file that went in."""
    pixels = np.repeat(lab.to_grey(helpers.photo_pixels(0))[..., None], 3, axis=-1)
    image = photo.decode(helpers.encode(pixels), photo.Limits(min_side=1))
    np.testing.assert_array_equal(stub(no_colour)(image), pixels)


class HintRecorder(Recorder):
    """A network that takes hints."""

    input = ("l", "hints")


def test_hints_reach_the_network_at_its_size_and_their_place():
    network = HintRecorder()
    colorize = Colorizer(network, None, SIZE, "crop", network_size=None, forward=lambda inputs: network(inputs, False))
    colorize.predict(Image.new("L", (640, 320), 90), hints=[Hint(320, 160, (64.0, -64.0), radius=30)])
    hints = network.inputs["hints"]
    assert hints.shape == (1, SIZE, 2 * SIZE, 3)
    assert hints[0, SIZE // 2, SIZE].tolist() == [0.5, -0.5, 1.0]
    assert hints[0, ..., 2].sum() == 36  # 6 x 6 positions of the 64 x 32
    colorize.predict(GREY)
    assert not network.inputs["hints"].any()


def test_hints_for_a_network_that_takes_none_are_an_error():
    with pytest.raises(TintmillError, match="2 hints: the network takes none, it was trained without; leave them out"):
        stub(no_colour).predict(GREY, hints=[Hint(1, 1, (0.0, 0.0))] * 2)
