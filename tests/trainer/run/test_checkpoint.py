"""Checkpoints: everything a run changes, whole or absent."""

import errno

import keras
import numpy as np
import pytest
from keras import layers

from tintmill.pipeline.common.errors import TintmillError
from tintmill.trainer.run import checkpoint


def make_state(width: int = 4):
    """A small network with every kind of state, trained by one step; (model, all variables)."""
    keras.utils.clear_session()  # names of layers start anew, as in a new process
    keras.utils.set_random_seed(1)
    inputs = keras.Input((6,))
    x = layers.Dropout(0.5)(layers.BatchNormalization()(layers.Dense(width)(inputs)))
    model = keras.Model(inputs, layers.Dense(1)(layers.GaussianNoise(0.3)(x)))
    model.compile(keras.optimizers.Adam(0.1), "mse", run_eagerly=True)
    model.fit(np.ones((8, 6)), np.ones((8, 1)), verbose=0)
    return model, [*model.variables, *model.optimizer.variables]


def values_of(variables: list) -> list[np.ndarray]:
    return [np.array(v.numpy()) for v in variables]


def disturb(variables: list) -> None:
    for variable in variables:
        variable.assign(np.ones(variable.shape, str(variable.dtype)))


def assert_values(variables: list, wanted: list[np.ndarray]) -> None:
    for variable, value in zip(variables, wanted, strict=True):
        assert np.asarray(variable.numpy()).tobytes() == value.tobytes(), variable.path


def path_of(folder, step: int):
    return folder / f"step-{step:010d}.npz"


@pytest.fixture
def saved(tmp_path):
    """Checkpoints of steps 10 and 20 with different values: folder, variables, the values of both."""
    _, variables = make_state()
    values = {}
    for step in (10, 20):
        values[step] = values_of(variables)
        checkpoint.save(str(tmp_path), step, variables, keep=5)
        for variable in variables:
            variable.assign(variable + 1)
    return tmp_path, variables, values


def test_every_variable_comes_back_to_the_bit(tmp_path):
    _, variables = make_state()
    values = values_of(variables)
    assert any("seed_generator" in v.path for v in variables)
    path = checkpoint.save(str(tmp_path), 7, variables, keep=2)
    disturb(variables)
    assert checkpoint.restore(str(tmp_path), variables) == 7
    assert_values(variables, values)
    assert path == str(path_of(tmp_path, 7))
    assert [p.name for p in tmp_path.iterdir()] == ["step-0000000007.npz"]


def test_the_next_random_draws_come_back(tmp_path):
    """Dropout and noise go on where they were: the seed generators are part of the checkpoint."""
    model, variables = make_state()
    picture = np.ones((64, 6), np.float32)
    checkpoint.save(str(tmp_path), 1, variables, keep=1)
    wanted = [np.asarray(model(picture, training=True)) for _ in range(3)]
    fresh, fresh_variables = make_state()
    assert checkpoint.restore(str(tmp_path), fresh_variables) == 1
    found = [np.asarray(fresh(picture, training=True)) for _ in range(3)]
    np.testing.assert_array_equal(found, wanted)
    assert not np.array_equal(wanted[0], wanted[1])


def test_nothing_saved_is_step_zero(tmp_path):
    assert checkpoint.restore(str(tmp_path), make_state()[1]) == 0
    assert checkpoint.list_steps(str(tmp_path / "nowhere")) == []


def test_the_newest_is_restored(saved):
    folder, variables, values = saved
    assert checkpoint.restore(str(folder), variables) == 20
    assert_values(variables, values[20])


@pytest.mark.parametrize("keep", [1, 2, 3])
def test_only_the_newest_are_kept(tmp_path, keep):
    _, variables = make_state()
    for step in (5, 10, 15, 20):
        checkpoint.save(str(tmp_path), step, variables, keep)
    assert checkpoint.list_steps(str(tmp_path)) == [5, 10, 15, 20][-keep:]


def test_foreign_files_are_no_checkpoints(saved):
    folder, variables, _ = saved
    for name in ("notes.txt", "step-30.npz", ".tmp-0123", "step-0000000099.npz.bak"):
        (folder / name).write_text("")
    assert checkpoint.list_steps(str(folder)) == [10, 20]
    checkpoint.save(str(folder), 30, variables, keep=1)
    assert (folder / "notes.txt").exists()


def damaged(how: str, data: bytes) -> bytes:
    flipped = bytearray(data)
    flipped[len(data) // 2] ^= 1
    return {"emptied": b"", "cut": data[: len(data) // 2], "end cut": data[:-1], "flipped byte": bytes(flipped)}[how]


DAMAGES = ["emptied", "cut", "end cut", "flipped byte"]


@pytest.mark.parametrize("how", DAMAGES)
def test_a_damaged_newest_is_named_and_the_one_before_it_taken(saved, capsys, how):
    folder, variables, values = saved
    path_of(folder, 20).write_bytes(damaged(how, path_of(folder, 20).read_bytes()))
    disturb(variables)
    assert checkpoint.restore(str(folder), variables) == 10
    assert_values(variables, values[10])
    warning = capsys.readouterr().err
    assert warning.count("\n") == 1
    assert warning.startswith(f"WARNING {path_of(folder, 20)} is damaged")


@pytest.mark.parametrize("how", DAMAGES)
def test_only_damaged_ones_are_an_error_and_nothing_is_restored(saved, how):
    folder, variables, _ = saved
    for step in (10, 20):
        path_of(folder, step).write_bytes(damaged(how, path_of(folder, step).read_bytes()))
    disturb(variables)
    before = values_of(variables)
    with pytest.raises(TintmillError, match=r"all 2 checkpoints are damaged; give another --run"):
        checkpoint.restore(str(folder), variables)
    assert_values(variables, before)


def test_no_flipped_byte_changes_a_value(tmp_path, capsys):
    """Each byte of a checkpoint in turn: it is refused, or the byte was none that matters and all values are right."""
    variables = [v for v in make_state(width=1)[1] if v.path in ("dense/kernel", "adam/iteration")]
    assert len(variables) == 2
    values = values_of(variables)
    checkpoint.save(str(tmp_path), 20, variables, keep=1)
    whole = path_of(tmp_path, 20).read_bytes()
    refused = 0
    for position in range(len(whole)):
        flipped = bytearray(whole)
        flipped[position] ^= 0x41
        path_of(tmp_path, 20).write_bytes(flipped)
        disturb(variables)
        try:
            assert checkpoint.restore(str(tmp_path), variables) == 20
            assert_values(variables, values)
        except TintmillError:
            refused += 1
    assert refused > len(whole) / 2
    capsys.readouterr()


def test_a_damaged_newest_never_outlives_a_good_one(saved, capsys):
    """A resumed run saves at step 15, between the good 10 and the damaged 20: what is kept is what can be read."""
    folder, variables, _ = saved
    path_of(folder, 20).write_bytes(b"")
    assert checkpoint.restore(str(folder), variables) == 10
    checkpoint.save(str(folder), 15, variables, keep=1)
    wanted = values_of(variables)
    disturb(variables)
    assert checkpoint.restore(str(folder), variables) == 15
    assert_values(variables, wanted)
    assert checkpoint.list_steps(str(folder)) == [15]


def test_another_network_is_refused_and_named(saved):
    folder, _, _ = saved
    _, wider = make_state(width=5)
    before = values_of(wider)
    with pytest.raises(TintmillError, match=r"step-0000000020\.npz is of another network: it holds .*dense.*4.*wanted"):
        checkpoint.restore(str(folder), wider)
    assert_values(wider, before)


def test_fewer_variables_are_another_network(saved):
    folder, variables, _ = saved
    with pytest.raises(TintmillError, match="is of another network"):
        checkpoint.restore(str(folder), variables[:-1])


class Stopped(BaseException):
    """The process is stopped in the middle of a write."""


@pytest.mark.parametrize("error", [Stopped(), OSError(errno.ENOSPC, "No space left on device")])
def test_an_interrupted_write_leaves_the_ones_before(saved, monkeypatch, error):
    folder, variables, values = saved

    def write_some_and_fail(file, **arrays):
        file.write(b"PK some bytes")
        raise error

    monkeypatch.setattr(checkpoint.np, "savez", write_some_and_fail)
    with pytest.raises((Stopped, TintmillError)):
        checkpoint.save(str(folder), 30, variables, keep=1)
    monkeypatch.undo()
    assert sorted(p.name for p in folder.iterdir()) == ["step-0000000010.npz", "step-0000000020.npz"]
    assert checkpoint.restore(str(folder), variables) == 20
    assert_values(variables, values[20])


def test_a_full_disk_says_how_many_bytes_were_wanted(saved, monkeypatch):
    folder, variables, _ = saved
    size = sum(np.asarray(v.numpy()).nbytes for v in variables)

    def fail(file, **arrays):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(checkpoint.np, "savez", fail)
    wanted = rf"step-0000000030\.npz: cannot write {size:,} bytes: No space left on device; the last one is kept"
    with pytest.raises(TintmillError, match=wanted):
        checkpoint.save(str(folder), 30, variables, keep=1)


def test_a_full_disk_while_flushing_leaves_the_ones_before(saved, monkeypatch):
    """The write itself succeeds into the cache, and the disk refuses at fsync."""
    folder, variables, values = saved

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(checkpoint.files.os, "fsync", full)
    with pytest.raises(TintmillError, match="No space left on device"):
        checkpoint.save(str(folder), 30, variables, keep=1)
    monkeypatch.undo()
    assert checkpoint.restore(str(folder), variables) == 20
    assert_values(variables, values[20])
    assert checkpoint.list_steps(str(folder)) == [10, 20]
