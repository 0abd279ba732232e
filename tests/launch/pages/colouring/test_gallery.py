"""The pictures that visitors dropped: held in memory, within a limit, and forgotten."""

import pytest
from PIL import Image

from tests.support import helpers
from tests.support.stub_colorizer import PROVENANCE, StubColorizer, picture
from tintmill.launch.pages.colouring import gallery
from tintmill.launch.pages.colouring.gallery import Forgotten, Gallery
from tintmill.launch.pages.colouring.look import Look
from tintmill.pipeline.imaging import photo


def test_the_oldest_pictures_make_room():
    held = Gallery(StubColorizer(), photo.Limits(min_side=1), PROVENANCE, room=150_000)
    names = [held.add(held.decode(picture(seed))).name for seed in range(3)]  # 45 kB each
    held.size(names[0])  # looked at, so that the second is now the oldest
    newest = [held.add(held.decode(picture(seed))).name for seed in range(2)]
    assert all(held.has(name, Look()) for name in newest)
    with pytest.raises(Forgotten):
        held.size(names[1])
    assert held.held_bytes <= 150_000


def test_what_is_compiled_once_is_compiled_before_the_first_visitor_comes(monkeypatch):
    stub, painted = StubColorizer(), []
    held = Gallery(stub, photo.Limits(min_side=1), PROVENANCE)
    monkeypatch.setattr(gallery.finish, "paint", lambda *arguments, **more: painted.append(arguments[0].ndim))
    held.warm_up()
    assert stub.asked == [None]
    assert set(painted) == {2, 3}
    assert held.held_bytes == 0


def test_a_picture_larger_than_the_room_is_still_answered():
    held = Gallery(StubColorizer(), photo.Limits(min_side=1), PROVENANCE, room=1)
    assert held.original(held.add(held.decode(picture())).name, None)


def test_what_nobody_looks_at_is_forgotten():
    held = Gallery(StubColorizer(), photo.Limits(min_side=1), PROVENANCE, seconds=0)
    name = held.add(held.decode(picture())).name
    one = held.held_bytes
    with pytest.raises(Forgotten):
        held.size(name)
    held.add(held.decode(picture()))
    assert held.held_bytes == one


def test_of_full_sizes_those_looked_at_last_are_held(monkeypatch):
    monkeypatch.setattr(gallery, "_CLOSE_ROOM", 20_000)  # two pictures
    held = Gallery(StubColorizer(), photo.Limits(min_side=1), PROVENANCE)
    names = [held.add(held.decode(picture(seed))).name for seed in range(3)]
    before = held.held_bytes
    for name in (*names, *names):
        held.view(name, Look(), (0, 0, 20, 20), None)
        assert held.held_bytes - before <= 20_000
    assert held.held_bytes - before > 10_000


def test_a_picture_is_large_by_its_pixels_whatever_its_file_weighs():
    held = Gallery(StubColorizer(), photo.Limits(min_side=1), PROVENANCE)
    flat = helpers.encode_image(Image.new("1", (6000, 5000)), "PNG")
    assert len(flat) < 100_000
    assert held.is_large(flat)
    assert not held.is_large(picture())
    assert not held.is_large(b"no picture")
