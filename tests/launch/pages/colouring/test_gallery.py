"""The pictures that visitors dropped: held in memory, within a limit, and forgotten."""

import pytest

from tests.support.stub_colorizer import PROVENANCE, StubColorizer, picture
from tintmill.launch.pages.colouring import gallery
from tintmill.launch.pages.colouring.gallery import Forgotten, Gallery
from tintmill.pipeline.imaging import photo


def make_gallery(has_bins: bool = True, **limits) -> Gallery:
    return Gallery(StubColorizer(has_bins), photo.Limits(**({"min_side": 1} | limits)), PROVENANCE)


def test_the_oldest_pictures_make_room():
    held = Gallery(StubColorizer(), photo.Limits(min_side=1), PROVENANCE, room=80_000)
    names = [held.add(picture(seed))[0] for seed in range(3)]  # 21 kB of preview, and the file, each
    held.grey(names[0])  # looked at, so that the second is now the oldest
    newest = [held.add(picture(seed))[0] for seed in range(2)]
    assert set(held._kept) >= set(newest)
    assert names[1] not in held._kept
    assert sum(kept.bytes for kept in held._kept.values()) <= 80_000


def test_what_is_compiled_once_is_compiled_before_the_first_visitor_comes(monkeypatch):
    held, painted = make_gallery(), []
    monkeypatch.setattr(gallery, "paint", lambda *arguments: painted.append(arguments))
    held.warm_up()
    assert held._colorizer.asked == [None]
    assert len(painted) == 1
    assert not held._kept


def test_a_picture_larger_than_the_room_is_still_answered():
    held = Gallery(StubColorizer(), photo.Limits(min_side=1), PROVENANCE, room=1)
    assert held.grey(held.add(picture())[0])


def test_what_nobody_looks_at_is_forgotten(monkeypatch):
    held = make_gallery()
    name, _ = held.add(picture())
    now = gallery.time.monotonic()
    monkeypatch.setattr(gallery.time, "monotonic", lambda: now + gallery._SECONDS + 1)
    with pytest.raises(Forgotten):
        held.grey(name)
    held.add(picture())
    assert name not in held._kept
