"""Signs of life: given by the work itself, cheap, and told apart from those before."""

import pytest

from tintmill.pipeline.beam import signs_of_life


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv(signs_of_life.FOLDER, str(tmp_path))
    monkeypatch.setattr(signs_of_life, "_last", 0.0)
    return tmp_path


def read_own(folder):
    return signs_of_life.read(str(folder), signs_of_life.os.getpid())


def test_before_its_first_sign_a_process_has_said_nothing(folder):
    assert read_own(folder) == ("", "")


def test_every_sign_differs_from_the_one_before(folder):
    stamps = set()
    for _ in range(5):
        signs_of_life.give("shard 3 of train, été\n.jpg\udcff")
        stamp, doing = read_own(folder)
        stamps.add(stamp)
        assert doing.startswith("shard 3 of train, été")
    assert len(stamps) == 5


def test_many_signs_a_second_are_few_writes(folder, monkeypatch):
    given = []
    monkeypatch.setattr(signs_of_life.os, "replace", lambda *paths: given.append(paths))
    assert list(signs_of_life.give_for_each(range(10_000), "listing")) == list(range(10_000))
    assert 1 <= len(given) < 100


def test_who_is_not_watched_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.delenv(signs_of_life.FOLDER, raising=False)
    signs_of_life.give("anything")
    assert not list(tmp_path.iterdir())


def test_a_sign_that_cannot_be_written_stops_no_work(folder):
    folder.rmdir()
    signs_of_life.give("shard 3 of train")
    assert list(signs_of_life.give_for_each([1, 2], "listing")) == [1, 2]
