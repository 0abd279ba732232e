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
from tintmill.launch.pages.colouring.gallery import Gallery
from tintmill.model.files.colour_file import Options
from tintmill.pipeline.imaging import lab, photo

MEGABYTE = 1_000_000


def make_gallery(stub: StubColorizer, **limits) -> Gallery:
    return Gallery(stub, photo.Limits(**({"min_side": 1} | limits)), PROVENANCE)


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
    downloaded = visitor.ask(f"pictures/{added.json['id']}/download?name=tr%C3%A4um%2F..%2Fe.png&chroma=0.5")
    coloured = pages.open_image(downloaded)
    assert (coloured.format, coloured.size) == ("PNG", (96, 72))
    before = lab.rgb_to_lab(np.asarray(Image.open(io.BytesIO(data))))[..., 0]
    assert np.abs(lab.rgb_to_lab(np.asarray(coloured))[..., 0] - before).max() < 0.6
    headers = {name.lower(): value for name, value in downloaded.headers.items()}
    assert headers["content-disposition"] == "attachment; filename*=UTF-8''tr%C3%A4um_.._e_coloured.png"


def test_previews_are_reduced_and_grey_is_grey(visitor):
    id = visitor.ask("pictures", picture(height=1100, width=2200)).json["id"]
    grey = pages.open_image(visitor.ask(f"pictures/{id}/grey"))
    coloured = pages.open_image(visitor.ask(f"pictures/{id}/coloured"))
    assert grey.size == coloured.size == (1024, 512)
    assert (grey.mode, coloured.mode) == ("L", "RGB")


def test_ten_uploads_at_once_are_all_answered_and_the_network_runs_one_at_a_time(visitor, held, stub):
    """While the first is held up all others come in; none waits for another's preview."""
    first = visitor.ask("pictures", picture()).json["id"]
    stub.gate.clear()
    with ThreadPoolExecutor(10) as pool:
        answers = [pool.submit(visitor.ask, "pictures", picture(seed, 40 + seed, 50)) for seed in range(10)]
        helpers.wait_until(lambda: len(stub.asked) == 2)
        assert visitor.ask(f"pictures/{first}/coloured?chroma=0.2").status == 200
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
    answer = visitor.ask(f"pictures/{id}/download?name=a.jpg")
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
    id = visitor.ask("pictures", helpers.encode_image(Image.new("RGB", size, "gray"))).json["id"]
    assert pages.open_image(visitor.ask(f"pictures/{id}/coloured")).mode == "RGB"
    assert pages.open_image(visitor.ask(f"pictures/{id}/download")).size == size


def test_a_new_chroma_does_not_run_the_network(visitor, stub):
    id = visitor.ask("pictures", picture()).json["id"]
    strengths = []
    for chroma in (0, 0.5, 1, 1.5):
        pixels = np.asarray(pages.open_image(visitor.ask(f"pictures/{id}/coloured?chroma={chroma}")))
        strengths.append(np.linalg.norm(lab.rgb_to_lab(pixels)[..., 1:], axis=-1).mean())
    assert strengths == sorted(strengths)
    assert strengths[0] < 1 < strengths[3] - strengths[1]
    assert stub.asked == [None]


def test_a_new_temperature_runs_it_once(visitor, stub):
    id = visitor.ask("pictures", picture()).json["id"]
    for temperature in (0.1, 0.9, 0.1, 0.9):
        assert visitor.ask(f"pictures/{id}/coloured?temperature={temperature}").status == 200
    assert stub.asked == [None, 0.1, 0.9]


def test_the_download_has_the_sliders_settings_and_says_so(monkeypatch, visitor):
    calls = []
    original = gallery.colour_bytes
    monkeypatch.setattr(gallery, "colour_bytes", lambda *a: calls.append(a) or original(*a))
    id = visitor.ask("pictures", picture()).json["id"]
    assert visitor.ask(f"pictures/{id}/download?chroma=0.5&temperature=0.2").status == 200
    ((_, _, options, limits, provenance),) = calls
    assert options == Options(temperature=0.2, chroma=0.5)
    assert limits.min_side == 1
    assert provenance["model"] == "stub"
    assert "temperature=0.2, chroma=0.5" in provenance["settings"]


@pytest.mark.parametrize(
    "query", ["chroma=nan", "chroma=-1", "chroma=9", "chroma=x", "temperature=0", "temperature=inf"]
)
def test_settings_that_are_none_are_refused(visitor, query):
    id = visitor.ask("pictures", picture()).json["id"]
    refused = visitor.ask(f"pictures/{id}/coloured?{query}")
    assert refused.status == 400
    assert query.split("=")[0] in refused.json["error"]


def test_a_network_without_bins_has_no_temperature():
    with pages.serving_app(app.build(make_gallery(StubColorizer(has_bins=False)), MEGABYTE)) as address:
        visitor = pages.Visitor(address)
        id = visitor.ask("pictures", picture()).json["id"]
        assert visitor.ask(f"pictures/{id}/coloured?temperature=0.5").status == 400
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
    for path in ("pictures", "pictures/", "pictures/x/grey", "pictures/x/coloured", "pictures/x/download"):
        assert other.ask(path).status in (404, 405)


def test_removed_pictures_are_gone(visitor, held):
    kept, one, two, three = (visitor.ask("pictures", picture()).json["id"] for _ in range(4))
    assert visitor.ask(f"pictures/{one}", method="DELETE").status == 204
    assert visitor.ask("forget", f"{two}\n{three}\nunknown".encode()).status == 204
    for id in (one, two, three):
        refused = visitor.ask(f"pictures/{id}/grey")
        assert refused.status == 404
        assert "send it again" in refused.json["error"]
    assert len(held) == 1
    assert visitor.ask(f"pictures/{kept}/grey").status == 200


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
