"""--reuse_lab: other embeddings for records that exist, without their pictures."""

import json
import shutil

import pytest

from tests.support import helpers


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A dataset without embeddings; its pictures are gone."""
    folder = tmp_path_factory.mktemp("source")
    made = helpers.prepare(helpers.write_photos(folder / "photos", 24), folder / "old")
    shutil.rmtree(folder / "photos")
    return made


@pytest.fixture(scope="module")
def reused(source, tmp_path_factory):
    output = tmp_path_factory.mktemp("reused")
    flags = [f"--reuse_lab={source}", f"--output={output}", "--name=toy", "--shard_examples=8", "--workers=1"]
    done = helpers.tintmill("prepare", *flags, *helpers.EMBEDDER)
    assert done.returncode == 0, done.stderr
    return output / "toy" / "1.0.0"


DUMP = """
import sys, pickle
from tintmill.pipeline.dataset import manifest as dataset, record
from tintmill.pipeline.dataset.checks import parse_record
data = dataset.open_dataset(sys.argv[1])
found = {}
for entry in data.shards():
    with open(data.path(entry.file), "rb") as f:
        for frame in record.read_frames(f):
            values = parse_record(frame)
            found[values["id"]] = (entry.split, values)
sys.stdout.buffer.write(pickle.dumps(found))
"""


def records(folder):
    import pickle
    import subprocess
    import sys

    return pickle.loads(subprocess.run([sys.executable, "-c", DUMP, folder], check=True, capture_output=True).stdout)


def test_every_record_is_taken_over_and_gets_an_embedding(source, reused):
    old, new = records(source), records(reused)
    assert new.keys() == old.keys()
    for name, (split, values) in old.items():
        assert new[name][0] == split
        assert len(new[name][1].pop("embedding")) == 2 * 1000
        assert new[name][1] == values


def test_the_result_is_whole_and_says_where_its_embeddings_are_from(source, reused):
    assert helpers.tintmill("verify", reused).returncode == 0
    old, new = (json.loads((folder / "manifest.json").read_text()) for folder in (source, reused))
    assert old["embedding_from"] == "original"
    assert new["embedding_from"] == "record"
    assert new["encoding_fidelity"] == old["encoding_fidelity"]
    assert new["class_names"] == old["class_names"]


@pytest.mark.parametrize(
    ("flag", "named"),
    [("--size=64", "--size=64"), ("--encoding=lab16", "--encoding"), ("--input=/x", "--input=PICTURES or --reuse_lab")],
)
def test_what_the_records_decide_cannot_be_asked_otherwise(source, tmp_path, flag, named):
    flags = [f"--reuse_lab={source}", f"--output={tmp_path}", "--name=toy", "--embedder=none", flag]
    done = helpers.tintmill("prepare", *flags)
    assert done.returncode in (1, 2)
    assert named in done.stderr


def test_reuse_lab_needs_a_dataset(tmp_path):
    done = helpers.tintmill("prepare", f"--reuse_lab={tmp_path}", f"--output={tmp_path}/o", "--name=toy")
    assert done.returncode == 1
    assert "manifest.json" in done.stderr
