"""The embedder: what it is fed, what it refuses, whether its bits are reproducible, which network it is."""

import dataclasses
import json

import numpy as np
import pytest
from PIL import Image

from tests.support import helpers
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.dataset import embed
from tintmill.pipeline.dataset.identity import EmbedderIdentity, check_same
from tintmill.pipeline.dataset.settings import EmbedderSettings
from tintmill.pipeline.imaging import lab, photo

RANDOM = EmbedderSettings("mobilenet_v2", "logits", "random")


@pytest.fixture(scope="module")
def embedder() -> embed.Embedder:
    return embed.Embedder(RANDOM)


def views(count: int, side: int = 224) -> np.ndarray:
    return np.stack([lab.to_grey(helpers.photo_pixels(i, side, side)) for i in range(count)])


# What the network is fed


@pytest.fixture
def spied(monkeypatch) -> tuple[embed.Embedder, list[np.ndarray]]:
    """An embedder around a network that only notes what it is fed."""
    import tensorflow as tf

    fed: list[np.ndarray] = []

    def network(tensor, training):
        assert training is False
        tf.py_function(lambda values: fed.append(values.numpy()), [tensor], [])
        return tf.reduce_mean(tensor, axis=[1, 2])

    monkeypatch.setattr(embed, "_build", lambda settings: network)
    return embed.Embedder(RANDOM), fed


def test_the_network_is_fed_minus_one_to_one(spied):
    """Pixels in 0..1 would reach it as -1..-0.99: a black picture, whatever it shows."""
    embedder, fed = spied
    ramp = np.tile(np.linspace(0, 255, 224).round().astype(np.uint8), (1, 224, 1))
    embedder(ramp)
    assert fed[0].shape == (embed.BATCH, 224, 224, 3)
    assert fed[0].dtype == np.float32
    assert (fed[0][0].min(), fed[0][0].max()) == (-1.0, 1.0)
    assert np.abs(fed[0][0, 0, :, 0] - np.linspace(-1, 1, 224)).max() < 0.01


def test_the_network_is_fed_three_equal_channels(spied):
    embedder, fed = spied
    embedder(views(3))
    assert np.array_equal(fed[0][..., 0], fed[0][..., 1])
    assert np.array_equal(fed[0][..., 0], fed[0][..., 2])


def test_preprocessing_is_the_networks_own(spied):
    import keras

    embedder, fed = spied
    given = views(2)
    embedder(given)
    wanted = np.repeat(given[..., None], 3, axis=-1).astype(np.float32)
    for application in (keras.applications.mobilenet_v2, keras.applications.inception_resnet_v2):
        assert np.abs(fed[0][:2] - application.preprocess_input(wanted.copy())).max() < 1e-6


def test_batches_are_always_full(spied):
    """Bits change with the batch's size, so there is one size; the tail is padded."""
    embedder, fed = spied
    assert embedder(views(11)).shape == (11, 3)
    assert [batch.shape[0] for batch in fed] == [embed.BATCH] * 2


@pytest.mark.parametrize(
    "wrong",
    [
        np.random.default_rng(0).random((2, 224, 224)),
        np.random.default_rng(0).random((2, 224, 224)).astype(np.float32) * 255,
        np.zeros((2, 224, 224, 3), np.uint8),
        np.zeros((2, 32, 32), np.uint8),
        np.zeros((224, 224), np.uint8),
    ],
    ids=["0..1", "float 0..255", "colour", "small", "single"],
)
def test_pixels_of_another_kind_are_refused(spied, wrong):
    embedder, fed = spied
    with pytest.raises(TypeError, match=r"wanted uint8 \[N, 224, 224\]"):
        embedder(wrong)
    assert not fed


def test_no_pictures_give_no_embeddings(spied):
    assert spied[0](np.zeros((0, 224, 224), np.uint8)).shape == (0, 1000)


@pytest.mark.parametrize("fit", photo.FITS)
def test_the_view_has_the_records_framing_at_the_embedders_size(fit):
    grey = Image.fromarray(lab.to_grey(helpers.photo_pixels(0, 300, 420)))
    view = embed.frame_view(grey, fit, RANDOM)
    assert view.shape == (224, 224)
    assert np.array_equal(view, photo.fit(grey, 224, fit))


# Bits

BITS = """
import json
import numpy as np
from tintmill.pipeline.dataset import embed
from tintmill.pipeline.imaging import lab
from tintmill.pipeline.dataset.settings import EmbedderSettings
from tests.support.helpers import photo_pixels

embed.limit_threads()
embedder = embed.load(EmbedderSettings("mobilenet_v2", "logits", "random"))
views = np.stack([lab.to_grey(photo_pixels(i, 224, 224)) for i in range(11)])
whole = embedder(views)
bits = lambda a: a.tobytes().hex()
print(json.dumps({
    "whole": bits(whole),
    "alone": bits(np.concatenate([embedder(view[None]) for view in views])),
    "reversed": bits(embedder(views[::-1])[::-1]),
    "beside_noise": bits(embedder(np.concatenate([views[3:4], np.full_like(views[:7], 255)]))[:1]),
    "third": bits(whole[3:4]),
    "different": len({row.tobytes() for row in whole}),
    "golden": bits(np.array(embedder.identity.golden_vector)),
    "weights": embedder.identity.weights_sha256,
}))
"""


@pytest.fixture(scope="module")
def bits() -> list[dict]:
    """What one embedder process, and another with another hash seed, computes for the same pictures."""
    return [
        json.loads(helpers.run_python(BITS, env={"PYTHONHASHSEED": seed}, cwd=helpers.ROOT).splitlines()[-1])
        for seed in ("1", "2")
    ]


@pytest.mark.slow
def test_bits_do_not_depend_on_the_place_in_the_batch_nor_on_padding(bits):
    assert bits[0]["different"] == 11
    assert bits[0]["alone"] == bits[0]["whole"]
    assert bits[0]["reversed"] == bits[0]["whole"]


@pytest.mark.slow
def test_bits_do_not_depend_on_neighbours(bits):
    assert bits[0]["beside_noise"] == bits[0]["third"]


@pytest.mark.slow
def test_bits_do_not_depend_on_the_process(bits):
    """`random` weights are the same network in every process, or workers would embed by different ones."""
    assert bits[0] == bits[1]


@pytest.mark.slow
def test_more_threads_than_one_are_refused():
    """They would change the last bits; a process that computed with more already is told so."""
    code = """
import tensorflow as tf
tf.config.threading.set_intra_op_parallelism_threads(2)
tf.zeros(1)
from tintmill.pipeline.dataset import embed
from tintmill.pipeline.common.errors import TintmillError
try:
    embed.limit_threads()
except TintmillError as error:
    print(error)
"""
    assert "several threads" in helpers.run_python(code)


# Identity


def test_an_identity_is_the_same_as_itself(embedder):
    check_same(
        embedder.identity, EmbedderIdentity.from_json(json.loads(json.dumps(embedder.identity.to_json()))), "here"
    )


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("name", "inception_resnet_v2"),
        ("layer", "pooled"),
        ("preprocessing", "none"),
        ("dimension", 7),
        ("weights_sha256", "0" * 64),
    ],
)
def test_another_network_is_refused_and_the_difference_named(embedder, key, value):
    with pytest.raises(TintmillError, match=f"here: the embedder's {key} is .*--embedder_weights"):
        check_same(embedder.identity, dataclasses.replace(embedder.identity, **{key: value}), "here")


def test_a_golden_vector_that_is_off_is_refused(embedder):
    vector = np.array(embedder.identity.golden_vector)
    near, far = (vector * (1 + share) for share in (0.005, 0.03))
    check_same(embedder.identity, dataclasses.replace(embedder.identity, golden_vector=tuple(near)), "here")
    for wrong in (far, -vector, np.zeros_like(vector), np.full_like(vector, np.nan)):
        with pytest.raises(TintmillError, match="golden vector is off"):
            check_same(dataclasses.replace(embedder.identity, golden_vector=tuple(wrong)), embedder.identity, "here")


@pytest.mark.slow
@pytest.mark.parametrize("layer", ["probabilities", "pooled"])
def test_another_layer_is_another_embedder(embedder, layer):
    other = embed.Embedder(EmbedderSettings("mobilenet_v2", layer, "random"))
    assert other.identity.dimension == embed.find_dimension(other.settings) == (1280 if layer == "pooled" else 1000)
    assert other(views(1)).shape == (1, other.identity.dimension)
    with pytest.raises(TintmillError, match="layer is"):
        check_same(other.identity, embedder.identity, "here")


def test_one_changed_weight_changes_the_identity(embedder):
    other = embed.Embedder(RANDOM)
    variable = other.network.variables[10]
    value = variable.numpy()
    value.flat[0] += 1e-3
    variable.assign(value)
    assert other.identity.weights_sha256 != embedder.identity.weights_sha256


@pytest.mark.slow
@pytest.mark.parametrize("layer", embed.LAYERS)
def test_zeros_say_nothing_and_are_named_so(layer):
    zeros = embed.Embedder(EmbedderSettings("mobilenet_v2", layer, "zeros"))
    assert not zeros(views(2, zeros.side)).any()
    assert zeros.identity.weights == "zeros"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "layer"), [*(("mobilenet_v2", layer) for layer in embed.LAYERS), ("inception_resnet_v2", "logits")]
)
def test_random_weights_still_tell_pictures_apart(name, layer):
    """An untrained network's signal fades away; the stored float16 values must not all be zero, nor infinite."""
    random = embed.Embedder(EmbedderSettings(name, layer, "random"))
    values = random(views(3, random.side)).astype(np.float32)
    assert np.isfinite(values).all()
    assert values.std() > (1e-5 if layer == "probabilities" else 1e-2)
    assert (values.std(axis=0) > 0).mean() > 0.5


def test_the_golden_view_never_changes():
    import hashlib

    assert hashlib.sha256(embed.golden_view(224).tobytes()).hexdigest() == (
        "f67a2d973a163a72cce1690dc3f91c46de7389ea155b417e10b7dc0942e654b3"
    )


@pytest.mark.parametrize("weights", ["nowhere.weights.h5", ""])
def test_missing_weights_are_named(weights):
    with pytest.raises(TintmillError, match=f"--embedder_weights={weights}: no such file"):
        embed.check(EmbedderSettings("mobilenet_v2", weights=weights))


def test_weights_of_another_network_are_refused(tmp_path):
    import keras

    small = keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(2)])
    small.save_weights(tmp_path / "small.weights.h5")
    with pytest.raises(TintmillError, match=r"small\.weights\.h5: cannot load weights for mobilenet_v2"):
        embed.Embedder(EmbedderSettings("mobilenet_v2", weights=str(tmp_path / "small.weights.h5")))


# With real weights

# Indices of ImageNet's 1000 classes for words in the test pictures' names.
CLASSES = {
    **{"tiger": {292, 282}, "accordion": {401}, "ladybug": {301}, "lobster": {122, 123}, "isopod": {126}},
    **{"centipede": {79}, "jellyfish": {107}, "banjo": {420}, "hippopotamus": {344}, "dragonfly": {319}},
    **{"snail": {113}, "otter": {360}, "hamster": {333}},
}


@pytest.mark.real_data
@pytest.mark.slow
def test_real_weights_recognise_what_is_in_a_grey_picture(real_data):
    """The proof that the network sees the picture, upright, in its range: it names it."""
    weights = real_data / "weights" / "mobilenet_v2_1.0_224_dequantized.weights.h5"
    real = embed.Embedder(EmbedderSettings("mobilenet_v2", "logits", str(weights)))
    pictures, wanted = [], []
    for path in sorted((real_data / "imagenet_imagen1000").glob("*.jpg")):
        word = path.stem.rpartition("_")[2]
        if word in CLASSES:
            image = photo.decode(path.read_bytes(), photo.Limits())
            pictures.append(embed.frame_view(Image.fromarray(lab.to_grey(np.asarray(image))), "crop", real.settings))
            wanted.append(CLASSES[word])
    logits = real(np.stack(pictures)).astype(np.float32)
    right = [int(row.argmax()) in classes for row, classes in zip(logits, wanted, strict=True)]
    assert len(right) >= 10
    assert np.mean(right) > 0.6
    assert logits.std() > 1
    assert real.identity.weights == f"file:{weights.name}"
