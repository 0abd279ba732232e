"""The networks: their size, their layers, what goes in and what comes out."""

import importlib.util
import math

import keras
import numpy as np
import pytest

from tests.support.helpers import run_python, tintmill
from tintmill.model import list_networks
from tintmill.model.blocks import cost
from tintmill.model.blocks.layers import FuseVector, Normalisation, VggInput
from tintmill.model.blocks.spec import HEADS, NetworkSpec
from tintmill.model.networks import registry as networks
from tintmill.model.prediction import saved_model
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.imaging import lab

UP, LAST_UP = "up nearest", "up bilinear"
ENCODER = ((64, 2), (128, 1), (128, 2), (256, 1), (256, 2), (512, 1), (512, 1), (256, 1))

# The docstrings' tables: (filters, stride) of every convolution, "fuse" and "up" where they stand.
TABLES = {
    "koalarization": [*ENCODER, "fuse", (128, 1), UP, (64, 1), (64, 1), UP, (32, 1), (2, 1), LAST_UP],
    "kth": [*ENCODER, "fuse", (128, 1), UP, (64, 1), UP, (32, 1), (16, 1), (2, 1), LAST_UP],
    "vgg": ["vgg16", (256, 1), (128, 1), UP, (64, 1), UP, (32, 1), UP, (16, 1), UP, (2, 1), LAST_UP],
}

every_network = pytest.mark.parametrize("name", networks.NETWORKS)
any_size_network = pytest.mark.parametrize(
    "name", [n for n in networks.NETWORKS if not networks.NETWORKS[n].fixed_size]
)
embedding_network = pytest.mark.parametrize(
    "name", [n for n in networks.NETWORKS if networks.NETWORKS[n].needs_embedding]
)


def small(name: str, **wanted) -> keras.Model:
    """A network that builds and runs quickly: of 16x16 where it must have a size, and else of any."""
    side = 16 if networks.NETWORKS[name].fixed_size else None
    fields = {"embedding": 10, "height": side, "width": side, "encoder_weights": "random", "global_size": 32}
    model = networks.build(name, NetworkSpec(**(fields | wanted)))
    for layer in model.layers:
        if isinstance(layer, Normalisation):  # as training would: with Keras' 1, the signal fades from layer to layer
            layer.moving_variance.assign(0.3 * np.ones(layer.moving_variance.shape))
    return model


def describe(layer):
    """A layer as `TABLES` writes it; None for layers without a row of their own."""
    if isinstance(layer, keras.layers.Conv2D):
        assert layer.kernel_size == (3, 3)
        assert layer.padding == "same"
        return layer.filters, layer.strides[0]
    if isinstance(layer, keras.layers.UpSampling2D):
        assert layer.size == (2, 2)
        return f"up {layer.interpolation}"
    if isinstance(layer, FuseVector):
        assert (layer.units, layer.activation.__name__) == (256, "relu")
        return "fuse"
    return layer.name if isinstance(layer, keras.Model) else None


def whole(name: str, head: str) -> keras.Model:
    """A small network with every output that it can have."""
    return small(name, head=head, classes=3 if networks.NETWORKS[name].classifies else 0)


def inputs_of(model, height: int = 16, width: int = 16, batch: int = 1, scale: float = 1.0) -> dict:
    """Random inputs of those that a network takes."""
    random = np.random.default_rng(0)
    inputs = {"l": random.uniform(-1, 1, (batch, height, width, 1)).astype(np.float32)}
    if "hints" in model.input:
        inputs["hints"] = random.uniform(-1, 1, (batch, height, width, 3)).astype(np.float32)
    if "embedding" in model.input:
        length = model.input["embedding"].shape[-1]
        inputs["embedding"] = (scale * random.normal(0, 1, (batch, length))).astype(np.float32)
    return inputs


@pytest.mark.parametrize(
    ("name", "embedding", "parameters"),
    [("koalarization", 1001, 6_574_050), ("koalarization", 1000, 6_573_794), ("kth", 1000, 6_541_202)],
)
def test_a_network_has_the_published_number_of_parameters(name, embedding, parameters):
    assert networks.build(name, NetworkSpec(embedding)).count_params() == parameters


@pytest.mark.parametrize("name", TABLES)
def test_a_network_has_the_layers_of_its_table(name):
    model = networks.build(name, NetworkSpec(1000, encoder_weights="random"))
    assert [row for row in map(describe, model.layers) if row] == TABLES[name]
    convolutions = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    activations = [layer.activation.__name__ for layer in convolutions]
    assert activations == ["relu"] * (len(convolutions) - 1) + ["tanh"]


@any_size_network
@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize(("height", "width"), [(37, 53), (8, 8), (1, 1), (16, 250)])
def test_a_network_answers_at_the_size_it_is_asked(name, head, height, width):
    model = small(name, head=head)
    outputs = model(inputs_of(model, height, width))
    assert sorted(outputs) == sorted({"ab", head})
    assert outputs["ab"].shape == (1, height, width, 2)


# a* and b* at the ends of what the last activation can answer; of other networks they lie within -128..128.
RANGES = {
    "koalarization": (-127, 127),
    "kth": (-128, 128),
    "vgg": (-128, 128),
    "jain": (-127, 128),
    "iizuka": (-100, 100),
    "tint": (-128, 128),
    "glaze": (-128, 128),
}


@every_network
def test_a_network_reaches_and_keeps_its_range(name):
    """With the last convolution driven to its ends, one channel to each."""
    model = small(name)
    kernel = [layer for layer in model.layers if hasattr(layer, "kernel")][-1].kernel
    filters = 1e9 * np.ones(kernel.shape, np.float32)
    transposed = kernel.shape[-1] != 2
    (filters[:, :, 1] if transposed else filters[..., 1])[:] *= -1
    kernel.assign(filters)
    ab = np.asarray(model(inputs_of(model))["ab"]) * 128
    reached = [ab[..., 1].min(), ab[..., 0].max()]
    np.testing.assert_allclose(reached, RANGES.get(name, np.clip(reached, -128, 128)), atol=1e-3)


hinted_network = pytest.mark.parametrize(
    "name", [n for n in networks.NETWORKS if "hints" in networks.NETWORKS[n].optional_inputs]
)


@hinted_network
@pytest.mark.parametrize(("height", "width"), [(37, 53), (1, 1), (16, 250)])
def test_a_network_with_hints_answers_at_any_size(name, height, width):
    model = small(name, hints=True, head="bins")
    assert model(inputs_of(model, height, width))["ab"].shape == (1, height, width, 2)


@hinted_network
def test_a_hint_changes_the_colours(name):
    model = small(name, hints=True)
    inputs = inputs_of(model, 64, 64)
    answers = [np.asarray(model(inputs | {"hints": hints})["ab"]) for hints in (np.zeros((1, 64, 64, 3)), one_hint(64))]
    assert np.abs(answers[1] - answers[0])[0, 16:24, 16:24].max() > 1e-5


def test_glaze_answers_a_hint_within_a_bin_of_its_colour_before_it_has_learnt_anything():
    keras.utils.set_random_seed(0)
    model = small("glaze", hints=True, head="bins")
    inputs, wanted = inputs_of(model, 96, 96), {(20, 20): (40, 30), (60, 30): (-30, 40), (70, 70): (10, -50)}
    inputs["hints"] = np.zeros((1, 96, 96, 3), np.float32)
    for (row, column), (a, b) in wanted.items():
        inputs["hints"][0, row - 3 : row + 4, column - 3 : column + 4] = a / 128, b / 128, 1
    ab = np.asarray(model(inputs)["ab"])[0] * 128
    for place, colour in wanted.items():
        np.testing.assert_allclose(ab[place], colour, atol=10)


def one_hint(side: int) -> np.ndarray:
    hints = np.zeros((1, side, side, 3), np.float32)
    hints[0, 20, 20] = 0.5, -0.5, 1
    return hints


@every_network
def test_a_network_without_hints_refuses_them(name):
    if "hints" not in networks.NETWORKS[name].optional_inputs:
        with pytest.raises(TintmillError, match=f"--network={name} takes no hints, so --hints must be 0; .*glaze"):
            small(name, hints=True)


@embedding_network
def test_a_network_uses_the_embedding_of_its_own_picture(name):
    model = small(name)
    inputs = inputs_of(model, batch=2)
    before = np.asarray(model(inputs)["ab"])
    inputs["embedding"][1] = inputs["embedding"][1, ::-1]
    after = np.asarray(model(inputs)["ab"])
    np.testing.assert_allclose(after[0], before[0], atol=1e-6)
    assert np.abs(after[1] - before[1]).max() > 1e-3


@every_network
@pytest.mark.parametrize("head", HEADS)
def test_a_network_answers_in_float32_under_bfloat16(name, head):
    keras.mixed_precision.set_dtype_policy("mixed_bfloat16")
    try:
        model = whole(name, head)
        assert {keras.backend.standardize_dtype(v.dtype) for v in model.trainable_variables} == {"float32"}
        outputs = model(inputs_of(model))
        assert {"ab", head} <= set(outputs)
        assert {keras.backend.standardize_dtype(value.dtype) for value in outputs.values()} == {"float32"}
    finally:
        keras.mixed_precision.set_dtype_policy("float32")


@every_network
@pytest.mark.parametrize("head", HEADS)
def test_a_saved_network_answers_as_before(name, head, tmp_path):
    model = whole(name, head)
    saved_model.save_model(str(tmp_path), model)
    loaded = saved_model.load_model(str(tmp_path))
    inputs = inputs_of(model)
    before, after = model(inputs), loaded(inputs)
    for key in before:
        np.testing.assert_array_equal(np.asarray(after[key]), np.asarray(before[key]))
    assert [v.shape for v in loaded.trainable_variables] == [v.shape for v in model.trainable_variables]


@every_network
def test_a_network_does_not_train_unless_told(name):
    """Called without `training` it answers by its averages, and leaves them as they are."""
    model = whole(name, "ab")
    inputs, before = inputs_of(model, batch=3), [np.array(v) for v in model.variables]
    asked, used = model(inputs), model(inputs, training=False)
    for key in asked:
        np.testing.assert_array_equal(np.asarray(asked[key]), np.asarray(used[key]))
    for variable, old in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(np.asarray(variable), old)


@every_network
@pytest.mark.parametrize("head", HEADS)
def test_gradients_reach_every_trainable_variable(name, head):
    import tensorflow as tf

    keras.utils.set_random_seed(0)
    model = whole(name, head)
    with tf.GradientTape() as tape:
        outputs = model(inputs_of(model, batch=4), training=True)
        total = sum(tf.reduce_sum(tf.square(value - 0.3)) for value in outputs.values())
    gradients = tape.gradient(total, model.trainable_variables)
    dead = [v.path for v, g in zip(model.trainable_variables, gradients, strict=True) if g is None or not np.any(g)]
    assert not dead


@any_size_network
def test_a_given_size_fixes_the_shapes(name):
    assert small(name, height=24, width=40).output["ab"].shape == (None, 24, 40, 2)


def test_an_unknown_network_is_an_error_that_lists_the_known():
    with pytest.raises(TintmillError, match=r"--network=nonesuch: wanted one of .*koalarization"):
        networks.build("nonesuch", NetworkSpec(10))


def test_a_network_that_needs_an_embedding_says_so():
    with pytest.raises(TintmillError, match=r"koalarization needs an embedding.*--embedder"):
        networks.build("koalarization", NetworkSpec(None))


def test_multiply_adds_are_those_of_a_count_by_hand():
    features, vector = keras.Input((8, 6, 3)), keras.Input((7,))
    x = keras.layers.Conv2D(5, 3, strides=2, padding="same")(features)  # 4*3 positions, 3*3*3*5 each
    x = FuseVector(2)([x, vector])  # 4*3 positions of 5*2, and 7*2 once
    x = keras.layers.UpSampling2D()(x)
    model = keras.Model([features, vector], keras.layers.Dense(4)(x))  # 8*6 positions of 2*4
    assert cost.multiply_adds(model) == 12 * 135 + (12 * 10 + 14) + 48 * 8


@pytest.mark.parametrize("name", ["koalarization", "tint"])
def test_multiply_adds_of_a_network_of_any_size_are_those_at_the_size_asked_for(name):
    fixed, free = (networks.build(name, NetworkSpec(10, side, side, encoder_weights="random")) for side in (32, None))
    assert cost.picture_multiply_adds(free, 32) == cost.multiply_adds(fixed)
    assert cost.picture_multiply_adds(free, 64) > 3 * cost.multiply_adds(fixed)


def test_koalarization_multiply_adds():
    sides = [112, 112, 56, 56, 28, 28, 28, 28]
    channels = [1, 64, 128, 128, 256, 256, 512, 512, 256]
    encoder = sum(9 * s * s * a * b for s, a, b in zip(sides, channels, channels[1:], strict=False))
    fusion = 256 * (28 * 28 * 256 + 1000)
    decoder = 9 * (28**2 * 256 * 128 + 56**2 * (128 * 64 + 64 * 64) + 112**2 * (64 * 32 + 32 * 2))
    model = networks.build("koalarization", NetworkSpec(1000, 224, 224))
    assert cost.multiply_adds(model) == encoder + fusion + decoder


def vgg_convolutions(encoder) -> list:
    return [layer for layer in encoder.layers if isinstance(layer, keras.layers.Conv2D)]


def test_vgg_trains_the_published_number_of_parameters():
    model = small("vgg")
    assert sum(math.prod(v.shape) for v in model.trainable_variables) == 1_572_114
    assert sum(math.prod(v.shape) for v in model.non_trainable_variables) == 14_714_688
    encoder = model.get_layer("vgg16")
    assert encoder.layers[-1].name == "block5_pool"
    assert [layer.filters for layer in vgg_convolutions(encoder)] == [64] * 2 + [128] * 2 + [256] * 3 + [512] * 6


def test_vgg_sees_the_grey_picture_as_it_was_trained():
    """`keras.applications.vgg16.preprocess_input` of the grey pixels."""
    grey = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1).repeat(3, axis=-1)
    lightness = lab.rgb_to_lab(grey)[..., :1] / 50 - 1
    wanted = keras.applications.vgg16.preprocess_input(grey.astype(np.float32))
    np.testing.assert_allclose(np.asarray(VggInput()(lightness)), wanted, atol=0.02)


def test_vgg_keeps_its_encoder_and_trains_its_decoder():
    import tensorflow as tf

    keras.utils.set_random_seed(0)
    model = small("vgg")
    before = [np.array(v) for v in model.variables]
    trainable = {v.path for v in model.trainable_variables}
    optimizer = keras.optimizers.Adam(1e-3)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(model(inputs_of(model, batch=2), training=True)["ab"] - 0.3))
    optimizer.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)
    changed = {v.path for v, old in zip(model.variables, before, strict=True) if np.any(np.array(v) != old)}
    assert changed == trainable
    assert not any("vgg16" in path for path in trainable)


@pytest.fixture(scope="module")
def vgg_files(tmp_path_factory):
    """Weights files of a VGG16 without top, and of the whole (with a small top), and its weights."""
    folder = tmp_path_factory.mktemp("vgg")
    encoder = keras.applications.VGG16(include_top=False, weights=None, input_shape=(32, 32, 3))
    top = keras.layers.Dense(3)(keras.layers.Dense(8)(keras.layers.Flatten()(encoder.output)))
    encoder.save_weights(folder / "notop.weights.h5")
    keras.Model(encoder.input, top).save_weights(folder / "top.weights.h5")
    return folder, [np.array(v) for v in encoder.variables]


@pytest.mark.parametrize("file", ["notop.weights.h5", "top.weights.h5"])
def test_vgg_loads_a_weights_file(vgg_files, file):
    folder, weights = vgg_files
    model = small("vgg", encoder_weights=str(folder / file))
    for variable, wanted in zip(model.get_layer("vgg16").variables, weights, strict=True):
        np.testing.assert_array_equal(np.asarray(variable), wanted)


def test_weights_that_vgg_cannot_load_are_an_error_that_names_the_flag(tmp_path, monkeypatch):
    keras.Sequential([keras.Input((4, 4, 3)), keras.layers.Conv2D(2, 3)]).save_weights(tmp_path / "other.weights.h5")
    (tmp_path / "text.weights.h5").write_text("no weights")
    for file in ("other.weights.h5", "text.weights.h5"):
        with pytest.raises(TintmillError, match=rf"--encoder_weights=.*{file}: cannot load.*or random"):
            small("vgg", encoder_weights=str(tmp_path / file))
    with pytest.raises(TintmillError, match=r"--encoder_weights=/nowhere/v\.h5: no such file; wanted imagenet, random"):
        small("vgg", encoder_weights="/nowhere/v.h5")

    def offline(*args, **kwargs):
        raise OSError("URL fetch failure")

    monkeypatch.setattr(keras.applications, "VGG16", offline)
    with pytest.raises(TintmillError, match=r"--encoder_weights=imagenet: .*URL fetch failure.*or random"):
        small("vgg", encoder_weights="imagenet")


def test_vgg_multiply_adds():
    """At 50x64 the encoder sees 64x64; the nested model counts too."""
    sides = [64, 64, 32, 32, 16, 16, 16, 8, 8, 8, 4, 4, 4]
    channels = [3, 64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512]
    encoder = sum(9 * s * s * a * b for s, a, b in zip(sides, channels, channels[1:], strict=False))
    pairs = [(2, 512, 256), (2, 256, 128), (4, 128, 64), (8, 64, 32), (16, 32, 16), (32, 16, 2)]
    decoder = sum(9 * s * s * a * b for s, a, b in pairs)
    model = small("vgg", height=50, width=64)
    assert cost.multiply_adds(model) == encoder + decoder


# The branches of the docstring's table, in the order of the layers: "n" a normalisation, "T" transposed, "v" valid.
JAIN_LOW = ["64/2", "n", "128", "n", "128/2", "n", "256", "n", "256/2", "n", "512", "n"]
JAIN_MID = ["512", "n", "256", "n"]
JAIN_GLOBAL = ["512/2", "n", "512", "n", "512/2", "n", "512", "n", "flat", "1024", "512", "256"]
JAIN_COLOUR = ["T128", "n", "T64/2", "n", "T64", "n", "T32/2", "n"]


def jain_row(layer) -> str | None:
    """A layer as in `JAIN_LOW` and its like; None for those without a row."""
    if isinstance(layer, keras.layers.BatchNormalization):
        assert layer.synchronized
        return "n"
    if isinstance(layer, keras.layers.Dense):
        assert layer.activation.__name__ == "sigmoid"
        return str(layer.units)
    if isinstance(layer, keras.layers.Conv2D | keras.layers.Conv2DTranspose):
        assert (layer.kernel_size, layer.activation.__name__) == ((3, 3), "sigmoid")
        kind = "T" if isinstance(layer, keras.layers.Conv2DTranspose) else "v" if layer.padding == "valid" else ""
        return kind + str(layer.filters) + ("/2" if layer.strides == (2, 2) else "")
    if isinstance(layer, FuseVector):
        assert (layer.units, layer.kernel_size, layer.activation.__name__) == (256, 3, "sigmoid")
        return "fuse"
    return "flat" if isinstance(layer, keras.layers.Flatten) else None


@pytest.mark.parametrize(("side", "extra"), [(256, []), (100, ["v32", "n"])])
def test_jain_has_the_layers_of_its_table(side, extra):
    model = networks.build("jain", NetworkSpec(height=side, width=side))
    fusion = model.get_layer("fusion")
    at = [layer.name for layer in model.layers].index("fusion")
    before = [row for row in map(jain_row, model.layers[:at]) if row]
    assert before[: len(JAIN_LOW)] == JAIN_LOW
    assert sorted(before[len(JAIN_LOW) :]) == sorted(JAIN_MID + JAIN_GLOBAL)  # Keras interleaves the two branches
    after = [row for row in map(jain_row, model.layers[at:]) if row]
    assert after == ["fuse", *JAIN_COLOUR, *extra, "T2/2"]
    assert [tensor.shape[1:] for tensor in fusion.input] == [(-(-side // 8), -(-side // 8), 256), (256,)]
    assert model.output["ab"].shape == (None, side, side, 2)
    if side == 256:
        assert model.count_params() == 51_100_514


@pytest.mark.parametrize("side", [4, 8, 12, 20, 28, 36])
@pytest.mark.parametrize("head", HEADS)
def test_jain_answers_at_every_multiple_of_4(side, head):
    outputs = small("jain", height=side, width=side, head=head).output
    assert outputs["ab"].shape == (None, side, side, 2)
    if head == "bins":
        assert outputs["bins"].shape == (None, side // 2, side // 2, 313)


@pytest.mark.parametrize(("side", "better"), [(37, 40), (98, 104), (255, 256), (1, 8)])
def test_a_size_that_jain_cannot_answer_at_is_an_error_that_names_one(side, better):
    with pytest.raises(TintmillError, match=rf"multiples of 4, got {side}x{side}; prepare .*--size={better}, say"):
        small("jain", height=side, width=side)


@pytest.mark.parametrize("size", [(None, None), (16, 24)])
def test_a_network_of_fixed_size_wants_one_square(size):
    with pytest.raises(TintmillError, match=r"--network=jain takes square pictures of one fixed size, got"):
        networks.build("jain", NetworkSpec(None, *size))


def test_jain_multiply_adds():
    """At 100x100: the sides are 50, 25, 13; 7 and 4 in the global branch; 26, 52 and, less the border, 50 back up."""
    low = [(50, 1, 64), (50, 64, 128), (25, 128, 128), (25, 128, 256), (13, 256, 256), (13, 256, 512)]
    mid = [(13, 512, 512), (13, 512, 256)]
    whole = [(7, 512, 512), (7, 512, 512), (4, 512, 512), (4, 512, 512)]
    colour = [(13, 256, 128), (13, 128, 64), (26, 64, 64), (26, 64, 32), (50, 32, 32), (50, 32, 2)]
    convolutions = sum(9 * side**2 * a * b for side, a, b in low + mid + whole + colour)
    dense = 4 * 4 * 512 * 1024 + 1024 * 512 + 512 * 256
    fusion = 9 * 256 * (13**2 * 256 + 256 + 13**2)
    model = networks.build("jain", NetworkSpec(height=100, width=100))
    assert cost.multiply_adds(model) == convolutions + dense + fusion


# Rows as `jain_row` writes them, of the docstring's table.
IIZUKA_COLOUR = ["128", "n", "up", "64", "n", "64", "n", "up", "32", "n", "2", "up"]


def iizuka_row(layer) -> str | None:
    """As `jain_row`, for ReLU after normalisation."""
    if isinstance(layer, keras.layers.Dense):
        return str(layer.units)
    if isinstance(layer, keras.layers.Conv2D):
        assert (layer.kernel_size, layer.padding) == ((3, 3), "same")
        return str(layer.filters) + ("/2" if layer.strides == (2, 2) else "")
    if isinstance(layer, keras.layers.UpSampling2D):
        return "up"
    if isinstance(layer, FuseVector):
        assert (layer.units, layer.kernel_size, layer.activation.__name__) == (256, 3, "relu")
        return "fuse"
    return jain_row(layer)


def test_iizuka_has_the_layers_and_parameters_of_its_table():
    model = networks.build("iizuka", NetworkSpec(height=256, width=192))
    at = [layer.name for layer in model.layers].index("fusion")
    before = [row for row in map(iizuka_row, model.layers[:at]) if row]
    dense = [row for part in ("1024", "512", "256") for row in (part, "n")]
    wanted = [*JAIN_LOW, *JAIN_MID, *JAIN_GLOBAL[:-3], *dense]
    assert sorted(before) == sorted(wanted)  # Keras interleaves the branches; the low level is there once
    assert [row for row in map(iizuka_row, model.layers[at:]) if row] == ["fuse", *IIZUKA_COLOUR]
    assert [tensor.shape[1:] for tensor in model.get_layer("fusion").input] == [(32, 24, 256), (256,)]
    assert model.count_params() == 43_237_122
    kernels = [layer.kernel.shape for layer in model.layers if hasattr(layer, "kernel")]
    assert sum(math.prod(shape) + shape[-1] for shape in kernels) == 43_218_402
    assert (25_088, 1024) in kernels


def test_iizuka_sees_picture_and_small_copy_with_the_same_weights():
    model = small("iizuka", height=64, width=96)
    low = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)][:2]
    assert [layer.filters for layer in low] == [64, 128]
    counts = cost.multiply_adds(model)
    assert counts == iizuka_multiply_adds(64, 96, 32)


def iizuka_multiply_adds(height: int, width: int, side: int) -> int:
    """By hand, for sides that 32 divides: low twice, mid and colour of the picture, global of the small copy."""
    low = sum(9 * a * b / 4**halved for a, b, halved in [(1, 64, 1), (64, 128, 1), (128, 128, 2), (128, 256, 2)])
    low += sum(9 * a * b / 4**3 for a, b in [(256, 256), (256, 512)])
    mid = 9 * (512 * 512 + 512 * 256) / 64
    fusion = 9 * 256 * (256 + 1) / 64
    colour = 9 * (256 * 128 / 64 + (128 * 64 + 64 * 64) / 16 + (64 * 32 + 32 * 2) / 4)
    whole = 9 * 512 * 512 * 2 * (1 / 16**2 + 1 / 32**2)
    dense = (side // 32) ** 2 * 512 * 1024 + 1024 * 512 + 512 * 256 + 9 * 256 * 256
    return round((low + mid + fusion + colour) * height * width + (low + whole) * side**2 + dense)


def test_iizuka_classifies_where_classes_are_wanted():
    model = small("iizuka", classes=7)
    outputs = model(inputs_of(model, batch=3))
    assert {name: tuple(value.shape) for name, value in outputs.items()} == {
        "ab": (3, 16, 16, 2),
        "class_logits": (3, 7),
    }
    logits = model.get_layer("class_logits")
    assert logits.input.shape == (None, 256)
    assert logits.activation.__name__ == "linear"
    more = model.count_params() - small("iizuka").count_params()
    assert more == (512 * 256 + 4 * 256) + (256 * 7 + 7)


def test_classification_reaches_the_shared_low_level():
    """By the class alone, the low level is trained and the colours' own layers are not."""
    import tensorflow as tf

    keras.utils.set_random_seed(0)
    model = small("iizuka", classes=7)
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(tf.square(model(inputs_of(model, batch=4), training=True)["class_logits"]))
    gradients = tape.gradient(total, model.trainable_variables)
    reached = {v.path.split("/")[0] for v, g in zip(model.trainable_variables, gradients, strict=True) if g is not None}
    convolutions = [layer.name for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    assert convolutions[0] in reached
    assert convolutions[-1] not in reached
    assert "fusion" not in reached


def test_iizuka_colours_a_part_by_the_whole():
    """What happens far away, beyond the reach of every convolution, changes a corner by way of the small copy."""
    model = small("iizuka")
    inputs = inputs_of(model, 8, 256)
    before = np.asarray(model(inputs)["ab"])[:, :, :8]
    inputs["l"][:, :, 128:] = 1
    change = np.asarray(model(inputs)["ab"])[:, :, :8] - before
    assert np.linalg.norm(change) > 0.01 * np.linalg.norm(before) > 0


@pytest.mark.parametrize("name", [name for name in networks.NETWORKS if not networks.NETWORKS[name].classifies])
def test_classes_for_a_network_that_does_not_classify_are_an_error(name):
    with pytest.raises(TintmillError, match=rf"--network={name} does not classify.*those that do: iizuka"):
        small(name, classes=3)


@pytest.mark.parametrize("side", [0, -32, 100])
def test_a_small_copy_whose_size_does_not_halve_is_an_error(side):
    with pytest.raises(ValueError, match=f"global_size={side}: wanted a multiple of 32"):
        NetworkSpec(global_size=side)


def table(output: str) -> list[str]:
    """The lines of the command's table, without its heading."""
    return output.split("\n\n")[0].splitlines()[1:]


def test_a_network_is_what_it_says_of_itself():
    """Of all that are registered; a network may have hidden what it needs from its description."""
    for name, network in networks.NETWORKS.items():
        model = whole(name, "ab")
        wanted = {"l"} | ({"embedding"} if network.needs_embedding else set())
        assert wanted <= set(model.input) <= wanted | set(network.optional_inputs), name
        assert network.description, name
        assert "class_logits" in model.output or not network.classifies, name


def test_the_networks_command_lists_every_network():
    done = tintmill("networks", "--size=64", "--embedding=1000")
    assert done.returncode == 0, done.stderr
    rows = {line.split()[0]: line for line in table(done.stdout)}
    assert list(rows) == list(networks.NETWORKS)
    assert all(network.description in done.stdout for network in networks.NETWORKS.values())
    assert "6,573,794" in rows["koalarization"]
    assert "[64, 64, 1]" in rows["koalarization"]


def test_the_networks_command_says_which_network_a_size_does_not_fit(capsys):
    assert list_networks.run_command(["--size=30", "--embedding=10"]) == 0
    rows = {line.split()[0]: line for line in table(capsys.readouterr().out)}
    assert list(rows) == list(networks.NETWORKS)
    assert "multiples of 4, got 30x30" in rows["jain"]
    assert all("[30, 30, 1]" in rows[name] for name in rows if name != "jain")


@pytest.mark.slow
@pytest.mark.skipif(not importlib.util.find_spec("jax"), reason="jax is not installed: no second Keras backend to try")
def test_networks_run_on_another_backend(tmp_path):
    """Each network is saved here, and loaded, asked and trained there; built there, it takes other sizes too."""
    wanted = {}
    for name in networks.NETWORKS:
        (tmp_path / name).mkdir()
        model = whole(name, "ab")
        saved_model.save_model(str(tmp_path / name), model)
        inputs = inputs_of(model, batch=2)
        np.savez(tmp_path / name / "inputs.npz", **inputs)
        wanted[name] = np.asarray(model(inputs)["ab"])
    backend = run_python(ON_ANOTHER_BACKEND, tmp_path, env={"KERAS_BACKEND": "jax"}).split()[-1]
    assert backend == "jax"
    for name in networks.NETWORKS:
        found = np.load(tmp_path / name / "ab.npz")
        assert np.linalg.norm(found["loaded"] - wanted[name]) < 1e-3 * np.linalg.norm(wanted[name])
        assert np.isfinite(found["trained"]).all()
        assert found["built"].shape == ((2, 16, 16, 2) if networks.NETWORKS[name].fixed_size else (2, 37, 53, 2))


ON_ANOTHER_BACKEND = """
import sys
import keras, numpy as np
from tintmill.model.prediction import saved_model as artefact
from tintmill.model.networks import registry as networks
from tintmill.model.blocks.spec import NetworkSpec

for name, module in networks.NETWORKS.items():
    folder = f"{sys.argv[1]}/{name}"
    model = artefact.load_model(folder)
    inputs = dict(np.load(f"{folder}/inputs.npz"))
    loaded, trained = model(inputs)["ab"], model(inputs, training=True)["ab"]
    side, size = (16, (16, 16)) if module.fixed_size else (None, (37, 53))
    built = networks.build(name, NetworkSpec(10, side, side, encoder_weights="random", global_size=32))
    inputs["l"] = np.zeros((2, *size, 1), np.float32)
    np.savez(f"{folder}/ab.npz", loaded=loaded, trained=trained, built=built(inputs)["ab"])
print(keras.backend.backend())
"""
