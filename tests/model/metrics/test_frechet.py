"""The Frechet distance against its formula, and what the card says of it."""

import hashlib

import numpy as np
import pytest
import scipy.linalg

from tests.support.helpers import photo_pixels
from tintmill.model.metrics import frechet
from tintmill.pipeline.common.errors import TintmillError


def moments(features: np.ndarray, at_once: int = 7) -> frechet.Moments:
    found = frechet.Moments()
    for start in range(0, len(features), at_once):
        found.add(features[start : start + at_once])
    return found


def by_formula(one: np.ndarray, other: np.ndarray) -> float:
    """With SciPy's matrix square root, in float64."""
    covariances = [np.cov(features.T) for features in (one, other)]
    root = scipy.linalg.sqrtm(covariances[0] @ covariances[1])
    return float(np.sum((one.mean(0) - other.mean(0)) ** 2) + np.trace(sum(covariances) - 2 * root.real))


@pytest.fixture(scope="module")
def pair() -> tuple[np.ndarray, np.ndarray]:
    """Features of two sets, correlated otherwise: 300 and 200 of 24."""
    generator = np.random.default_rng(0)
    mixing = generator.normal(size=(2, 24, 24))
    return generator.normal(size=(300, 24)) @ mixing[0] + 1, generator.normal(size=(200, 24)) @ mixing[1]


def test_the_distance_is_that_of_the_formula(pair):
    assert frechet.distance(*map(moments, pair)) == pytest.approx(by_formula(*pair), rel=1e-9)


def test_the_distance_of_two_gaussians_is_known():
    """Independent features of deviation 2 and 3, means 5 apart: 25 + (3 - 2)^2 for each."""
    sample = np.random.default_rng(1).normal(size=(64, 4))
    white = np.linalg.qr(sample - sample.mean(0))[0] * np.sqrt(63)  # mean 0, covariance 1, exactly
    found = frechet.distance(moments(2 * white), moments(3 * white + np.array([5, 0, 0, 0])))
    assert found == pytest.approx(25 + 4 * (3 - 2) ** 2)


@pytest.mark.parametrize("count", [10, 24, 200])
def test_the_distance_of_a_set_from_itself_is_0(pair, count):
    """Also of fewer pictures than features, where the covariance is singular."""
    assert frechet.distance(moments(pair[1][:count]), moments(pair[1][:count], at_once=3)) == pytest.approx(0, abs=1e-9)


def test_fewer_pictures_than_features_have_the_distance_of_their_span(pair):
    """Ten pictures span nine directions; SciPy's root, taken there, gives the same."""
    one, other = (features[:10] for features in pair)
    basis = np.linalg.qr(np.vstack([one - one.mean(0), other - other.mean(0)]).T)[0]
    ridge = [np.cov((features @ basis).T) + 1e-9 * np.eye(basis.shape[1]) for features in (one, other)]
    root = scipy.linalg.sqrtm(ridge[0] @ ridge[1]).real
    wanted = np.sum((one.mean(0) - other.mean(0)) ** 2) + np.trace(ridge[0] + ridge[1] - 2 * root)
    assert frechet.distance(moments(one), moments(other)) == pytest.approx(wanted, rel=1e-3)


def test_one_picture_has_no_distance(pair):
    assert frechet.distance(moments(pair[0][:1]), moments(pair[1])) is None


@pytest.mark.slow
@pytest.mark.parametrize("name", frechet.NETWORKS)
def test_random_networks_are_always_the_same_and_tell_pictures_apart(name):
    pictures = [photo_pixels(0), photo_pixels(1), photo_pixels(2, 40, 200)]
    first, second = (frechet.Features(name, "random")(pictures) for _ in range(2))
    assert first.shape == (3, frechet.NETWORKS[name].dimension)
    np.testing.assert_allclose(first, second, rtol=1e-5)
    apart = np.linalg.norm(first[0] - first[1]) / np.linalg.norm(first[0])
    assert apart > 1e-3
    assert np.linalg.norm(first[0]) > 1e-3


@pytest.mark.slow
def test_inceptions_weights_load_from_a_file_with_its_classifier(tmp_path):
    """Its layers have other names in every network that is built: they are told by their order."""
    import keras

    whole = keras.applications.InceptionV3(weights=None)
    rng = np.random.default_rng(0)
    for variable in whole.layers[1].trainable_variables:
        variable.assign(rng.normal(0, 0.1, variable.shape))
    path = tmp_path / "inception.weights.h5"
    whole.save_weights(path)
    found = frechet.Features("inception_v3", str(path))
    pooled = keras.Model(whole.input, whole.layers[-2].output)
    views = [photo_pixels(0, 299, 299), photo_pixels(1, 299, 299)]
    wanted = pooled.predict_on_batch(np.stack(views).astype(np.float32) / 127.5 - 1)
    np.testing.assert_allclose(found(views), wanted, rtol=1e-3, atol=1e-6)
    assert hashlib.sha256(path.read_bytes()).hexdigest() in found.describe(5000)
    assert "WARNING" not in found.describe(5000)


@pytest.mark.slow
def test_the_card_names_random_weights_and_too_few_pictures():
    said = frechet.Features("mobilenet_v2", "random").describe(1280)
    assert "RANDOM" in said
    assert "mobilenet_v2" in said
    assert "WARNING: 1280 pictures are no more than the 1280 features" in said


@pytest.mark.real_data
def test_real_weights_find_grey_pictures_farther_than_halved_ones(real_data):
    """MobileNetV2 with ImageNet's weights: what is washed out is nearer to the truth than what has no colour."""
    from PIL import Image

    from tintmill.pipeline.imaging import lab

    features = frechet.Features("mobilenet_v2", str(next((real_data / "weights").glob("mobilenet_v2*.h5"))))
    sets = {share: frechet.Moments() for share in (1.0, 0.5, 0.0)}
    for path in sorted((real_data / "tf_flowers").rglob("*.jpg"))[:24]:
        with Image.open(path) as image:
            values = lab.rgb_to_lab(np.asarray(image.convert("RGB").resize((96, 96))))
        for share, found in sets.items():
            found.add(features([lab.lab_to_rgb8(values * np.array([1, share, share]))]))
    grey, halved = (frechet.distance(sets[share], sets[1.0]) for share in (0.0, 0.5))
    assert grey > 1.5 * halved > 0


def test_weights_that_are_not_there_are_refused(tmp_path):
    for weights, part in (("imagenet", "wanted the file"), (str(tmp_path / "none.h5"), "no such file")):
        with pytest.raises(TintmillError, match=part):
            frechet.Features("mobilenet_v2", weights)
