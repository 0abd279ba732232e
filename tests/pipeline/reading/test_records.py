"""`tintmill.open_dataset`: records by number and id, once each, whatever reads them."""

import concurrent.futures
import multiprocessing
import operator
import pickle
import struct

import numpy as np
import pytest

from tests.support import helpers, small_dataset
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.common.extras import find_extra
from tintmill.pipeline.dataset import names
from tintmill.pipeline.dataset.manifest import open_dataset as open_directory
from tintmill.pipeline.dataset.record import parse_features, read_frames
from tintmill.pipeline.reading.records import Records, open_dataset

IDS = [f"train/0-{n}.jpg" for n in range(3)] + [f"train/1-{n}.jpg" for n in range(2)]
IDS += [f"val/0-{n}.jpg" for n in range(2)]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "tintmill"


@pytest.fixture(params=["with an index", "without an index"])
def folder(request, tmp_path):
    made = small_dataset.write(tmp_path / "small" / "1.0.0")
    if request.param == "with an index":
        small_dataset.write_index(made)
    return made


@pytest.fixture
def indexed(tmp_path):
    return small_dataset.write_index(small_dataset.write(tmp_path / "indexed"))


def test_every_record_comes_once_in_the_order_of_the_shards(folder):
    records = open_dataset(folder)
    assert len(records) == 7
    assert [found["id"] for found in records] == IDS
    assert [records[n]["id"] for n in range(7)] == IDS
    with pytest.raises(IndexError):
        records[7]


def test_a_record_has_what_its_shard_has(folder):
    dataset = open_directory(str(folder))
    stored = []
    for entry in dataset.shards():
        with open(dataset.path(entry.file), "rb") as f:
            stored += [parse_features(data) for data in read_frames(f)]
    for found, values in zip(open_dataset(folder), stored, strict=True):
        assert found["lab"].tobytes() == values["lab"]
        assert (found["lab"].shape, found["lab"].dtype) == ((8, 8, 3), np.uint8)
        assert found["embedding"].tolist() == [1, 2, 3]
        assert found["embedding"].dtype == np.float16
        assert (found["label"], found["height"], found["width"]) == (1, 9, 10)
        assert found["lab"].flags.writeable  # PyTorch warns of arrays that are not


def test_splits_and_slices_are_parts(folder):
    records = open_dataset(folder)
    assert records.splits == {"train": 5, "val": 2}
    assert [found["id"] for found in records.split("val")] == IDS[5:]
    train = records.split("train")
    assert [found["id"] for found in train[1:5:2]] == [IDS[1], IDS[3]]
    assert [found["id"] for found in train[::-1]] == IDS[4::-1]
    assert train[-1]["id"] == train[np.int64(4)]["id"] == IDS[4]
    assert len(train[5:]) == 0
    with pytest.raises(TintmillError, match=r"has no split 'test'; it has train, val"):
        records.split("test")
    with pytest.raises(TintmillError, match="choose the split first"):
        train.split("val")


def test_records_are_found_by_id(folder):
    records = open_dataset(folder)
    assert [records.number_of(name) for name in IDS] == list(range(7))
    assert records.by_id(IDS[6])["id"] == IDS[6]
    assert records.split("val").number_of(IDS[6]) == 1
    for part, missing in ((records, "gone.jpg"), (records.split("val"), IDS[0]), (records[:2], IDS[2])):
        with pytest.raises(KeyError, match=missing):
            part.number_of(missing)


def test_a_dataset_is_not_changed_by_reading_it(folder, cache):
    """An index that has to be made goes to the cache, and is made once."""
    before = helpers.digests(folder)
    open_dataset(folder).number_of(IDS[0])
    assert helpers.digests(folder) == before
    for path in cache.rglob("*.bin"):
        path.chmod(0o400)
    assert open_dataset(folder).number_of(IDS[3]) == 3


def test_two_workers_get_each_record_once(folder):
    """As PyTorch's DataLoader shares the numbers of a map-style dataset among processes."""
    records = open_dataset(folder).split("train")
    assert records[0]["id"] == IDS[0]  # files are open here
    spawn = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(2, spawn) as workers:
        found = list(workers.map(operator.getitem, [records] * 5, range(5)))
    assert sorted(values["id"] for values in found) == IDS[:5]


def test_threads_share_one_sequence(folder):
    records = open_dataset(folder)
    numbers = list(range(7)) * 20
    with concurrent.futures.ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda n: records[n]["id"], numbers))
    assert found == [IDS[n] for n in numbers]


def test_equal_parts_have_equal_names_and_others_have_not(folder):
    records = open_dataset(folder)
    assert repr(records[1:3]) == repr(pickle.loads(pickle.dumps(records[1:3])))
    assert len({repr(records), repr(records[:3]), repr(records[::2])}) == 3


def test_reading_takes_neither_tensorflow_nor_another_extra(indexed):
    program = (
        "import sys; import tintmill; before = set(sys.modules); tintmill.open_dataset; "
        "assert any('reading' in name for name in set(sys.modules) - before); "
        f"print(tintmill.open_dataset(sys.argv[1]).by_id({IDS[3]!r})['id']); print(*sys.modules)"
    )
    first, modules = helpers.run_python(program, indexed).splitlines()
    assert first == IDS[3]
    assert {name for name in modules.split() if find_extra(name)} == set()


def test_a_damaged_record_is_named_with_its_file(folder):
    path = folder / names.name_shard("small", "train", 1, 2)
    data = bytearray(path.read_bytes())
    data[-20] ^= 1
    path.write_bytes(data)
    records = open_dataset(folder)
    assert records[3]["id"] == IDS[3]
    with pytest.raises(TintmillError, match=rf"{path.name}: the record at byte \d+ is damaged; `tintmill verify`"):
        records[4]


@pytest.mark.parametrize("damage", ["cut", "gone"])
def test_a_shard_that_is_cut_or_gone_is_named(folder, damage):
    path = folder / names.name_shard("small", "train", 1, 2)
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(TintmillError, match=path.name):
        [found["id"] for found in open_dataset(folder)]


def test_what_cannot_be_opened_is_refused_in_a_line(tmp_path):
    with pytest.raises(TintmillError, match=r"no manifest\.json in it"):
        open_dataset(tmp_path)
    with pytest.raises(TintmillError, match="wanted a folder on this machine"):
        open_dataset("gs://bucket/mine/1.0.0")


@pytest.mark.parametrize("change", [lambda data: data[:-1], lambda data: b"X" + data[1:], lambda data: b""])
def test_an_index_of_other_shards_is_refused(indexed, change):
    path = indexed / names.INDEX / names.name_index("train")
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(TintmillError, match=r"train\.bin: not the index of the shards in the manifest; delete it"):
        open_dataset(indexed)[0]
    path.unlink()
    assert open_dataset(indexed)[0]["id"] == IDS[0]


@pytest.mark.parametrize("value", [0, 1, 13, 1 << 32, (1 << 63) - 1, (1 << 64) - 1])
@pytest.mark.parametrize("place", range(15))  # three columns of five records
def test_an_index_that_lies_gives_no_other_record(indexed, place, value):
    path = indexed / names.INDEX / names.name_index("train")
    data = bytearray(path.read_bytes())
    data[64 + 8 * place : 72 + 8 * place] = struct.pack("<Q", value)
    path.write_bytes(data)
    records = open_dataset(indexed)
    for number, name in enumerate(IDS):
        assert _id_or_none(records, number) in (name, None)
        assert _number_or_none(records, name) in (number, None)


def _id_or_none(records: Records, number: int) -> str | None:
    try:
        return records[number]["id"]
    except TintmillError:
        return None


def _number_or_none(records: Records, name: str) -> int | None:
    try:
        return records.number_of(name)
    except (TintmillError, KeyError):
        return None
