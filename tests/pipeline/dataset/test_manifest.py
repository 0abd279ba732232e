"""A whole prepared dataset: what is in it, and that strangers read it."""

import collections
import dataclasses
import hashlib
import itertools
import json
import pickle

import google_crc32c
import numpy as np
import pytest
from PIL import Image

from tests.support import helpers
from tests.support.manifests import make_identity, make_manifest
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.dataset import embed
from tintmill.pipeline.dataset.manifest import Dataset, Manifest, open_dataset
from tintmill.pipeline.dataset.settings import EmbedderSettings, Settings
from tintmill.pipeline.imaging import ab_bins, lab, photo
from tintmill.pipeline.listing import reading
from tintmill.pipeline.listing.reference import Reference
from tintmill.pipeline.shards import assign, picture, plan
from tintmill.pipeline.shards.tally import Tally

# Raises on import of this project's rooms, so that what follows is a stranger's program.
BLOCK = """
import importlib.abc, sys

class Blocker(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in BLOCKED:
            raise ImportError(f"blocked: {name}")

BLOCKED = set(sys.argv[1].split(","))
sys.meta_path.insert(0, Blocker())
"""
ROOMS = "tintmill"

# Everything TFDS reads, by split, in stored order; both doors of TFDS must show the same.
READ_BY_TFDS = (
    BLOCK
    + """
import pickle
import numpy as np
import tensorflow_datasets as tfds

folder, output, target = sys.argv[2:]

def everything(splits):
    return {name: [{k: np.asarray(v) for k, v in r.items()} for r in tfds.as_numpy(ds)] for name, ds in splits.items()}

builder = tfds.builder_from_directory(folder)
read = tfds.ReadConfig(interleave_cycle_length=1)
shown = everything(builder.as_dataset(shuffle_files=False, read_config=read))
loaded = everything(tfds.load("toy", data_dir=output, shuffle_files=False, read_config=read))
for split in shown:
    assert len(shown[split]) == builder.info.splits[split].num_examples
    for a, b in zip(shown[split], loaded[split], strict=True):
        assert all(np.array_equal(a[key], b[key]) for key in a)
labels = builder.info.features["label"].names
pickle.dump({"splits": shown, "labels": labels}, open(target, "wb"))
"""
)

# The same records by the `tfrecord` package, decoded by nothing but NumPy and Pillow.
READ_BY_TFRECORD = (
    BLOCK
    + """
import glob, io, json, pickle
import numpy as np
from PIL import Image
from tfrecord.reader import tfrecord_loader

folder, encoding, target = sys.argv[2:]

def decode(name, value):
    if name == "id":
        return bytes(value)
    if name == "embedding":
        return np.frombuffer(bytes(value), np.float16)
    if name != "lab":
        return np.asarray(value)[0]
    if encoding == "lab8_png":
        return np.asarray(Image.open(io.BytesIO(bytes(value))))
    return np.frombuffer(bytes(value), np.int16 if encoding == "lab16" else np.uint8).reshape(32, 32, 3)

splits = {}
for split in ("train", "val"):
    files = sorted(glob.glob(f"{folder}/toy-{split}.tfrecord-*"))
    records = [record for file in files for record in tfrecord_loader(file, None)]
    splits[split] = [{name: decode(name, value) for name, value in record.items()} for record in records]
assert "tensorflow" not in sys.modules
pickle.dump({"splits": splits}, open(target, "wb"))
"""
)


def unpickled(path) -> dict:
    return pickle.loads(path.read_bytes())


@pytest.fixture(scope="module", params=["lab8", "lab8_png", "lab16"])
def by_strangers(request, tmp_path_factory, photos, dataset) -> tuple:
    """(dataset folder, what TFDS reads in it, what `tfrecord` reads in it), for each encoding."""
    place = tmp_path_factory.mktemp(request.param)
    folder = dataset
    if request.param != "lab8":
        folder = helpers.prepare(photos, place / "out", f"--encoding={request.param}")
    helpers.run_python(READ_BY_TFDS, ROOMS, folder, folder.parents[1], place / "tfds.pickle", cwd=place)
    blocked = f"{ROOMS},tensorflow"
    helpers.run_python(READ_BY_TFRECORD, blocked, folder, request.param, place / "tfrecord.pickle", cwd=place)
    return folder, unpickled(place / "tfds.pickle"), unpickled(place / "tfrecord.pickle")


@pytest.mark.slow
def test_tfds_and_tfrecord_read_the_same_records_without_this_project(by_strangers):
    folder, by_tfds, by_tfrecord = by_strangers
    assert {name: len(records) for name, records in by_tfds["splits"].items()} == helpers.manifest(folder)["splits"]
    for split, records in by_tfds["splits"].items():
        for a, b in zip(records, by_tfrecord["splits"][split], strict=True):
            assert set(a) == set(b)
            for name in a:
                assert np.array_equal(a[name], b[name]), (split, name)
                assert getattr(a[name], "dtype", None) == getattr(b[name], "dtype", None) or name in ("id", "label")


@pytest.mark.slow
def test_records_hold_the_pictures(by_strangers, photos):
    """Each record's Lab, size and class are those of the file its id names, whatever the encoding."""
    folder, by_tfds, _ = by_strangers
    encoding = helpers.manifest(folder)["settings"]["encoding"]
    records = [record for split in by_tfds["splits"].values() for record in split]
    assert len(records) == 40
    for record in records:
        name = bytes(record["id"]).decode()
        image = photo.decode((photos / name).read_bytes(), photo.Limits())
        assert (record["height"], record["width"]) == (72, 96)
        assert by_tfds["labels"][record["label"]] == name.split("/")[0]
        assert np.array_equal(record["lab"], lab.pack(lab.rgb_to_lab(photo.fit(image, 32, "crop")), encoding))


@pytest.mark.slow
def test_the_manifest_tells_what_lies_there(dataset, photos):
    told = helpers.manifest(dataset)
    assert [dataset / entry["file"] for entry in told["shards"]] == helpers.shard_files(dataset)
    for entry in told["shards"]:
        data = (dataset / entry["file"]).read_bytes()
        assert entry["bytes"] == len(data)
        assert entry["sha256"] == hashlib.sha256(data).hexdigest()
        checksum = google_crc32c.Checksum(data)
        assert entry["crc32c"] == checksum.hexdigest().decode()
    assert told["pictures"] == {"read": 42, "kept": 40, "rejected": {"grey": 1, "not_a_picture": 1}}
    assert sum(told["splits"].values()) == sum(entry["records"] for entry in told["shards"]) == 40
    assert told["class_names"] == ["cat", "dog"]
    assert told["source"]["input"] == str(photos)
    assert len(told["fingerprint"]) == 64
    assert told["versions"]["tensorflow"]


@pytest.mark.slow
def test_the_manifest_sums_the_colours_of_all_records(dataset, photos):
    told = helpers.manifest(dataset)
    packed = []
    for path in sorted(photos.rglob("photo_*")):
        image = photo.decode(path.read_bytes(), photo.Limits())
        packed.append(lab.pack(lab.rgb_to_lab(photo.fit(image, 32, "crop")), "lab8"))
    packed = np.stack(packed)
    assert (
        np.sum(list(told["ab_histogram"].values()), axis=0).tolist()
        == ab_bins.count_bins(ab_bins.count_pairs(packed)).tolist()
    )
    assert told["mean_ab"] == pytest.approx(packed[..., 1:].astype(float).mean(axis=(0, 1, 2)) - 128, abs=1e-5)


@pytest.mark.slow
def test_the_manifest_says_what_the_encoding_costs(dataset, plain_dataset):
    for split, cost in helpers.manifest(dataset)["encoding_fidelity"].items():
        assert cost["pictures"] > 0, split
        assert cost["psnr"] > 40
        assert 0 < cost["ciede2000"] < 1


@pytest.mark.slow
def test_the_manifest_names_the_embedder_and_its_weights(dataset, plain_dataset):
    told = helpers.manifest(dataset)["embedder"]
    assert (told["name"], told["layer"], told["weights"]) == ("mobilenet_v2", "logits", "random")
    assert len(told["golden_vector"]) == told["dimension"] == 1000
    assert len(told["weights_sha256"]) == 64
    assert helpers.manifest(plain_dataset)["embedder"] is None


@pytest.mark.slow
def test_classes_are_mixed_inside_stored_shards(by_strangers):
    labels = [int(record["label"]) for record in by_strangers[1]["splits"]["train"]]
    changes = sum(a != b for a, b in itertools.pairwise(labels))
    assert changes > len(labels) / 4  # 1 when sorted by class


@pytest.mark.slow
def test_every_file_is_a_record_or_a_reject_exactly_once(by_strangers, photos):
    folder, by_tfds, _ = by_strangers
    ids = [bytes(record["id"]).decode() for split in by_tfds["splits"].values() for record in split]
    rejects = [json.loads(line) for path in folder.glob("rejects/*") for line in path.read_text().splitlines()]
    files = [str(path.relative_to(photos)) for path in photos.rglob("*.*")]
    assert collections.Counter(ids + [line["id"] for line in rejects]) == collections.Counter(files)
    assert {line["id"]: line["code"] for line in rejects} == {"cat/fog.png": "grey", "dog/notes.jpg": "not_a_picture"}


@pytest.mark.slow
def test_embeddings_of_different_pictures_differ(by_strangers):
    folder, by_tfds, _ = by_strangers
    records = by_tfds["splits"]["train"]
    embeddings = [record["embedding"] for record in records if "embedding" in record]
    assert len(embeddings) == (len(records) if helpers.manifest(folder)["embedder"] else 0)
    assert len({embedding.tobytes() for embedding in embeddings}) == len(embeddings)
    assert all(np.isfinite(embedding.astype(np.float32)).all() for embedding in embeddings)


# Opening


def test_a_folder_without_manifest_says_what_is_wanted(tmp_path):
    with pytest.raises(TintmillError, match=f"{tmp_path}: no manifest.json in it; give the folder OUTPUT/NAME/VERSION"):
        open_dataset(str(tmp_path))


def test_an_unfinished_dataset_says_so(tmp_path):
    (tmp_path / "plan.json").write_text("{}")
    with pytest.raises(TintmillError, match="has not finished; run the same"):
        open_dataset(str(tmp_path))


@pytest.mark.parametrize("content", ["", '{"format_version": 1, "sett', "[]", "{}", "null", '{"format_version": 1}'])
def test_a_damaged_manifest_is_named(tmp_path, content):
    (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(TintmillError, match=r"manifest\.json is damaged"):
        open_dataset(str(tmp_path))


def test_a_manifest_of_a_later_format_is_refused(tmp_path):
    (tmp_path / "manifest.json").write_text('{"format_version": 99}')
    with pytest.raises(TintmillError, match="format version 99, this program reads 1"):
        open_dataset(str(tmp_path))


def test_a_manifest_is_the_same_after_it_was_written_and_read():
    made = make_manifest(embedder=make_identity(weights_path="/w.h5"))
    read = Manifest.from_json(json.loads(made.to_text()), "manifest.json")
    assert read == made
    assert read.to_text() == made.to_text()


def test_a_copy_of_a_manifest_keeps_keys_that_this_version_does_not_know_and_gets_none():
    """Keys of a later version stay; what an early version did not write is answered, and not written."""
    values = make_manifest().to_json() | {"of_a_later_version": {"a": [1]}}
    for key in ("attribute_names", "mean_chroma", "embedding_from"):
        del values[key]
    del values["settings"]["embed_mirror"]
    read = Manifest.from_json(values, "manifest.json")
    assert (read.attribute_names, read.mean_chroma, read.embedding_from) == ((), None, "original")
    assert read.settings.embed_mirror is False
    assert json.loads(read.to_text()) == values


def test_a_changed_manifest_is_written_as_changed():
    read = Manifest.from_json(make_manifest().to_json(), "manifest.json")
    assert dataclasses.replace(read, fingerprint="f" * 64).to_json()["fingerprint"] == "f" * 64


def test_an_ab_histogram_of_all_splits_together_is_refused_where_a_split_is_asked_for():
    values = make_manifest().to_json() | {"ab_histogram": [1] * 313}
    early = Dataset("/data/toy", Manifest.from_json(values, "manifest.json"))
    with pytest.raises(TintmillError, match="of all splits together"):
        early.ab_histogram("train")


@pytest.mark.parametrize(
    ("key", "value"),
    [("settings", []), ("settings", {"name": "toy", "size": 3}), ("shards", [{}]), ("pictures", None), ("mean_ab", 1)],
)
def test_a_manifest_with_a_damaged_field_is_named_with_the_remedy(key, value):
    with pytest.raises(TintmillError, match=r"^dir/manifest\.json is damaged \(.*\); train again$"):
        Manifest.from_json(make_manifest().to_json() | {key: value}, "dir/manifest.json", "train again")


@pytest.mark.slow
def test_an_opened_dataset_answers_for_its_splits(dataset):
    opened = open_dataset(str(dataset))
    assert set(opened.splits) == {"train", "val"}
    assert len(opened.shards("train")) + len(opened.shards("val")) == len(opened.shards())
    assert all((dataset / entry.file).is_file() for entry in opened.shards())
    with pytest.raises(TintmillError, match="no split 'test'; it has train, val"):
        opened.check_split("test")


# The way of one picture (the functions that build a shard)


def the_plan(**settings) -> plan.Plan:
    made = Settings(name="toy", size=32, splits=(("train", 1.0),), **settings)
    return plan.Plan(made, "/in", "/out", (), (("train", 1),), (), "", None, ())


def made_picture(path, a_plan: plan.Plan):
    info = path.stat()
    reference = Reference(path.name, str(path), info.st_size, info.st_mtime)
    return picture.make_picture(a_plan.settings, *reading.read(reference, a_plan.settings.largest))


@pytest.mark.parametrize("fit", photo.FITS)
def test_colour_does_not_leak_into_what_the_embedder_sees(tmp_path, fit):
    """The embedder sees the same bits for a colour picture and for its grey version: the answer is not in the input."""
    colour = helpers.photo_pixels(3, 230, 260)
    grey = lab.to_grey(colour)
    (tmp_path / "colour.png").write_bytes(helpers.encode(colour))
    (tmp_path / "grey.png").write_bytes(helpers.encode(grey))
    a_plan = the_plan(embedder=EmbedderSettings("mobilenet_v2", weights="random"), drop_grey=False, fit=fit)
    one, other = (made_picture(tmp_path / name, a_plan) for name in ("colour.png", "grey.png"))
    assert one.view.shape == (224, 224)
    assert np.array_equal(one.view, other.view)
    assert np.array_equal(one.view, embed.frame_view(Image.fromarray(grey), fit, a_plan.settings.embedder))
    assert not np.array_equal(one.packed, other.packed)


def test_the_embedder_sees_the_original_not_the_small_record(tmp_path):
    """Detail finer than the record's 32 pixels reaches the embedder."""
    stripes = np.zeros((224, 224, 3), np.uint8)
    stripes[:, ::4] = stripes[:, 1::4] = (255, 200, 200)
    (tmp_path / "stripes.png").write_bytes(helpers.encode(stripes))
    a_plan = the_plan(embedder=EmbedderSettings("mobilenet_v2", weights="random"), drop_uniform=False)
    made = made_picture(tmp_path / "stripes.png", a_plan)
    assert made.view.std() > 90
    assert made.rgb.std() < 30


def test_a_grey_picture_is_left_out_only_where_asked(tmp_path):
    (tmp_path / "grey.png").write_bytes(helpers.encode(lab.to_grey(helpers.photo_pixels(1))))
    with pytest.raises(photo.Rejected, match="grey"):
        made_picture(tmp_path / "grey.png", the_plan(embedder=None))
    assert made_picture(tmp_path / "grey.png", the_plan(embedder=None, drop_grey=False)).packed.shape == (32, 32, 3)


def test_a_picture_that_changed_since_the_listing_is_left_out(tmp_path):
    (tmp_path / "1.png").write_bytes(b"some bytes")
    with pytest.raises(photo.Rejected, match="changed"):
        reading.read(Reference("1.png", str(tmp_path / "1.png"), 3, 0.0), largest=100)


def test_a_picture_of_the_same_size_written_since_the_listing_is_left_out(tmp_path):
    (tmp_path / "1.png").write_bytes(b"abc")
    with pytest.raises(photo.Rejected, match="changed"):
        reading.read(Reference("1.png", str(tmp_path / "1.png"), 3, 0.0), largest=100)


def test_a_picture_that_vanished_is_left_out(tmp_path):
    with pytest.raises(photo.Rejected, match="changed"):
        reading.read(Reference("1.png", str(tmp_path / "1.png"), 3, 0.0), largest=100)


def test_a_link_that_led_nowhere_all_along_did_not_change(tmp_path):
    (tmp_path / "1.png").symlink_to("/nowhere")
    info = (tmp_path / "1.png").lstat()
    with pytest.raises(photo.Rejected, match="unreadable"):
        reading.read(Reference("1.png", str(tmp_path / "1.png"), info.st_size, info.st_mtime), largest=100)


def test_the_second_file_of_one_id_is_left_out(tmp_path):
    from tintmill.pipeline.shards import build

    references = []
    for name in ("caf\u00e9.png", "cafe\u0301.png"):
        (tmp_path / name).write_bytes(helpers.encode(helpers.photo_pixels(1)))
        info = (tmp_path / name).stat()
        references.append(Reference("caf\u00e9.png", str(tmp_path / name), info.st_size, info.st_mtime))
    for listing in (references, references[::-1]):
        tally = Tally("lab8")
        ordered = assign.sort_for_shard(listing)
        kept = list(build.read_pictures(the_plan(embedder=None), ordered, [], tally))
        assert [p.reference.path for p in kept] == [min(r.path for r in references)]
        assert tally.rejects == [{"id": "caf\u00e9.png", "code": "duplicate_id"}]
