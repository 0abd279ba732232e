"""The index of a split: what `prepare` writes, and what a reader makes where there is none."""

import numpy as np
import pytest

from tests.support import small_dataset
from tintmill.pipeline.dataset import names
from tintmill.pipeline.dataset.index import build_index, make_places, open_index, pack_places, unpack_places
from tintmill.pipeline.dataset.manifest import open_dataset


def test_places_come_back_from_a_report_s_text():
    places = make_places([0, 40, 90], [b"a", "é".encode(), b"c"])
    assert places.shape == (2, 3)
    np.testing.assert_array_equal(unpack_places(pack_places(places)), places)
    assert unpack_places(pack_places(make_places([], []))).shape == (2, 0)


@pytest.mark.parametrize("text", ["!", "AAAA", "AAAAAAAAAAA="])
def test_places_that_are_none_are_refused(text):
    with pytest.raises(ValueError, match=r"."):
        unpack_places(text)


def test_what_prepare_writes_is_what_the_records_say(dataset, tmp_path, monkeypatch):
    """So both ways of making an index give the same."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    opened = open_dataset(str(dataset))
    assert sorted(path.name for path in (dataset / names.INDEX).iterdir()) == ["train.bin", "val.bin"]
    for split in opened.splits:
        written, built = open_index(opened, split), build_index(opened, split)
        for column in ("offsets", "hashes", "numbers"):
            np.testing.assert_array_equal(getattr(written, column), getattr(built, column))
        assert (tmp_path / "tintmill" / names.INDEX).exists()


def test_a_cache_that_cannot_be_written_is_said_and_no_more(tmp_path, monkeypatch, capsys):
    (tmp_path / "cache").write_text("a file, no folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    opened = open_dataset(str(small_dataset.write(tmp_path / "small")))
    assert build_index(opened, "train").find("train/1-0.jpg").tolist() == [3]
    assert "cannot be written" in capsys.readouterr().out
