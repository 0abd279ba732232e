"""From shards to batches: every record once an epoch, a pure function of dataset, seed and step."""

import shutil
from pathlib import Path

import google_crc32c
import numpy as np
import pytest
import tensorflow as tf

from tests.support import helpers, training
from tests.support.manifests import make_dataset, make_identity
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.dataset import record
from tintmill.pipeline.dataset.manifest import Dataset, open_dataset
from tintmill.trainer.input import batches as trainer_input
from tintmill.trainer.input import order, shards
from tintmill.trainer.run.settings import TrainSettings

RECORDS, BATCH = 27, 6  # an epoch is four and a half batches
EPOCHS = 8
STEPS = RECORDS * EPOCHS // BATCH
SETTINGS = TrainSettings(seed=7, global_batch=BATCH)


def positions(seed: int = 3, records: int = RECORDS, batch: int = BATCH, steps: int = STEPS) -> np.ndarray:
    """The record numbers of all steps in a row."""
    return np.concatenate([order.step_records(records, seed, step, batch) for step in range(steps)])


def epochs(**kwargs) -> np.ndarray:
    """[epoch, position]: record numbers."""
    return positions(**kwargs).reshape(EPOCHS, RECORDS)


def test_every_batch_is_full():
    assert {len(order.step_records(RECORDS, 3, step, BATCH)) for step in range(STEPS)} == {BATCH}


def test_no_record_is_missing_from_an_epoch():
    for epoch in epochs():
        assert set(range(RECORDS)) - set(epoch.tolist()) == set()


def test_no_record_comes_twice_in_an_epoch():
    for epoch in epochs():
        assert len(set(epoch.tolist())) == len(epoch)


def test_records_come_in_the_order_of_their_epoch():
    for number, epoch in enumerate(epochs()):
        np.testing.assert_array_equal(epoch, order.epoch_order(RECORDS, 3, number))


def test_batches_of_any_size_are_one_and_the_same_sequence():
    for batch in (1, 6, 54, 216):  # 54 is two epochs in one batch
        np.testing.assert_array_equal(positions(batch=batch, steps=RECORDS * EPOCHS // batch), positions())


def test_epochs_differ():
    assert len({tuple(epoch) for epoch in epochs()}) == EPOCHS


def test_seeds_differ():
    assert len({tuple(positions(seed=seed)) for seed in range(5)}) == 5


def test_the_order_is_the_same_in_every_process():
    """Resuming needs it: pinned, so that a change of the generator cannot pass unseen."""
    wanted = order.epoch_order(8, 1, 2).tolist()
    code = "from tintmill.trainer.input.order import epoch_order; print(epoch_order(8, 1, 2).tolist())"
    assert helpers.run_python(code, env={"PYTHONHASHSEED": "1"}).strip() == str(wanted)
    assert wanted == PINNED_ORDER


PINNED_ORDER = [7, 0, 5, 4, 6, 2, 3, 1]


def test_classes_are_mixed_although_files_are_sorted_by_class():
    """The number of classes in a batch is that of perfect shuffles of the same files."""
    classes, batch = np.repeat(np.arange(20), 50), 40

    def mean_classes(order) -> float:
        return float(np.mean([len(set(part)) for part in classes[order].reshape(-1, batch).tolist()]))

    random = np.random.default_rng(0)
    perfect = [mean_classes(random.permutation(1000)) for _ in range(300)]
    ours = [mean_classes(order.epoch_order(1000, 0, epoch)) for epoch in range(20)]
    assert mean_classes(np.arange(1000)) < 3
    assert np.mean(ours) == pytest.approx(np.mean(perfect), abs=4 * np.std(perfect) / np.sqrt(len(ours)))
    assert np.std(ours) < 2 * np.std(perfect)


@pytest.fixture(scope="module")
def opened(dataset) -> Dataset:
    return open_dataset(str(dataset))


@pytest.fixture(scope="module")
def encoded(photos, plain_dataset, tmp_path_factory) -> dict[str, Dataset]:
    """The same photographs in every encoding."""
    folders = {"lab8": plain_dataset}
    for encoding in ("lab8_png", "lab16"):
        folders[encoding] = helpers.prepare(photos, tmp_path_factory.mktemp(encoding), f"--encoding={encoding}")
    return {encoding: open_dataset(str(folder)) for encoding, folder in folders.items()}


@pytest.fixture
def copied(plain_dataset, tmp_path) -> Path:
    """A dataset of its own, to be damaged."""
    return Path(shutil.copytree(plain_dataset, tmp_path / "copy"))


def all_records(dataset: Dataset, split: str = "train") -> list[bytes]:
    index = shards.index_records(dataset, split)
    reader = shards.RecordReader(index)
    try:
        return [reader(number) for number in range(len(index))]
    finally:
        reader.close()


def stored_labs(data: list[bytes]) -> list[bytes]:
    """The `lab` bytes of serialised records, by protobuf alone."""
    examples = [tf.train.Example.FromString(one) for one in data]
    return [example.features.feature["lab"].bytes_list.value[0] for example in examples]


def to_lab(inputs: dict, targets: dict) -> np.ndarray:
    return np.concatenate([(np.asarray(inputs["l"]) + 1) * 50, np.asarray(targets["ab"]) * 128], axis=-1)


def trained_labs(dataset: Dataset, data: list[bytes]) -> np.ndarray:
    """Lab as training sees it, in CIELAB's units."""
    return to_lab(*trainer_input.to_network(shards.parse_batch(dataset, data), dataset.settings.encoding))


def test_the_index_finds_the_records_that_a_stranger_reads(opened):
    for split in opened.splits:
        frames = []
        for entry in opened.shards(split):
            with open(opened.path(entry.file), "rb") as f:
                frames += list(record.read_frames(f))
        assert all_records(opened, split) == frames
        assert len(frames) == opened.splits[split]


@pytest.mark.parametrize("encoding", ["lab8", "lab8_png", "lab16"])
def test_training_sees_the_lab_that_peek_shows(encoded, encoding):
    dataset = encoded[encoding]
    data = all_records(dataset)
    shown = np.stack([record.decode_lab(stored, dataset.settings) for stored in stored_labs(data)])
    assert np.abs(shown[..., 1:]).max() > 20
    np.testing.assert_allclose(trained_labs(dataset, data), shown, atol=1e-4)


@pytest.mark.parametrize(("encoding", "tolerance"), [("lab8", (0.2, 0.51, 0.51)), ("lab8_png", (0.2, 0.51, 0.51))])
def test_encodings_agree_within_their_rounding(encoded, encoding, tolerance):
    exact, rounded = encoded["lab16"], encoded[encoding]
    ids = [shards.record_ids(d, "train", np.arange(d.splits["train"])) for d in (exact, rounded)]
    assert ids[0] == ids[1]
    difference = np.abs(trained_labs(exact, all_records(exact)) - trained_labs(rounded, all_records(rounded)))
    assert (difference.max(axis=(0, 1, 2)) < np.array(tolerance)).all()
    assert difference.max() > 0.1  # the rounding is there


def test_network_units(encoded):
    """L* = 100 is 1, L* = 0 is -1; a* = 127 is 127/128, b* = -128 is -1."""
    packed = np.array([[[[255, 255, 0], [0, 128, 128]]]], np.uint8)
    inputs, targets = trainer_input.to_network({"lab": packed}, "lab8")
    np.testing.assert_allclose(np.asarray(inputs["l"]).ravel(), [1, -1], atol=1e-6)
    np.testing.assert_allclose(np.asarray(targets["ab"])[0, 0], [[127 / 128, -1], [0, 0]], atol=1e-6)


def test_the_embedding_of_a_record_reaches_the_network():
    """Each row of a batch gets its own float16 vector, unchanged."""
    embeddings = np.random.default_rng(0).normal(0, 3, (2, 5)).astype(np.float16)
    dataset = make_dataset(size=8, embedder=make_identity(dimension=5))
    data = []
    for row in embeddings:
        values = {"lab": np.zeros((8, 8, 3), np.uint8).tobytes(), "embedding": row.tobytes()}
        lists = {name: tf.train.Feature(bytes_list=tf.train.BytesList(value=[v])) for name, v in values.items()}
        data.append(tf.train.Example(features=tf.train.Features(feature=lists)).SerializeToString())
    inputs, _ = trainer_input.to_network(shards.parse_batch(dataset, data), "lab8")
    np.testing.assert_array_equal(np.asarray(inputs["embedding"]), embeddings.astype(np.float32))


@pytest.mark.parametrize("start", [1, 4, 5, 11])
def test_starting_at_a_step_equals_skipping_to_it(opened, start):
    whole = list(trainer_input.batches(opened, SETTINGS, 0, 12))
    training.assert_equal_batches(list(trainer_input.batches(opened, SETTINGS, start, 12)), whole[start:])


@pytest.mark.parametrize("parts", [2, 3])
def test_replicas_share_the_batch_of_one_device(opened, parts):
    whole = list(trainer_input.batches(opened, SETTINGS, 0, 6))
    pieces = list(trainer_input.batches(opened, SETTINGS, 0, 6, parts))
    joined = [pieces[i : i + parts] for i in range(0, len(pieces), parts)]
    joined = [{name: np.concatenate([piece[name] for piece in group]) for name in group[0]} for group in joined]
    training.assert_equal_batches(joined, whole)


@pytest.mark.parametrize(("parts", "pieces"), [(1, 1), (4, 1), (1, 3), (2, 3)])
def test_every_row_of_a_batch_belongs_to_one_replica(parts, pieces):
    """Each record is read once, by one replica alone; a piece of --accumulate has the same rows for any number."""
    settings = TrainSettings(global_batch=12, accumulate=pieces)
    rows = [trainer_input.rows_of(part, parts, settings) for part in range(parts)]
    assert sorted(np.concatenate(rows)) == list(range(12))
    for piece in range(pieces):
        mine = np.concatenate([part.reshape(pieces, -1)[piece] for part in rows])
        assert list(mine) == list(range(piece * 12 // pieces, (piece + 1) * 12 // pieces))


def test_a_batch_holds_the_records_it_names(opened):
    data = all_records(opened)
    labs = shards.parse_batch(opened, data)["lab"]
    for step, batch in enumerate(list(trainer_input.batches(opened, SETTINGS, 0, 5))):
        np.testing.assert_array_equal(batch["record"], order.step_records(len(data), 7, step, BATCH))
        np.testing.assert_array_equal(batch["lab"], labs[batch["record"]])


def test_record_ids_are_those_of_the_records(opened):
    ids = shards.record_ids(opened, "train", np.arange(opened.splits["train"]))
    assert len(set(ids)) == len(ids)
    assert shards.record_ids(opened, "train", np.array([5, 0, 5])) == [ids[5], ids[0], ids[5]]


@pytest.mark.parametrize("where", ["first byte", "middle", "last byte", "checksum"])
def test_a_flipped_byte_stops_the_reader(copied, where):
    """The disk changes under a run: the record is named by file and byte, none of its content is used."""
    dataset = open_dataset(str(copied))
    index = shards.index_records(dataset, "train")
    _, offset, length = index.locate(1)
    at = offset + {"first byte": 0, "middle": length // 2, "last byte": length - 1, "checksum": length + 2}[where]
    flip(Path(index.paths[0]), at)
    reader = shards.RecordReader(index)
    assert reader(0)
    assert reader(2)
    with pytest.raises(TintmillError, match=rf"{Path(index.paths[0]).name}: the record at byte {offset} is damaged"):
        reader(1)
    reader.close()


def test_a_record_that_is_cut_off_stops_the_reader(copied):
    index = shards.index_records(open_dataset(str(copied)), "train")
    path = Path(index.paths[0])
    with open(path, "r+b") as f:
        f.truncate(index.locate(1)[1] + 10)
    reader = shards.RecordReader(index)
    with pytest.raises(TintmillError, match="is damaged"):
        reader(1)
    reader.close()


def test_the_reader_checks_what_tensorflow_checks(opened):
    """Its checksum is the masked crc32c of the TFRecord format."""
    paths = [opened.path(entry.file) for entry in opened.shards("train")]
    assert [one.numpy() for one in tf.data.TFRecordDataset(paths)] == all_records(opened)
    assert google_crc32c.implementation == "c"


def flip(path: Path, position: int) -> None:
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.write_bytes(data)


def cut_at_a_record_boundary(folder: Path) -> Path:
    path = helpers.shard_files(folder)[-1]
    data = path.read_bytes()
    size = int.from_bytes(data[:8], "little") + 16
    assert size < len(data)
    path.write_bytes(data[:-size] if len(data) % size == 0 else data[:size])
    return path


def flip_a_byte(folder: Path) -> Path:
    path = helpers.shard_files(folder)[1]
    flip(path, path.stat().st_size // 2)
    return path


def remove(folder: Path) -> Path:
    path = helpers.shard_files(folder)[2]
    path.unlink()
    return path


def swap(folder: Path) -> Path:
    first, second, *_ = helpers.shard_files(folder)
    data = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(data)
    return first


def empty(folder: Path) -> Path:
    path = helpers.shard_files(folder)[0]
    path.write_bytes(b"")
    return path


DAMAGES = [cut_at_a_record_boundary, flip_a_byte, remove, swap, empty]


def test_a_whole_dataset_is_accepted(copied):
    shards.check_dataset(open_dataset(str(copied)))


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_dataset_is_refused_by_the_name_of_its_file(copied, damage):
    path = damage(copied)
    with pytest.raises(TintmillError, match=rf"is damaged: {path.name}: .*`tintmill verify`"):
        shards.check_dataset(open_dataset(str(copied)))


@pytest.mark.parametrize("damage", DAMAGES)
def test_training_does_not_start_on_a_damaged_dataset(copied, tmp_path, damage):
    path = damage(copied)
    done = helpers.tintmill("train", f"--data={copied}", f"--run={tmp_path / 'run'}")
    helpers.assert_one_line_error(done, path.name, "is damaged")
    assert not (tmp_path / "run").exists()
