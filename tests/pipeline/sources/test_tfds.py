"""TFDS: a dataset that TFDS's own writer made, read by slices; labels, splits and damage."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import helpers as commands
from tests.support.source_files import listed, made, picture
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.imaging.photo import Rejected
from tintmill.pipeline.listing.reading import read_many
from tintmill.pipeline.sources import READERS

# Made in a process of its own: TFDS prints, and imports what these tests must do without.
MAKE = """
import io, pathlib, sys
import numpy as np
import tensorflow_datasets as tfds
from tests.support.helpers import encode, photo_pixels
from tests.support.source_files import picture

GREY = encode(photo_pixels(1)[..., 0])

class Pets(tfds.core.GeneratorBasedBuilder):
    VERSION = tfds.core.Version("1.0.0")
    pkg_dir_path = pathlib.Path(sys.argv[1])  # TFDS looks for a README beside the builder's source

    def _info(self):
        features = {
            "image": tfds.features.Image(encoding_format="jpeg"),
            "mask": tfds.features.Image(shape=(None, None, 1)),
            "label": tfds.features.ClassLabel(names=["dog", "cat"]),
            "number": np.int64,
        }
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict(features))

    def _split_generators(self, manager):
        ranges = {"train": (0, 12), "validation": (12, 16), "test": (16, 20), "extra": (20, 22)}
        return {name: self._generate_examples(*ends) for name, ends in ranges.items()}

    def _generate_examples(self, begin, end):
        for i in range(begin, end):
            yield i, {"image": io.BytesIO(picture(i)), "mask": io.BytesIO(GREY), "label": i % 2, "number": i}

Pets(data_dir=sys.argv[1]).download_and_prepare()
"""


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tfds")
    done = subprocess.run([sys.executable, "-c", MAKE, str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def dataset_folder(data_dir) -> Path:
    return data_dir / "pets" / "1.0.0"


def test_pictures_are_taken_as_they_are_encoded_with_their_labels(data_dir):
    found = listed("tfds", data_dir, tfds_name="pets")
    pictures = {picture(i): ("dog", "cat")[i % 2] for i in range(20)}
    read = list(read_many(list(found.values()), 1 << 20, READERS))
    assert {data: reference.label for reference, data in read} == pictures
    assert {r.split for r in found.values()} == {None, "val", "test"}
    assert "pets-test.tfrecord-00000-of-00001__3" in found
    assert {r.label for r in found.values()} == {None}


def test_a_dataset_is_named_or_given_by_its_folder(data_dir):
    assert listed("tfds", data_dir, tfds_name="pets:1.0.0") == listed("tfds", dataset_folder(data_dir))


def test_splits_are_its_own_and_others_are_said(data_dir):
    the_plan = made("tfds", data_dir, tfds_name="pets")
    assert the_plan.counts == (("train", 12), ("val", 4), ("test", 4))
    assert the_plan.class_names == ("dog", "cat")
    assert "split extra of the dataset is left out" in the_plan.notes[0]


def test_listing_decodes_nothing_and_imports_no_tensorflow(data_dir):
    code = (
        "import sys; from tests.support.source_files import made\n"
        "assert sum(dict(made('tfds', sys.argv[1], tfds_name='pets').counts).values()) == 20\n"
        "assert 'tensorflow' not in sys.modules"
    )
    commands.run_python(code, data_dir)


def test_classes_and_limits_by_class(data_dir):
    the_plan = made("tfds", data_dir, tfds_name="pets", classes=("cat",))
    assert (the_plan.class_names, sum(dict(the_plan.counts).values())) == (("cat",), 10)
    limited = made("tfds", data_dir, tfds_name="pets", limit_per_class=1)
    assert limited.counts == (("train", 2), ("val", 2), ("test", 2))


@pytest.mark.parametrize(("name", "wanted"), [("fish", "a prepared fish below it"), ("", "dataset_info.json in it")])
def test_a_dataset_that_is_not_there_is_named(data_dir, name, wanted):
    with pytest.raises(TintmillError, match=wanted):
        made("tfds", data_dir, tfds_name=name)


def copied(data_dir, tmp_path) -> Path:
    folder = tmp_path / "pets" / "1.0.0"
    folder.mkdir(parents=True)
    for path in dataset_folder(data_dir).iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


def test_a_cut_shard_is_named(data_dir, tmp_path):
    folder = copied(data_dir, tmp_path)
    path = folder / "pets-train.tfrecord-00000-of-00001"
    path.write_bytes(path.read_bytes()[:-7])
    with pytest.raises(TintmillError, match=r"pets-train.*: ends inside record 11"):
        made("tfds", folder)


def test_a_damaged_length_is_named(data_dir, tmp_path):
    folder = copied(data_dir, tmp_path)
    path = folder / "pets-train.tfrecord-00000-of-00001"
    path.write_bytes(b"\0" + path.read_bytes()[1:])
    with pytest.raises(TintmillError, match=r"pets-train.*: record 0 is damaged"):
        made("tfds", folder)


def test_a_damaged_record_is_rejected(data_dir, tmp_path):
    folder = copied(data_dir, tmp_path)
    path = folder / "pets-test.tfrecord-00000-of-00001"
    data = bytearray(path.read_bytes())
    data[200] ^= 1
    path.write_bytes(data)
    found = [data for _, data in read_many(list(listed("tfds", folder).values()), 1 << 20, READERS)]
    assert [data.code for data in found if isinstance(data, Rejected)] == ["damaged_member"]


def test_a_dataset_without_colour_pictures_is_named(data_dir, tmp_path):
    folder = copied(data_dir, tmp_path)
    features = json.loads((folder / "features.json").read_text())
    del features["featuresDict"]["features"]["image"]
    (folder / "features.json").write_text(json.dumps(features))
    with pytest.raises(TintmillError, match="found 0 features that are colour pictures"):
        made("tfds", folder)


def test_a_dataset_of_tfds_becomes_one_of_tintmill(data_dir, tmp_path):
    flags = ("--source=tfds", "--tfds_name=pets", "--splits=")
    folder = commands.prepare(data_dir, tmp_path / "out", *flags)
    manifest = commands.manifest(folder)
    assert manifest["splits"] == {"train": 12, "val": 4, "test": 4}
    assert manifest["class_names"] == ["dog", "cat"]
    assert ", cat" in commands.tintmill("peek", folder).stdout
