"""`tintmill convert`: every record once, in the format that was asked for."""

import json
import tarfile
from pathlib import Path

import pytest

from tests.support import helpers, small_dataset
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.conversion import FORMATS
from tintmill.pipeline.convert import ConvertArguments, convert
from tintmill.pipeline.dataset import names
from tintmill.pipeline.reading.records import open_dataset


@pytest.fixture
def folder(tmp_path):
    made = small_dataset.write_index(small_dataset.write(tmp_path / "small" / "1.0.0"))
    (made / names.DATASET_INFO).write_text(json.dumps({"name": "small", "fileFormat": "tfrecord", "splits": []}))
    return made


def read_ids(path: Path) -> list[str]:
    """The ids in a file, read by the library of its format alone."""
    if path.suffix == ".parquet":
        from pyarrow import parquet

        return parquet.read_table(path)["id"].to_pylist()
    if path.suffix == ".tar":
        with tarfile.open(path) as archive:
            members = [name for name in archive.getnames() if name.endswith(".json")]
            return [json.load(archive.extractfile(name))["id"] for name in members]
    from array_record.python.array_record_module import ArrayRecordReader

    from tintmill.pipeline.dataset.record import parse_features

    reader = ArrayRecordReader(str(path))
    return [parse_features(data)["id"].decode() for data in reader.read_all()]


def list_shards(made: str) -> list[Path]:
    marks = (".parquet", ".tar", ".array_record-")
    return sorted(path for path in Path(made).rglob("*") if any(mark in path.name for mark in marks))


@pytest.mark.parametrize("to", FORMATS)
def test_every_record_comes_once_in_its_order(folder, tmp_path, to):
    made = convert(ConvertArguments(str(folder), to, str(tmp_path / "out")))
    assert made == str(tmp_path / "out" / "small" / "1.0.0")
    found = list_shards(made)
    assert len(found) == 3  # one for each shard
    assert [name for path in found for name in read_ids(path)] == [r["id"] for r in open_dataset(folder)]
    assert json.loads((Path(made) / "conversion.json").read_text())["complete"] is True


@pytest.mark.parametrize("to", FORMATS)
def test_the_same_again_keeps_what_is_there(folder, tmp_path, to):
    """As after an interruption: files are whole, or not there."""
    arguments = ConvertArguments(str(folder), to, str(tmp_path / "out"))
    first, lost, *_ = list_shards(convert(arguments))
    before, content = first.stat().st_mtime_ns, read_ids(lost)
    lost.unlink()
    convert(arguments)
    assert first.stat().st_mtime_ns == before
    assert read_ids(lost) == content


def test_the_dataset_is_not_changed(folder, tmp_path):
    before = helpers.digests(folder)
    convert(ConvertArguments(str(folder), "webdataset", str(tmp_path / "out")))
    assert helpers.digests(folder) == before


def test_a_copy_has_the_same_bytes_each_time(folder, tmp_path):
    made = [convert(ConvertArguments(str(folder), "webdataset", str(tmp_path / place))) for place in ("a", "b")]
    assert helpers.digests(made[0]) == helpers.digests(made[1])


def test_a_folder_that_holds_something_else_is_refused(folder, tmp_path):
    convert(ConvertArguments(str(folder), "parquet", str(tmp_path / "out")))
    with pytest.raises(TintmillError, match=r"holds another dataset or format than --to=webdataset; delete it"):
        convert(ConvertArguments(str(folder), "webdataset", str(tmp_path / "out")))
    with pytest.raises(TintmillError, match="is not empty; wanted a new folder"):
        convert(ConvertArguments(str(folder), "webdataset", str(tmp_path)))
    with pytest.raises(TintmillError, match="wanted a folder on this machine"):
        convert(ConvertArguments(str(folder), "webdataset", "gs://bucket/out"))


def test_a_damaged_record_ends_it_and_no_half_file_stays(folder, tmp_path):
    path = folder / names.name_shard("small", "train", 1, 2)
    data = bytearray(path.read_bytes())
    data[-20] ^= 1
    path.write_bytes(data)
    with pytest.raises(TintmillError, match=f"{path.name}: the record at byte"):
        convert(ConvertArguments(str(folder), "webdataset", str(tmp_path / "out")))
    assert [path.name for path in list_shards(str(tmp_path / "out"))] == ["train-000000.tar"]


def test_the_command_prints_where_the_copy_is(folder, tmp_path):
    done = helpers.tintmill("convert", folder, "--to=webdataset", f"--output={tmp_path / 'out'}")
    assert done.stdout.strip() == str(tmp_path / "out" / "small" / "1.0.0"), done.stderr
    helpers.assert_one_line_error(helpers.tintmill("convert", folder, "--to=zip", "--output=x"), "zip", code=2)
    helpers.assert_one_line_error(helpers.tintmill("convert", "--to=parquet", "--output=x"), "one dataset directory")
