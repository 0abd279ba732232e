"""What lies beside the manifest for people and search engines: the Croissant card and the contact sheet."""

import hashlib
import json

import numpy as np
import pytest
from PIL import Image

from tests.support import helpers
from tests.support.manifests import make_manifest
from tintmill.pipeline.common.errors import WrongFlagError
from tintmill.pipeline.dataset.croissant import Publication, make_card


def test_croissant_card_validates(dataset):
    import mlcroissant

    card = mlcroissant.Dataset(jsonld=dataset / "croissant.json")
    assert card.metadata.name == "toy"
    assert not card.metadata.ctx.issues.errors


def test_croissant_card_names_every_shard_with_its_hash(dataset):
    files = json.loads((dataset / "croissant.json").read_text())["distribution"]
    shards = sorted(path.name for path in dataset.glob("*.tfrecord-*"))
    assert sorted(file["name"] for file in files) == shards
    for file in files:
        assert file["sha256"] == hashlib.sha256((dataset / file["contentUrl"]).read_bytes()).hexdigest()


def test_a_card_says_what_the_publisher_says_of_the_dataset():
    about = Publication(license="CC-BY-4.0", url="https://example.com/mine", citation="Me, 2026")
    card = make_card(make_manifest(), about)
    assert (card["license"], card["url"], card["citeAs"]) == ("CC-BY-4.0", "https://example.com/mine", "Me, 2026")
    assert "citeAs" not in make_card(make_manifest(), Publication())
    with pytest.raises(WrongFlagError, match=r"--url=example\.com: wanted https://"):
        Publication(url="example.com")


def test_contact_sheet_shows_the_pictures_in_their_colours(photos, dataset):
    """A wrong colour space is seen here: the sheet's colours are those of the photographs."""
    sheet = np.asarray(Image.open(dataset / "contact_sheet.png").convert("RGB"), np.float64)
    manifest = json.loads((dataset / "manifest.json").read_text())
    corners = [(y, x) for y in range(0, sheet.shape[0], 96) for x in range(0, sheet.shape[1], 96)]
    cells = [sheet[y + 8 : y + 88, x + 8 : x + 88] for y, x in corners]
    shown = [cell.mean(axis=(0, 1)) for cell in cells if cell.std() > 0]
    assert len(shown) == min(64, manifest["pictures"]["kept"])
    truth = [helpers.photo_pixels(seed)[:, 12:84].mean(axis=(0, 1)) for seed in range(40)]
    for colour in shown:
        assert min(np.abs(colour - other).max() for other in truth) < 12


def test_manifest_holds_the_dataset_own_colours(dataset):
    manifest = json.loads((dataset / "manifest.json").read_text())
    assert list(manifest["ab_histogram"]) == list(manifest["splits"])
    for split, records in manifest["splits"].items():
        assert len(manifest["ab_histogram"][split]) == 313
        assert sum(manifest["ab_histogram"][split]) == records * 32 * 32
    assert 0 < np.hypot(*manifest["mean_ab"]) <= manifest["mean_chroma"] < 128
