"""Clients that are slow or too many are closed, and never keep others out."""

import contextlib
import dataclasses
import re
import socket
import threading
import time

import pytest
from starlette.responses import PlainTextResponse, Response

from tests.support import helpers, pages
from tests.support.stub_colorizer import PROVENANCE, StubColorizer, picture
from tintmill.launch.pages.colouring import app
from tintmill.launch.pages.colouring.gallery import Gallery
from tintmill.launch.pages.slow_clients import ClientLimits, name_client
from tintmill.launch.pages.whole_request import WholeRequest
from tintmill.pipeline.imaging import photo

MEGABYTE = 1_000_000
QUICK = ClientLimits(first_seconds=1, pause_seconds=2)  # a second or two in place of ten or twenty
BEGUN = b"POST /pictures HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 500000\r\n\r\n"


def place(address: str) -> tuple[str, int]:
    host, port = re.search(r"//(.*):(\d+)/", address).groups()
    return host, int(port)


def connect(address: str, source: str = "") -> socket.socket:
    return socket.create_connection(place(address), 60, (source, 0) if source else None)


def is_closed(connection: socket.socket) -> bool:
    """Whether the other end has closed; what it said before is thrown away."""
    connection.setblocking(False)
    try:
        while connection.recv(1 << 16):
            pass
        return True
    except BlockingIOError:
        return False
    except OSError:
        return True


@contextlib.contextmanager
def trickling(connections: list[socket.socket], seconds: float):
    """Sends a byte on every connection every few seconds, as long as it is open."""
    end = threading.Event()

    def trickle():
        while not end.wait(seconds):
            for connection in connections:
                with contextlib.suppress(OSError):
                    connection.send(b"x")

    thread = threading.Thread(target=trickle)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()
        for connection in connections:
            connection.close()


@contextlib.contextmanager
def serving_web(limits: ClientLimits | None = None):
    """The address of the colouring page, with a stub that colours."""
    held = Gallery(StubColorizer(), photo.Limits(min_side=1), PROVENANCE)
    with pages.serving_app(app.build(held, MEGABYTE), limits=limits) as address:
        yield address


def assert_an_upload_is_answered(address: str) -> None:
    begun = time.monotonic()
    assert pages.Visitor(address).ask("pictures", picture()).status == 201
    assert time.monotonic() - begun < 5


@pytest.mark.slow
@pytest.mark.parametrize("sent", [b"", b"POST /pictures HT", BEGUN], ids=["nothing", "header", "body"])
@pytest.mark.parametrize("addresses", [1, 2000])
def test_an_upload_is_answered_while_2000_clients_send_a_byte_every_second(sent, addresses):
    """From one address and from 2,000. Bodies that never end must not take the places of those that do."""
    with serving_web() as address:
        attackers = []
        for i in range(2000):
            source = f"127.1.{i // 250}.{1 + i % 250}" if addresses > 1 else ""
            attackers.append(connect(address, source))
            attackers[-1].sendall(sent)
        with trickling(attackers, 1):
            for _ in range(3):
                assert_an_upload_is_answered(address)
                time.sleep(1)


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nHost: 127.", BEGUN], ids=["nothing", "header", "body"])
def test_a_client_that_stops_sending_is_closed(sent):
    with serving_web(QUICK) as address, connect(address) as connection:
        connection.sendall(sent)
        helpers.wait_until(lambda: is_closed(connection), seconds=30)


def test_a_client_that_sends_a_byte_now_and_then_is_told_that_it_is_too_slow():
    with serving_web(QUICK) as address, connect(address) as connection:
        connection.sendall(BEGUN)
        with trickling([connection], 0.2):
            assert b" 408 " in connection.recv(1 << 16)


def test_a_client_that_sends_for_ever_at_the_least_rate_is_closed_at_the_end_of_its_time():
    limits = dataclasses.replace(QUICK, rate=1, transfer_seconds=3)
    with serving_web(limits) as address, connect(address) as connection:
        connection.sendall(BEGUN)
        with trickling([connection], 0.1):
            assert b" 408 " in connection.recv(1 << 16)


def test_a_client_that_sends_steadily_is_served_however_long_it_takes():
    """Twice as long as the patience with a client that sends nothing."""
    data = picture(height=300, width=400, kind="PNG")
    with serving_web(ClientLimits(first_seconds=4, pause_seconds=4)) as address, connect(address) as connection:
        header = f"POST /pictures HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(data)}\r\n\r\n"
        connection.sendall(header.encode())
        step = -(-len(data) // 40)
        assert step > 2 * QUICK.rate * 0.2
        for begin in range(0, len(data), step):
            connection.sendall(data[begin : begin + step])
            time.sleep(0.2)
        assert b" 201 " in connection.recv(1 << 16)


def test_a_client_that_takes_no_answer_is_closed():
    """Its answer would stay in memory for ever."""
    with pages.serving_app(Response(bytes(50 * MEGABYTE)), limits=QUICK) as address, connect(address) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        helpers.wait_until(lambda: connection.recv(1) and True)
        time.sleep(2 * QUICK.pause_seconds + 1)
        length = 0
        with contextlib.suppress(OSError):
            while part := connection.recv(1 << 20):
                length += len(part)
        assert length < 50 * MEGABYTE


def test_a_client_that_waits_for_the_network_is_not_closed():
    """The time that the server takes is not the client's."""
    stub = StubColorizer()
    stub.gate.clear()
    held = Gallery(stub, photo.Limits(min_side=1), PROVENANCE)
    timer = threading.Timer(2 * QUICK.pause_seconds + 1, stub.gate.set)
    timer.start()
    with pages.serving_app(app.build(held, MEGABYTE), limits=QUICK) as address:
        assert pages.Visitor(address).ask("pictures", picture()).status == 201


def test_one_address_has_a_number_of_connections_and_others_keep_theirs():
    limits = ClientLimits(connections_of_address=5)
    with serving_web(limits) as address, contextlib.ExitStack() as opened:
        other = opened.enter_context(connect(address, "127.1.0.1"))
        same = [opened.enter_context(connect(address)) for _ in range(20)]
        helpers.wait_until(lambda: sum(map(is_closed, same)) == 15)
        assert not is_closed(other)
        assert [is_closed(connection) for connection in same] == [True] * 15 + [False] * 5


def test_all_clients_together_have_a_number_of_connections():
    limits = ClientLimits(connections=20)
    with serving_web(limits) as address, contextlib.ExitStack() as opened:
        all_of_them = [opened.enter_context(connect(address, f"127.1.0.{1 + i}")) for i in range(50)]
        helpers.wait_until(lambda: sum(map(is_closed, all_of_them)) == 30)
        assert_an_upload_is_answered(address)


def test_a_new_client_takes_the_place_of_one_that_waits_and_never_of_one_that_is_served():
    stub = StubColorizer()
    stub.gate.clear()
    held = Gallery(stub, photo.Limits(min_side=1), PROVENANCE)
    limits = ClientLimits(connections_of_address=2)
    data = picture()
    request = f"POST /pictures HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data
    with pages.serving_app(app.build(held, MEGABYTE), limits=limits) as address, contextlib.ExitStack() as opened:
        served = [opened.enter_context(connect(address)) for _ in range(2)]
        for connection in served:
            connection.sendall(request)
        helpers.wait_until(lambda: stub.asked)
        refused = opened.enter_context(connect(address))
        refused.sendall(request)
        assert b" 503 " in refused.recv(1 << 16)
        stub.gate.set()
        for connection in served:
            assert b" 201 " in connection.recv(1 << 16)


def test_requests_that_are_held_fit_into_the_room():
    limits = ClientLimits(room=3 * MEGABYTE)
    begun = b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000000\r\n\r\n" + bytes(MEGABYTE - 1)
    page = WholeRequest(PlainTextResponse("content"), MEGABYTE)
    with pages.serving_app(page, limits=limits) as address, contextlib.ExitStack() as opened:
        holding = [opened.enter_context(connect(address)) for _ in range(8)]
        for connection in holding:
            with contextlib.suppress(OSError):
                connection.sendall(begun)
        helpers.wait_until(lambda: sum(map(is_closed, holding)) >= 5)
        assert pages.Visitor(address).ask("", b"a" * 1000).status == 200


def test_a_closed_client_frees_its_place():
    limits = ClientLimits(connections_of_address=3, connections=3)
    with serving_web(limits) as address:
        for _ in range(50):
            assert pages.Visitor(address).ask("").status == 200


@pytest.mark.parametrize(
    ("peer", "name"),
    [
        (("192.0.2.7", 1), "192.0.2.7"),
        (("::ffff:192.0.2.7", 1, 0, 0), "192.0.2.7"),
        (("2001:db8:1:2:3:4:5:6", 1, 0, 0), "2001:db8:1:2::/64"),
        (("fe80::1%eth0", 1, 0, 2), "fe80::/64"),
        (None, ""),
    ],
)
def test_who_has_many_addresses_of_one_network_is_one_client(peer, name):
    assert name_client(peer) == name
