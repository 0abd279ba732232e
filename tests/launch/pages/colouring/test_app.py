"""The colouring page: every upload is answered, by its content, for its sender alone."""

import contextlib
import io
import re
import socket
import struct
import threading
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image, ImageFile

from tests.support import helpers, pages
from tests.support.stub_colorizer import PROVENANCE, StubColorizer, picture
from tintmill.launch.pages.colouring import app, gallery
from tintmill.launch.pages.colouring.about import About
from tintmill.launch.pages.colouring.gallery import Gallery
from tintmill.pipeline.imaging import ab_bins, lab, photo

MEGABYTE = 1_000_000


def make_gallery(stub: StubColorizer, **limits) -> Gallery:
    return Gallery(stub, photo.Limits(**({"min_side": 1} | limits)), PROVENANCE)


def add(visitor: pages.Visitor, data: bytes) -> str:
    return visitor.ask("pictures", data).json["id"]


def view(visitor: pages.Visitor, id: str, **asked) -> np.ndarray:
    """What is seen of a picture, uint8 [H, W, 3]."""
    return np.asarray(pages.open_image(visitor.post(f"pictures/{id}/view", asked)))


def ab_of(pixels: np.ndarray) -> np.ndarray:
    return lab.rgb_to_lab(pixels)[..., 1:]


def chroma_of(pixels: np.ndarray) -> float:
    return float(np.linalg.norm(ab_of(pixels), axis=-1).mean())


@pytest.fixture
def stub():
    return StubColorizer()


@pytest.fixture
def held(stub):
    return make_gallery(stub)


@pytest.fixture
def visitor(held):
    with pages.serving_app(app.build(held, MEGABYTE)) as address:
        yield pages.Visitor(address)


def header_of_png(width: int, height: int) -> bytes:
    """A PNG file that says it is large, and ends there."""
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))
    return start + struct.pack(">I", 1000) + b"IDAT"


def test_an_upload_comes_back_coloured_with_its_own_lightness(visitor):
    data = picture(kind="PNG")
    added = visitor.ask("pictures", data)
    assert added.status == 201
    assert (added.json["width"], added.json["height"]) == (96, 72)
    asked = {"name": "tr\u00e4um/../e.png", "chroma": 0.5}
    downloaded = visitor.post(f"pictures/{added.json['id']}/download", asked)
    coloured = pages.open_image(downloaded)
    assert (coloured.format, coloured.size) == ("PNG", (96, 72))
    before = lab.rgb_to_lab(np.asarray(Image.open(io.BytesIO(data))))[..., 0]
    assert np.abs(lab.rgb_to_lab(np.asarray(coloured))[..., 0] - before).max() < 0.6
    headers = {name.lower(): value for name, value in downloaded.headers.items()}
    assert headers["content-disposition"] == "attachment; filename*=UTF-8''tr%C3%A4um_.._e_coloured.png"


def test_previews_are_reduced_and_grey_without_strength(visitor):
    id = add(visitor, picture(height=1100, width=2560))
    coloured, grey, small = (view(visitor, id, **asked) for asked in ({}, {"chroma": 0}, {"side": 128}))
    assert coloured.shape == grey.shape == (550, 1280, 3)
    assert small.shape == (55, 128, 3)
    assert chroma_of(grey) < 1 < chroma_of(coloured)


def test_a_part_is_seen_at_full_detail_in_the_colours_of_the_whole(visitor):
    data = picture(height=1100, width=3200)
    id = add(visitor, data)
    box = [1000, 300, 1400, 500]
    part = view(visitor, id, box=box)
    assert part.shape == (200, 400, 3)
    whole = np.asarray(pages.open_image(visitor.post(f"pictures/{id}/download", {})))[300:500, 1000:1400]
    difference = lab.rgb_to_lab(part) - lab.rgb_to_lab(np.ascontiguousarray(whole))
    assert np.abs(difference).mean() < 1.5  # two times JPEG
    assert max(view(visitor, id, box=box, side=50).shape) == 50


def test_the_original_has_the_colours_that_the_picture_came_with(visitor):
    added = visitor.ask("pictures", picture())
    assert added.json["has_colours"]
    original = pages.open_image(visitor.ask(f"pictures/{added.json['id']}/original"))
    assert chroma_of(np.asarray(original)) > 4
    grey = helpers.encode(lab.to_grey(helpers.photo_pixels(3, 60, 80)))
    assert not visitor.ask("pictures", grey).json["has_colours"]


def test_ten_uploads_at_once_are_all_answered_and_the_network_runs_one_at_a_time(visitor, held, stub):
    """While the first is held up all others come in; none waits for another's preview."""
    first = visitor.ask("pictures", picture()).json["id"]
    stub.gate.clear()
    with ThreadPoolExecutor(10) as pool:
        answers = [pool.submit(visitor.ask, "pictures", picture(seed, 40 + seed, 50)) for seed in range(10)]
        helpers.wait_until(lambda: len(stub.asked) == 2)
        assert visitor.post(f"pictures/{first}/view", {"chroma": 0.2}).status == 200
        stub.gate.set()
        found = [answer.result() for answer in answers]
    assert [answer.status for answer in found] == [201] * 10
    assert [answer.json["height"] for answer in found] == [40 + seed for seed in range(10)]
    assert len({answer.json["id"] for answer in found}) == 10
    assert len(stub.asked) == 11
    assert stub.most_at_once == 1


def test_more_than_can_wait_are_told_to_come_again(held, stub):
    with pages.serving_app(app.build(held, MEGABYTE, most_waiting=1)) as address, ThreadPoolExecutor(1) as pool:
        visitor = pages.Visitor(address)
        stub.gate.clear()
        first = pool.submit(visitor.ask, "pictures", picture())
        helpers.wait_until(lambda: stub.asked)
        refused = visitor.ask("pictures", picture())
        stub.gate.set()
        assert first.result().status == 201
        assert refused.status == 503
        assert "try again" in refused.json["error"]
        assert visitor.ask("pictures", picture()).status == 201


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "no bytes"),
        (b"just text, named .jpg and said to be image/jpeg", "no supported picture format"),
        (b"<!doctype html><script>alert(1)</script>", "no supported picture format"),
        (b"PK\x03\x04" + bytes(200), "no supported picture format"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\n", "no supported picture format"),
        (picture()[:900], "ends early"),
        (b"\xff\xd8\xff\xe0" + bytes(500), "no supported picture format"),
    ],
)
def test_uploads_that_lie_about_their_type_get_the_reason_in_one_line(visitor, data, reason):
    refused = visitor.ask("pictures", data, Content_Type="image/jpeg")
    assert refused.status == 422
    assert reason in refused.json["error"]
    assert "\n" not in refused.json["error"]


def test_what_is_no_picture_is_told_which_formats_are_taken(visitor):
    taken = visitor.ask("pictures", b"just text").json["error"].split("wanted ")[1]
    assert taken in visitor.ask("").body.decode()
    named = taken.upper().replace(" ", "")
    assert [kind for kind in photo._FORMATS if kind != "DIB" and kind not in named] == []


def test_a_picture_under_another_types_name_is_taken_for_what_it_is(visitor):
    id = visitor.ask("pictures", picture(kind="PNG"), Content_Type="text/html").json["id"]
    answer = visitor.post(f"pictures/{id}/download", {"name": "a.jpg"})
    assert pages.open_image(answer).format == "PNG"
    assert "a_coloured.png" in str(answer.headers)


def test_pixels_are_counted_before_any_is_decoded(monkeypatch, stub):
    held = make_gallery(stub, max_pixels=10_000)

    def decode(*arguments):
        raise AssertionError("decoded")

    monkeypatch.setattr(ImageFile.ImageFile, "load", decode)
    with pages.serving_app(app.build(held, MEGABYTE)) as address:
        for data in (header_of_png(60_000, 60_000), picture(height=200, width=200)):
            refused = pages.Visitor(address).ask("pictures", data)
            assert refused.status == 422
            assert refused.json["error"] == "more than 0.01 megapixels, the most that is taken here"
    assert stub.asked == []


def test_files_that_are_too_large_are_refused_and_not_held(visitor, stub):
    refused = visitor.ask("pictures", bytes(MEGABYTE + 1))
    assert refused.status == 413
    assert "1 MB" in refused.json["error"]
    assert stub.asked == []


def test_a_body_without_a_length_cannot_be_longer_than_the_limit(visitor):
    """Chunked, and it would never end: it is cut off, and the server goes on."""
    host, port = re.search(r"//(.*):(\d+)/", visitor.address).groups()
    with socket.create_connection((host, int(port)), 60) as connection:
        connection.sendall(f"POST /pictures HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        chunk = b"100000\r\n" + bytes(0x100000) + b"\r\n"
        sent = 0
        with contextlib.suppress(OSError):  # the server has closed its side
            while sent < 100 * MEGABYTE:
                connection.sendall(chunk)
                sent += MEGABYTE
    assert sent < 100 * MEGABYTE
    assert visitor.ask("pictures", picture()).status == 201


@pytest.mark.parametrize("size", [(1, 1), (1, 20_000), (20_000, 1), (3, 2)])
def test_odd_sizes_are_coloured(visitor, size):
    id = add(visitor, helpers.encode_image(Image.new("RGB", size, "gray")))
    hints = [{"x": size[0] - 1, "y": size[1] - 1, "color": "#804020", "radius": 9}]
    assert view(visitor, id, hints=hints).ndim == 3
    assert view(visitor, id, hints=hints, box=[size[0] - 1, size[1] - 1, *size]).shape == (1, 1, 3)
    assert visitor.post(f"pictures/{id}/probable", {"x": size[0] - 1, "y": size[1] - 1}).status == 200
    assert pages.open_image(visitor.post(f"pictures/{id}/download", {"hints": hints})).size == size


def test_a_new_strength_or_warmth_does_not_run_the_network(visitor, stub):
    id = add(visitor, picture())
    strengths = [chroma_of(view(visitor, id, chroma=chroma)) for chroma in (0, 0.5, 1, 1.5)]
    assert strengths == sorted(strengths)
    assert strengths[0] < 1 < strengths[3] - strengths[1]
    yellow = [lab.rgb_to_lab(view(visitor, id, warmth=warmth))[..., 2].mean() for warmth in (-1, 0, 1)]
    assert yellow == sorted(yellow)
    assert yellow[2] - yellow[0] > 10
    assert stub.asked == [None]


def test_a_new_temperature_or_hint_runs_it_once(visitor, stub):
    id = add(visitor, picture())
    hints = [{"x": 3, "y": 4, "color": "#3a5f2b"}]
    for asked in ({"temperature": 0.1}, {"hints": hints}) * 2:
        view(visitor, id, **asked)
    assert stub.asked == [None, 0.1, None]
    visitor.post(f"pictures/{id}/probable", {"hints": hints, "x": 5, "y": 5})
    view(visitor, id, hints=hints, box=[0, 0, 50, 50], side=20, chroma=0.5)
    assert len(stub.asked) == 3


def test_a_hint_reaches_the_network_at_its_place_of_the_preview(visitor, stub):
    """The network sees the preview, the visitor names pixels of the picture."""
    id = add(visitor, picture(height=1600, width=3200))
    view(visitor, id, hints=[{"x": 3199, "y": 800, "color": "#3a5f2b", "radius": 20}])
    ((hint,),) = stub.hints[1:]
    assert (hint.x, hint.y, hint.radius) == (1279, 320, 8)
    assert np.allclose(hint.ab, lab.rgb_to_lab(np.uint8([0x3A, 0x5F, 0x2B]))[1:], atol=0.01)
    visitor.post(f"pictures/{id}/download", {"hints": [{"x": 3199, "y": 800, "color": "#3a5f2b"}]})
    without, (hint,) = stub.hints[2:]
    assert without == []
    assert (hint.x, hint.y) == (3199, 800)


def test_variants_differ_and_the_download_is_the_one_that_was_seen(monkeypatch, visitor, stub):
    """Of the stub's one distribution nothing else may be found: the variants are the test's."""
    others = [np.full((8, 8, 2), ab, np.float32) for ab in ((0, 0), (40, 20), (-40, 30), (10, -40))]
    monkeypatch.setattr(gallery, "find_variants", lambda own, grey, count, temperature: others)
    id = add(visitor, picture(kind="PNG"))
    seen = [ab_of(view(visitor, id, variant=variant)) for variant in range(4)]
    assert all(np.abs(seen[i] - seen[j]).max() > 10 for i in range(4) for j in range(i))
    downloaded = pages.open_image(visitor.post(f"pictures/{id}/download", {"variant": 2}))
    assert np.abs(ab_of(np.asarray(downloaded)) - seen[2]).mean() < 2
    assert stub.asked == [None]
    hinted = ab_of(view(visitor, id, variant=2, hints=[{"x": 48, "y": 36, "color": "#aa2020"}]))
    assert hinted[36, 48, 0] > seen[2][36, 48, 0] + 20


def test_the_same_look_has_the_same_bytes_whatever_was_seen_in_between(visitor):
    """Undo brings back what was."""
    id = add(visitor, picture())
    first = {"hints": [{"x": 10, "y": 10, "color": "#aa2020", "radius": 3}]}
    looks = [
        first,
        *({"hints": [{"x": x, "y": 20, "color": "#2020aa"}]} for x in range(10, 90, 13)),
        {"warmth": 0.5},
        first,
    ]
    bodies = [visitor.post(f"pictures/{id}/view", look).body for look in looks]
    assert bodies[0] == bodies[-1]
    assert len(set(bodies)) > 5


def test_probable_colours_come_from_the_bins_the_most_probable_first(visitor):
    id = add(visitor, picture())
    colors = visitor.post(f"pictures/{id}/probable", {"x": 50, "y": 40}).json["colors"]
    assert len(colors) == 3
    found = [lab.rgb_to_lab(np.frombuffer(bytes.fromhex(color[1:]), np.uint8))[1:] for color in colors]
    wanted = ab_bins.centres()[[120, 200, 50]]
    assert np.abs(found[0] - wanted[0]).max() < 1
    for got, bin_ab in zip(found[1:], wanted[1:], strict=True):  # their chroma may be less, of their lightness
        assert np.dot(got, bin_ab) > 0.99 * np.linalg.norm(got) * np.linalg.norm(bin_ab)


def test_the_download_has_the_look_and_says_so(monkeypatch, visitor):
    calls = []
    original = gallery.colour_bytes
    monkeypatch.setattr(gallery, "colour_bytes", lambda *a, **more: calls.append(a) or original(*a, **more))
    id = add(visitor, picture())
    asked = {"chroma": 0.5, "temperature": 0.2, "hints": [{"x": 1, "y": 1, "color": "#aa2020"}]}
    assert visitor.post(f"pictures/{id}/download", asked).status == 200
    ((_, _, options, limits, provenance, hints),) = calls
    assert (options.temperature, options.chroma) == (0.2, 0.5)
    assert limits.min_side == 1
    assert provenance["model"] == "stub"
    assert "temperature=0.2, chroma=0.5" in provenance["settings"]
    assert "hints=1" in provenance["settings"]
    assert len(hints) == 1


_AT_1_1 = {"x": 1, "y": 1, "color": "#aa2020"}


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ({"chroma": -1}, "chroma"),
        ({"chroma": 9}, "chroma"),
        ({"chroma": "x"}, "chroma"),
        ({"chroma": None}, "chroma"),
        ({"warmth": 2}, "warmth"),
        ({"temperature": 0}, "temperature"),
        ({"temperature": True}, "temperature"),
        ({"box": [0, 0, 97, 72]}, "box"),
        ({"box": [5, 0, 5, 72]}, "box"),
        ({"box": [0, 0, 1]}, "box"),
        ({"variant": 4}, "variant"),
        ({"variant": -1}, "variant"),
        ({"side": 0}, "side"),
        ({"side": 10**6}, "side"),
        ({"x": 96, "y": 0}, "outside"),
        ({"hints": "all"}, "hints"),
        ({"hints": [7]}, "hints"),
        ({"hints": [{"x": 96, "y": 0, "color": "#aa2020"}]}, "hints[0].x"),
        ({"hints": [{"x": -1, "y": 0, "color": "#aa2020"}]}, "hints[0].x"),
        ({"hints": [{"x": 1, "y": 1, "color": "red"}]}, "hints[0].color"),
        ({"hints": [{"x": 1, "y": 1}]}, "color"),
        ({"hints": [_AT_1_1 | {"radius": -1}]}, "radius"),
        ({"hints": [_AT_1_1, _AT_1_1 | {"color": "#20aa20"}]}, "same point"),
        ({"hints": [_AT_1_1] * 2001}, "2000"),
    ],
)
def test_looks_that_are_none_are_refused_in_a_line(visitor, stub, asked, named):
    id = add(visitor, picture())
    for what in ("view", "probable", "download"):
        refused = visitor.post(f"pictures/{id}/{what}", asked)
        assert refused.status == 400
        assert named in refused.json["error"]
        assert "\n" not in refused.json["error"]
        assert len(refused.json["error"]) < 400
    assert stub.asked == [None]


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"{", b"[]", b"\xff\xfe", b'{"chroma": NaN}', b'{"chroma": 1e999}', b'{"chroma": 1, "chroma": 2}'),
        *(b'{"hints": ' + b"[" * 5000 + b"]" * 5000 + b"}", b'{"x": ' + b"9" * 5000 + b"}"),
        b'{"name": "' + b"a" * 300_000 + b'"}',
    ],
    ids=range(10),
)
def test_bodies_that_are_no_look_are_refused_in_a_line(visitor, body):
    id = add(visitor, picture())
    refused = visitor.ask(f"pictures/{id}/view", body, method="POST")
    assert refused.status == 400
    assert refused.json["error"]
    assert "\n" not in refused.json["error"]


def test_a_model_that_takes_no_hints_says_so_and_asks_for_none(stub):
    stub.takes_hints = False
    with pages.serving_app(app.build(make_gallery(stub), MEGABYTE)) as address:
        visitor = pages.Visitor(address)
        refused = visitor.post(f"pictures/{add(visitor, picture())}/view", {"hints": [_AT_1_1]})
        assert refused.status == 400
        assert "takes none" in refused.json["error"]
        assert b"takes no hints" in visitor.ask("").body


def test_the_page_names_the_model_and_what_it_is_not_good_at(stub):
    told = About("clever 3.1", ("Cows become <blue>.",))
    with pages.serving_app(app.build(make_gallery(stub), MEGABYTE, told)) as address:
        page = " ".join(pages.Visitor(address).ask("").body.decode().split())
    for part in ("clever 3.1", "Cows become &lt;blue&gt;.", "guesses", "evidence of nothing"):
        assert part in page


def test_a_network_without_bins_has_no_temperature():
    with pages.serving_app(app.build(make_gallery(StubColorizer(has_bins=False)), MEGABYTE)) as address:
        visitor = pages.Visitor(address)
        id = add(visitor, picture())
        assert visitor.post(f"pictures/{id}/view", {"temperature": 0.5}).status == 400
        assert visitor.post(f"pictures/{id}/view", {"variant": 1}).status == 400
        assert visitor.post(f"pictures/{id}/probable", {"x": 1, "y": 1}).json == {"colors": []}
        assert b"Temperature" not in visitor.ask("").body


def test_a_network_with_bins_has_one(visitor):
    assert b"Temperature" in visitor.ask("").body


def test_nobody_sees_anothers_picture(visitor):
    """Ids are random and told to the sender alone; there is no list of them."""
    ids = {visitor.ask("pictures", picture()).json["id"] for _ in range(3)}
    assert all(len(id) >= 24 for id in ids)
    other = pages.Visitor(visitor.address)
    page = other.ask("").body.decode()
    assert not any(id in page for id in ids)
    for path in ("pictures", "pictures/", "pictures/x/original", "pictures/x/view", "pictures/x/download"):
        assert other.ask(path).status in (404, 405)
    for what in ("view", "probable", "download"):
        assert other.post(f"pictures/x/{what}", {}).status == 404


def test_removed_pictures_are_gone(visitor, held):
    kept, one, two, three = (visitor.ask("pictures", picture()).json["id"] for _ in range(4))
    assert visitor.ask(f"pictures/{one}", method="DELETE").status == 204
    assert visitor.ask("forget", f"{two}\n{three}\nunknown".encode()).status == 204
    for id in (one, two, three):
        refused = visitor.post(f"pictures/{id}/view", {})
        assert refused.status == 404
        assert "send it again" in refused.json["error"]
    assert len(held) == 1
    assert visitor.post(f"pictures/{kept}/view", {}).status == 200


class SlowToDecode(Gallery):
    """Takes as long for pictures of one size as the test says."""

    def __init__(self, stub: StubColorizer, slow: bytes):
        super().__init__(stub, photo.Limits(min_side=1), PROVENANCE)
        self.slow, self.begun, self.go_on = slow, threading.Event(), threading.Event()

    def decode(self, data: bytes) -> gallery.Decoded:
        if data == self.slow:
            self.begun.set()
            assert self.go_on.wait(helpers.TIMEOUT)
        return super().decode(data)


def test_a_picture_that_takes_long_to_decode_holds_up_nobody_else(stub):
    held = SlowToDecode(stub, slow=picture(1))
    with pages.serving_app(app.build(held, MEGABYTE)) as address, ThreadPoolExecutor(1) as pool:
        visitor = pages.Visitor(address)
        waiting = pool.submit(visitor.ask, "pictures", held.slow)
        assert held.begun.wait(helpers.TIMEOUT)
        assert visitor.ask("pictures", picture(2)).status == 201
        assert not waiting.done()
        held.go_on.set()
        assert waiting.result().status == 201


def test_a_picture_with_hundreds_of_scans_is_refused_in_words(visitor):
    data = helpers.encode_image(Image.new("L", (64, 64)), "JPEG", progressive=True)
    last = data[data.rindex(b"\xff\xda") : -2]
    answer = visitor.ask("pictures", data[:-2] + last * 300 + data[-2:])
    assert answer.status == 422
    assert "more passes over its pixels" in answer.json["error"]
