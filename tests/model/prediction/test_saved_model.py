"""A trained network on disk: whole, absent, damaged."""

import shutil

import keras
import numpy as np
import pytest

from tests.support.manifests import make_manifest
from tintmill.model.blocks import heads
from tintmill.model.blocks.spec import NetworkSpec
from tintmill.model.networks import registry as networks
from tintmill.model.prediction import saved_model
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.imaging import ab_bins

MANIFEST = make_manifest(size=16)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A run directory with an untrained network; the directory and the network."""
    run = tmp_path_factory.mktemp("artefact")
    network = networks.build("koalarization", NetworkSpec(10))
    saved_model.save_model(str(run), network)
    saved_model.TrainedFolder(str(run)).write_manifest(MANIFEST)
    return run, network


def damaged_copy(saved, tmp_path, damage) -> str:
    data = bytearray((saved[0] / saved_model.MODEL).read_bytes())
    (tmp_path / saved_model.MODEL).write_bytes(damage(data))
    return str(tmp_path)


def flip(data: bytearray, position: int) -> bytearray:
    data[position] ^= 0x55
    return data


def test_a_saved_network_answers_as_before(saved):
    run, network = saved
    inputs = {"l": np.full((1, 9, 20, 1), 0.3, np.float32), "embedding": np.ones((1, 10), np.float32)}
    loaded = saved_model.load_model(str(run))
    np.testing.assert_array_equal(np.asarray(loaded(inputs)["ab"]), np.asarray(network(inputs)["ab"]))
    assert saved_model.TrainedFolder(str(run)).read_manifest() == MANIFEST
    assert sorted(path.name for path in run.iterdir()) == [saved_model.DATASET, saved_model.MODEL]


def test_an_interrupted_save_leaves_the_old_network(saved, tmp_path, monkeypatch):
    run = damaged_copy(saved, tmp_path, lambda data: data)
    before = (tmp_path / saved_model.MODEL).read_bytes()

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(saved_model.os, "replace", stop)
    with pytest.raises(KeyboardInterrupt):
        saved_model.save_model(run, keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)]))
    assert (tmp_path / saved_model.MODEL).read_bytes() == before


@pytest.mark.parametrize("kept", [0, 10, 1000, -1])
def test_a_cut_network_is_an_error_that_names_the_file(saved, tmp_path, kept):
    run = damaged_copy(saved, tmp_path, lambda data: data[:kept])
    with pytest.raises(TintmillError, match=r"model\.keras cannot be loaded"):
        saved_model.load_model(run)


@pytest.mark.parametrize("position", [1000, 5000, 2_000_000, 20_000_000])
def test_a_flipped_byte_is_an_error_that_names_the_file(saved, tmp_path, position):
    run = damaged_copy(saved, tmp_path, lambda data: flip(data, position))
    with pytest.raises(TintmillError, match=r"model\.keras cannot be loaded"):
        saved_model.load_model(run)


def test_a_run_without_a_network_yet_says_so(saved, tmp_path):
    shutil.copy(saved[0] / saved_model.DATASET, tmp_path)
    with pytest.raises(TintmillError, match=r"no model\.keras in it; let its `tintmill train` come to the end"):
        saved_model.load_model(str(tmp_path))


def test_a_folder_that_is_no_run_says_so(tmp_path):
    with pytest.raises(TintmillError, match=rf"^{tmp_path}: no dataset\.json in it; wanted a run directory"):
        saved_model.TrainedFolder(str(tmp_path)).read_manifest()


def test_a_file_in_place_of_a_run_says_so(saved):
    path = saved[0] / saved_model.MODEL
    with pytest.raises(TintmillError, match=rf"^{path} is a file; wanted a run directory .* is --model"):
        saved_model.TrainedFolder(str(path)).read_manifest()


def test_a_run_in_a_bucket_is_refused_with_the_remedy():
    with pytest.raises(TintmillError, match=r"^gs://bucket/run: wanted a run directory on this machine; copy it"):
        saved_model.TrainedFolder("gs://bucket/run").read_manifest()


def test_a_manifest_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / saved_model.DATASET).mkdir()
    with pytest.raises(TintmillError, match=r"dataset\.json: cannot be read: .* not a regular file"):
        saved_model.TrainedFolder(str(tmp_path)).read_manifest()


def test_a_damaged_manifest_is_named(tmp_path):
    (tmp_path / saved_model.DATASET).write_text('{"embedder": ')
    with pytest.raises(TintmillError, match=r"dataset\.json is damaged"):
        saved_model.TrainedFolder(str(tmp_path)).read_manifest()


@pytest.fixture(scope="module")
def with_bins(tmp_path_factory) -> str:
    """A run directory with an untrained network that predicts bins."""
    run = tmp_path_factory.mktemp("bins")
    saved_model.save_model(str(run), networks.build("koalarization", NetworkSpec(10, head="bins")))
    return str(run)


def test_a_temperature_changes_the_colours_of_a_network_with_bins(with_bins):
    inputs = {"l": np.full((1, 9, 20, 1), 0.3, np.float32), "embedding": np.ones((1, 10), np.float32)}
    networks_at = {value: saved_model.load_model(with_bins, value) for value in (None, 0.38, 1e6)}
    assert [heads.temperature_of(network) for network in networks_at.values()] == [0.38, 0.38, 1e6]
    usual, same, flat = (np.asarray(network(inputs)["ab"]) for network in networks_at.values())
    np.testing.assert_array_equal(same, usual)
    mean_of_all = np.broadcast_to(ab_bins.centres().mean(axis=0) / 128, flat.shape)
    np.testing.assert_allclose(flat, mean_of_all, atol=1e-5)
    assert np.abs(usual - mean_of_all).max() > 1e-4


def test_a_temperature_without_bins_is_refused(saved):
    wanted = r"--temperature=0\.5: the network of --run=.* without bins.*leave the flag out, or train with --loss=bins"
    with pytest.raises(TintmillError, match=wanted):
        saved_model.load_model(str(saved[0]), 0.5)
    assert heads.temperature_of(saved_model.load_model(str(saved[0]))) is None


@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf")])
def test_a_senseless_temperature_is_refused(with_bins, value):
    with pytest.raises(TintmillError, match=f"--temperature={value}: wanted a positive number"):
        saved_model.load_model(with_bins, value)
