"""Reading ahead: how many files are held in memory, and by whom."""

import sys

import pytest

from tests.support import fake_colouring
from tests.support.colour_command import PICTURE, tarred, zipped
from tests.support.source_files import write_files
from tintmill.model.files import colour_file
from tintmill.model.output import read_ahead
from tintmill.pipeline.listing import reading


@pytest.mark.parametrize("packed", [False, True])
def test_a_large_picture_is_read_in_its_turn_and_held_by_nobody_but_who_colours_it(
    colour, tmp_path, monkeypatch, packed
):
    pictures = {"a.jpg": PICTURE, "b.jpg": PICTURE, "bad.jpg": b"text"}
    photos = write_files(tmp_path / "in", {"all.zip": zipped(pictures)} if packed else pictures)
    events, read = [], reading.read

    def read_one(reference, largest):
        events.append(f"read {reference.id}")
        return read(reference, largest)

    def colouring(data, *rest):
        events.append(sys.getrefcount(data))  # the caller's argument, ours, and that of the question
        return fake_colouring.colour_bytes(data, *rest)

    monkeypatch.setattr(read_ahead, "LARGE", -1)
    monkeypatch.setattr(reading, "read", read_one)
    monkeypatch.setattr(colour_file, "colour_bytes", colouring)
    code, said = colour(tmp_path / "out", photos / "all.zip" if packed else photos)
    assert code == 1
    assert "bad.jpg: not_a_picture" in said
    alone = sys.getrefcount(bytes(3))
    assert events == ["read a.jpg", alone + 1, "read b.jpg", alone + 1, "read bad.jpg", alone + 1]


def test_members_of_a_compressed_tar_are_held_one_at_a_time(colour, tmp_path, monkeypatch):
    """A large archive must not be read into memory: when a picture is coloured, at most the next one has been read."""
    (tmp_path / "a.tar.gz").write_bytes(tarred({f"{i}.jpg": PICTURE for i in range(6)}, "gz"))
    read, ahead = [], []
    read_stream = reading.read_stream

    def counted(*arguments):
        for member in read_stream(*arguments):
            read.append(member[0].id)
            yield member

    def watched(*arguments):
        ahead.append(len(read) - len(ahead))
        return fake_colouring.colour_bytes(*arguments)

    monkeypatch.setattr(reading, "read_stream", counted)
    monkeypatch.setattr(colour_file, "colour_bytes", watched)
    assert colour(tmp_path / "out", tmp_path / "a.tar.gz")[0] == 0
    assert len(ahead) == 6
    assert max(ahead) <= 2
