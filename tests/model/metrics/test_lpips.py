"""LPIPS against a computation in plain NumPy, written from the paper's and PyTorch's definitions."""

import hashlib

import numpy as np
import pytest

from tests.support.helpers import photo_pixels, write_lpips_weights
from tintmill.model.metrics import lpips
from tintmill.pipeline.common.errors import TintmillError

NETWORKS = {"alex": lpips.ALEX, "vgg": lpips.VGG}
SIDE = 40


def convolve(values: np.ndarray, kernel: np.ndarray, bias: np.ndarray, step: int, padding: int) -> np.ndarray:
    """[C, H, W] by [out, C, k, k], pixel by pixel."""
    values = np.pad(values, ((0, 0), (padding, padding), (padding, padding)))
    side = kernel.shape[-1]
    height, width = ((length - side) // step + 1 for length in values.shape[1:])
    result = np.empty((len(kernel), height, width))
    for y in range(height):
        for x in range(width):
            patch = values[:, y * step : y * step + side, x * step : x * step + side]
            result[:, y, x] = np.tensordot(kernel, patch, 3) + bias
    return result


def pool(values: np.ndarray, side: int) -> np.ndarray:
    height, width = ((length - side) // 2 + 1 for length in values.shape[1:])
    rows = [
        [values[:, 2 * y : 2 * y + side, 2 * x : 2 * x + side].max((1, 2)) for x in range(width)] for y in range(height)
    ]
    return np.array(rows).transpose(2, 0, 1)


# (torchvision's number of the layer, step, padding), "pool", and "look" where LPIPS compares.
ALEX_LAYERS = [(0, 4, 2), "look", "pool", (3, 1, 2), "look", "pool", (6, 1, 1), "look", (8, 1, 1), "look", (10, 1, 1)]
VGG_LAYERS = [
    *((0, 1, 1), (2, 1, 1), "look", "pool", (5, 1, 1), (7, 1, 1), "look", "pool", (10, 1, 1), (12, 1, 1), (14, 1, 1)),
    *("look", "pool", (17, 1, 1), (19, 1, 1), (21, 1, 1), "look", "pool", (24, 1, 1), (26, 1, 1), (28, 1, 1)),
]


def features(picture: np.ndarray, arrays: dict, layers: list, pooling: int) -> list[np.ndarray]:
    mean, deviation = np.array([-0.030, -0.088, -0.188]), np.array([0.458, 0.448, 0.450])
    values = (((picture / 255.0) * 2 - 1 - mean) / deviation).transpose(2, 0, 1)
    found = []
    for layer in [*layers, "look"]:
        if layer == "pool":
            values = pool(values, pooling)
        elif layer == "look":
            found.append(values / (np.sqrt((values**2).sum(0)) + 1e-10))
        else:
            number, step, padding = layer
            kernel, bias = (arrays[f"features.{number}.{part}"].astype(float) for part in ("weight", "bias"))
            values = np.maximum(convolve(values, kernel, bias, step, padding), 0)
    return found


@pytest.mark.parametrize("name", NETWORKS)
def test_the_distance_is_that_of_the_definition(name, tmp_path):
    arrays = write_lpips_weights(tmp_path / "weights.npz", NETWORKS[name].shapes())
    layers, pooling = (ALEX_LAYERS, 3) if name == "alex" else (VGG_LAYERS, 2)
    truth, *pictures = (photo_pixels(seed, SIDE, SIDE + 5) for seed in range(3))
    wanted_features = features(truth, arrays, layers, pooling)
    wanted = []
    for picture in pictures:
        pairs = zip(wanted_features, features(picture, arrays, layers, pooling), strict=True)
        lins = (arrays[f"lin{i}.model.1.weight"][0] for i in range(5))
        wanted.append(sum((((a - b) ** 2) * lin).sum(0).mean() for (a, b), lin in zip(pairs, lins, strict=True)))
    found = lpips.Lpips(str(tmp_path / "weights.npz"))
    assert found.network is NETWORKS[name]
    assert found(truth, pictures) == pytest.approx(wanted, rel=1e-4)
    assert min(wanted) > 0.01
    assert found(truth, [truth]) == [0]


def test_pictures_too_small_for_its_layers_are_refused(tmp_path):
    """AlexNet's fifth layer would be empty, and the mean over it no number."""
    write_lpips_weights(tmp_path / "weights.npz", lpips.ALEX.shapes())
    small = photo_pixels(0, 16, 40)
    with pytest.raises(TintmillError, match="pictures are 40x16"):
        lpips.Lpips(str(tmp_path / "weights.npz"))(small, [small])


def test_the_card_names_network_and_file(tmp_path):
    path = tmp_path / "weights.npz"
    write_lpips_weights(path, lpips.ALEX.shapes())
    said = lpips.Lpips(str(path)).describe()
    assert "AlexNet" in said
    assert hashlib.sha256(path.read_bytes()).hexdigest() in said


def test_a_file_that_lacks_a_layer_is_refused(tmp_path):
    arrays = write_lpips_weights(tmp_path / "whole.npz", lpips.ALEX.shapes())
    del arrays["lin3.model.1.weight"]
    np.savez(tmp_path / "cut.npz", **arrays)
    with pytest.raises(TintmillError, match=r"lin3\.model\.1\.weight: found nothing, wanted .* for AlexNet"):
        lpips.Lpips(str(tmp_path / "cut.npz"))


def test_a_file_of_another_shape_is_refused(tmp_path):
    arrays = write_lpips_weights(tmp_path / "whole.npz", lpips.ALEX.shapes())
    arrays["features.0.weight"] = arrays["features.0.weight"][:, :, :3]
    np.savez(tmp_path / "other.npz", **arrays)
    with pytest.raises(TintmillError, match=r"features\.0\.weight: found .*wanted"):
        lpips.Lpips(str(tmp_path / "other.npz"))


@pytest.mark.parametrize("data", [b"", b"no zip at all", b"PK\x03\x04 cut"])
def test_a_file_that_is_no_npz_is_refused_in_one_line(data, tmp_path):
    path = tmp_path / "weights.npz"
    path.write_bytes(data)
    with pytest.raises(TintmillError, match="cannot be read as"):
        lpips.Lpips(str(path))


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(TintmillError, match="cannot be read"):
        lpips.Lpips(str(tmp_path / "none.npz"))
