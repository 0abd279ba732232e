"""What every source of the registry promises; a new one is tested by being there."""

import os
import re
import sys
import unicodedata
from pathlib import Path

import pytest

from tests.support import source_files
from tintmill.pipeline.common import options
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.dataset.settings import Settings, fingerprint
from tintmill.pipeline.imaging import photo
from tintmill.pipeline.listing.reference import Reference
from tintmill.pipeline.shards.plan import OFFICIAL_SPLITS, make_plan
from tintmill.pipeline.sources import SOURCES, list_inputs, with_options

WITH_EXAMPLE = [name for name, source in SOURCES.items() if source.example]
README = Path(__file__).parents[3] / "pipeline" / "sources" / "README.md"


def write_example(name: str, root: Path) -> str:
    """The example of a source, each picture another one."""
    for number, (place, text) in enumerate(SOURCES[name].example.items()):
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        (root / place).write_bytes(source_files.picture(number) if text is None else text.encode())
    return str(root)


def list_all(name: str, root: str) -> list[Reference]:
    return list(SOURCES[name].references(root, with_options(source_files.settings(name))))


@pytest.fixture(params=WITH_EXAMPLE)
def example(request, tmp_path) -> tuple[str, str]:
    """(source, root) of each source's example."""
    return request.param, write_example(request.param, tmp_path / "in")


@pytest.mark.parametrize("name", SOURCES)
def test_an_input_that_is_not_there_is_refused_by_its_path(name, tmp_path):
    with pytest.raises(TintmillError, match=re.escape(str(tmp_path / "nowhere"))):
        source_files.made(name, tmp_path / "nowhere")


@pytest.mark.parametrize("name", SOURCES)
def test_an_empty_folder_is_refused_by_its_path(name, tmp_path):
    with pytest.raises(TintmillError, match=re.escape(str(tmp_path))):
        source_files.made(name, tmp_path)


@pytest.mark.parametrize("name", SOURCES)
def test_a_file_that_is_no_archive_is_refused_by_its_path(name, tmp_path):
    (tmp_path / "notes.doc").write_text("no pictures")
    with pytest.raises(TintmillError, match=r"notes\.doc"):
        source_files.made(name, tmp_path / "notes.doc")


def test_every_picture_of_the_example_is_listed_once_and_read(example):
    name, root = example
    listed = list_all(name, root)
    pictures = [place for place, text in SOURCES[name].example.items() if text is None]
    wanted = {(Path(root) / place).read_bytes() for place in pictures}
    read = [data for data in source_files.contents(listed).values() if isinstance(data, bytes)]
    assert wanted <= set(read)
    assert len(read) == len(listed)


def test_ids_are_unique_relative_and_in_one_unicode_form(example):
    ids = [reference.id for reference in list_all(*example)]
    assert len(set(ids)) == len(ids)
    for each in ids:
        assert not each.startswith("/")
        assert ".." not in each.split("/")
        assert unicodedata.normalize("NFC", each) == each


def test_the_listing_is_the_same_each_time_and_wherever_the_input_lies(example, tmp_path):
    """Paths differ with the place, the picture that an id means does not."""
    name, root = example
    first = list_all(name, root)
    assert list_all(name, root) == first
    os.rename(root, tmp_path / "elsewhere")
    moved = list_all(name, str(tmp_path / "elsewhere"))
    said = [{(r.id, r.label, r.split, r.size, r.refused, r.attributes) for r in listed} for listed in (first, moved)]
    assert said[0] == said[1]


def test_a_reference_comes_back_whole_from_the_shuffle(example):
    for reference in list_all(*example):
        assert Reference.from_tuple(reference.to_tuple()) == reference


def test_labels_splits_and_reasons_are_known_ones(example):
    name, root = example
    about = SOURCES[name].describe(root, with_options(source_files.settings(name)))
    for reference in list_all(name, root):
        assert reference.split is None or reference.split in OFFICIAL_SPLITS[1:]
        assert reference.refused is None or reference.refused in photo.REASONS
        assert about.class_names is None or reference.label is None or reference.label in about.class_names
        assert len(reference.attributes) == len(about.attribute_names)


def test_the_description_gives_all_pictures_away(example):
    name, root = example
    about = SOURCES[name].describe(root, with_options(source_files.settings(name)))
    assert sum(share for _, share in about.splits) == pytest.approx(1)
    assert about.class_names is None or len(set(about.class_names)) == len(about.class_names)


def test_a_plan_of_the_example_counts_its_pictures(example):
    name, root = example
    plan = make_plan(Settings(name="toy", source=name, splits=None, embedder=None), root, "/nowhere")
    assert sum(dict(plan.counts).values()) == len(list_all(name, root))


@pytest.mark.parametrize("name", list_inputs())
def test_a_source_that_is_an_input_is_named_as_its_module_and_in_the_table(name):
    module = sys.modules[SOURCES[name].describe.__module__]
    assert module.__name__ == f"tintmill.pipeline.sources.{name}"
    assert module.__doc__.startswith(f"`--source={name}`")
    assert f"`{name}`" in README.read_text()


@pytest.mark.parametrize("name", SOURCES)
def test_every_option_of_a_source_is_a_flag_of_prepare(name):
    from tintmill.pipeline import prepare

    for flag in options.list_options(SOURCES[name].options):
        assert flag in prepare.FLAGS
        assert sum(flag in names for names in prepare.TOPICS.values()) == 1


def test_the_defaults_of_a_sources_options_leave_the_settings_of_older_datasets_as_they_were():
    """Datasets that were begun by an earlier version are resumed: their settings listed these options, and no other."""
    wanted = {"labels": "", "label_names": "", "synsets": "", "celeba_label": "", "celeba_attributes": True}
    for name in ("folder", "celeba", "linnaeus5", "imagenet", "tiny_imagenet", "tfds", "reuse_lab"):
        told = with_options(Settings(name="toy", source=name)).to_json()["options"]
        assert told == wanted | {"tfds_name": ""}


def test_the_fingerprint_of_known_settings_is_that_of_version_0_2():
    told = with_options(Settings(name="toy", source="celeba")).to_json()
    assert fingerprint(told) == "93eb19e62e00c71445cbdd33fa893d8117294ffe743f983a108c996adc57cca7"


def test_options_of_another_source_are_refused():
    settings = Settings(name="toy", source="imagenet", options=SOURCES["celeba"].options())
    with pytest.raises(TintmillError, match="--source=imagenet: found options CelebaOptions, wanted ImagenetOptions"):
        with_options(settings)


def test_a_source_that_does_not_exist_is_refused():
    with pytest.raises(TintmillError, match="--source=flickr: wanted one of folder, celeba"):
        with_options(Settings(name="toy", source="flickr"))
