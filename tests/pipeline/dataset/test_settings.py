"""Settings check themselves; their fingerprint is that of their values."""

import dataclasses

import pytest

from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.dataset.settings import (
    EmbedderSettings,
    Settings,
    fingerprint,
    parse_limits,
    parse_splits,
)
from tintmill.pipeline.sources.celeba import CelebaOptions
from tintmill.pipeline.sources.imagenet import ImagenetOptions

WRONG = {
    "name": ("Toy", "my-set", "1st", "", "a/b", "né"),
    "version": ("1", "1.0", "1.0.0a", "v1.0.0"),
    "size": (0, 7, 5000),
    "fit": ("stretch",),
    "encoding": ("lab32",),
    "shard_examples": (0, -1),
    "limit": (-1,),
    "limit_per_class": (-1,),
    "limit_per_split": ((("train", 0),),),
    "min_side": (0,),
    "max_pixels": (0,),
    "splits": (
        (("train", 0.5), ("test", 0.4)),
        (("train", 1.5), ("test", -0.5)),
        (("train", 0.5), ("train", 0.5)),
        (("Train", 1.0),),
        (),
    ),
}


@pytest.mark.parametrize(("field", "value"), [(field, value) for field, values in WRONG.items() for value in values])
def test_a_wrong_value_is_refused_and_its_flag_named(field, value):
    with pytest.raises(TintmillError, match=f"--{field}: found"):
        Settings(**{"name": "toy", field: value})


@pytest.mark.parametrize("text", ["train", "train:x", "train:0.5:1,test:0.5", "", ":"])
def test_splits_that_are_no_shares_are_refused(text):
    with pytest.raises(TintmillError, match="--splits"):
        Settings(name="toy", splits=parse_splits(text))


def test_splits_are_parsed():
    assert parse_splits("train:0.9, test:0.1") == (("train", 0.9), ("test", 0.1))


def test_limits_are_parsed():
    assert parse_limits("train:1000, val:200") == (("train", 1000), ("val", 200))
    with pytest.raises(TintmillError, match="--limit_per_split=train: want"):
        parse_limits("train")


def test_only_one_limit_at_a_time():
    with pytest.raises(TintmillError, match="--limit and --limit_per_class: found 'both', wanted one of them"):
        Settings(name="toy", limit=1, limit_per_class=1)


def test_the_paths_of_list_files_are_no_settings():
    one, other = (Settings(name="toy", options=ImagenetOptions(labels=path)) for path in ("/a/list", "/b/list"))
    assert one.to_json() == other.to_json() != Settings(name="toy").to_json()


def test_every_setting_changes_the_fingerprint():
    changed = {
        **{"name": "other", "version": "2.0.0", "source": "celeba", "size": 64, "fit": "pad", "encoding": "lab16"},
        **{"embedder": None, "splits": (("train", 1.0),), "shard_examples": 7, "limit": 3, "classes": ("cat",)},
        **{"drop_uniform": False, "drop_letterbox": False, "drop_duplicates": False, "reduced_decode": False},
        **{"embed_mirror": True, "drop_grey": False, "min_side": 8, "max_pixels": 1000, "limit_per_class": 2},
        **{"limit_per_split": (("train", 5),), "options": CelebaOptions(celeba_label="Smiling")},
    }
    assert set(changed) == {field.name for field in dataclasses.fields(Settings)}
    base = Settings(name="toy")
    prints = {fingerprint(dataclasses.replace(base, **{key: value}).to_json()) for key, value in changed.items()}
    assert len(prints | {fingerprint(base.to_json())}) == len(changed) + 1


def test_the_fingerprint_does_not_depend_on_key_order():
    values = Settings(name="toy").to_json()
    assert fingerprint(values) == fingerprint(dict(reversed(values.items())))


def test_the_folder_of_a_weights_file_is_no_setting():
    one, other = (Settings(name="toy", embedder=EmbedderSettings(weights=f"{p}/net.weights.h5")) for p in ("/a", "/b"))
    assert one.to_json() == other.to_json()
