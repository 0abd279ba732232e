"""The pictures that visitors dropped: held in memory, within a limit, and forgotten."""

import pytest

from tests.support.stub_colorizer import PROVENANCE, StubColorizer, picture
from tintmill.launch.pages.colouring import gallery
from tintmill.launch.pages.colouring.gallery import Forgotten, Gallery
from tintmill.pipeline.imaging import photo


def test_the_oldest_pictures_make_room():
    held = Gallery(StubColorizer(), photo.Limits(min_side=1), PROVENANCE, room=80_000)
    names = [held.add(held.decode(picture(seed)))[0] for seed in range(3)]  # 21 kB of preview, and the file, each
    held.grey(names[0])  # looked at, so that the second is now the oldest
    newest = [held.add(held.decode(picture(seed)))[0] for seed in range(2)]
    assert all(held.has(name, None) for name in newest)
    with pytest.raises(Forgotten):
        held.grey(names[1])
    assert held.held_bytes <= 80_000


def test_what_is_compiled_once_is_compiled_before_the_first_visitor_comes(monkeypatch):
    stub, painted = StubColorizer(), []
    held = Gallery(stub, photo.Limits(min_side=1), PROVENANCE)
    monkeypatch.setattr(gallery, "paint", lambda *arguments: painted.append(arguments))
    held.warm_up()
    assert stub.asked == [None]
    assert len(painted) == 1
    assert held.held_bytes == 0


def test_a_picture_larger_than_the_room_is_still_answered():
    held = Gallery(StubColorizer(), photo.Limits(min_side=1), PROVENANCE, room=1)
    assert held.grey(held.add(held.decode(picture()))[0])


def test_what_nobody_looks_at_is_forgotten():
    held = Gallery(StubColorizer(), photo.Limits(min_side=1), PROVENANCE, seconds=0)
    name, _ = held.add(held.decode(picture()))
    one = held.held_bytes
    with pytest.raises(Forgotten):
        held.grey(name)
    held.add(held.decode(picture()))
    assert held.held_bytes == one
