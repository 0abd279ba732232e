"""Records in the libraries that read them: the examples of README.md, run where the library is installed."""

import re
from pathlib import Path

import pytest

from tests.support import small_dataset
from tintmill.pipeline.convert import ConvertArguments, convert
from tintmill.pipeline.reading import fields
from tintmill.pipeline.reading.records import open_dataset

README = Path(fields.__file__).with_name("README.md")
LONGEST = 12  # lines of an example
EXAMPLES = dict(re.findall(r"^### (\w+)[^\n]*\n.*?```python\n(.*?)```", README.read_text(), re.M | re.S))
TRAIN = [f"train/{shard}-{n}.jpg" for shard, count in enumerate((3, 2)) for n in range(count)]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder that the examples read, as they name it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return small_dataset.write_index(small_dataset.write(tmp_path / "datasets" / "mine" / "1.0.0"))


def run_example(name: str) -> dict:
    """The variables that an example leaves."""
    left: dict = {}
    exec(compile(EXAMPLES[name], f"{README.name}: {name}", "exec"), left)
    return left


def needs(library: str) -> None:
    pytest.importorskip(library, reason=f"{library} is not installed here; requirements/bench.lock has a version")


def test_examples_are_short():
    assert set(EXAMPLES) == {
        *("Plain", "PyTorch", "grain", "TensorFlow", "Hugging"),
        *("TFDS", "Parquet", "WebDataset"),
    }
    for name, text in EXAMPLES.items():
        assert len(text.splitlines()) <= LONGEST, name


def test_the_plain_example_runs(folder):
    left = run_example("Plain")
    assert left["lab"].shape == (8, 8, 3)
    assert 0 <= left["lab"][..., 0].min() <= left["lab"][..., 0].max() <= 100


def test_pytorch_gets_each_record_once_from_two_workers(folder):
    needs("torch")
    left = run_example("PyTorch")
    assert sorted(name for batch in left["batches"] for name in batch["id"]) == TRAIN
    assert left["batches"][0]["lab"].shape[1:] == (8, 8, 3)


def test_grain_gets_each_record_once(folder):
    needs("grain")
    left = run_example("grain")
    assert sorted(name for batch in left["batches"] for name in batch["id"].tolist()) == TRAIN


def test_tensorflow_gets_each_record_once(folder):
    left = run_example("TensorFlow")
    assert sorted(name.decode() for batch in left["batches"] for name in batch["id"].numpy()) == TRAIN
    assert left["batches"][0]["lab"].shape[1:] == (8, 8, 3)
    assert left["batches"][0]["embedding"].dtype.name == "float16"


def test_hugging_face_gets_each_record_once_from_two_workers(folder):
    needs("datasets")
    needs("torch")
    left = run_example("Hugging")
    assert sorted(name for batch in left["batches"] for name in batch["id"]) == TRAIN


def make_copy(folder: Path, to: str) -> None:
    """Converts a dataset, and puts the copy where the examples look for it."""
    made = convert(ConvertArguments(str(folder), to, "made"))
    Path(f"converted/{to}").mkdir(parents=True)
    Path(made).parent.rename(f"converted/{to}/mine")


def test_hugging_face_reads_a_copy_in_parquet(folder):
    needs("datasets")
    make_copy(folder, "parquet")
    left = run_example("Parquet")
    assert [found["id"] for found in left["train"]] == TRAIN
    assert left["train"].features["label"].names == ["cat", "dog"]
    assert left["first"]["embedding"] == [1, 2, 3]
    assert left["lab"].tobytes() == open_dataset(folder)[0]["lab"].tobytes()


def test_webdataset_reads_a_copy_once_with_two_workers(folder):
    needs("webdataset")
    needs("torch")
    make_copy(folder, "webdataset")
    left = run_example("WebDataset")
    assert sorted(about["id"] for about, _, _ in left["samples"]) == TRAIN
    assert left["samples"][0][1].shape == (8, 8, 3)


def test_tfds_reads_a_copy_in_array_record(dataset, folder):
    make_copy(dataset, "array_record")
    left = run_example("TFDS")
    train = open_dataset(dataset).split("train")
    assert [found["id"].decode() for found in left["train"]] == [found["id"] for found in train]
    assert left["first"]["lab"].tobytes() == train[0]["lab"].tobytes()
    assert left["first"]["embedding"].tobytes() == train[0]["embedding"].tobytes()


def test_the_fields_are_those_of_the_records(folder):
    records = open_dataset(folder)
    found = fields.list_fields(records.dataset)
    assert list(found) == list(records[0])
    for name, (shape, dtype) in found.items():
        value = records[0][name]
        assert getattr(value, "shape", ()) == shape
        assert isinstance(value, str) if dtype is str else getattr(value, "dtype", dtype) == dtype
