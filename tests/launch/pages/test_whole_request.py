"""An app is called when a request is whole, and never for one that is too large or breaks off."""

import re
import socket

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse

from tests.support import pages
from tintmill.launch.pages.whole_request import WholeRequest

LIMIT = 10_000


@pytest.fixture
def served():
    """(visitor, lengths of the bodies that the app was called with)."""
    seen = []

    async def count(scope, receive, send):
        seen.append(len(await Request(scope, receive).body()))
        await JSONResponse(seen[-1])(scope, receive, send)

    with pages.serving_app(WholeRequest(count, LIMIT)) as address:
        yield pages.Visitor(address), seen


@pytest.mark.parametrize("length", [0, 1, LIMIT])
def test_a_body_up_to_the_limit_comes_whole(served, length):
    visitor, seen = served
    assert visitor.ask("", bytes(length)).json == length
    assert seen == [length]


@pytest.mark.parametrize("length", [LIMIT + 1, 5 * LIMIT, 8 * LIMIT])
def test_a_larger_one_is_refused_and_its_sender_told_the_limit(served, length):
    visitor, seen = served
    refused = visitor.ask("", bytes(length))
    assert refused.status == 413
    assert "more than 0.01 MB" in refused.json["error"]
    assert seen == []


def test_a_request_that_breaks_off_does_not_reach_the_app(served):
    visitor, seen = served
    host, port = re.search(r"//(.*):(\d+)/", visitor.address).groups()
    with socket.create_connection((host, int(port)), 60) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\nhalf")
    assert visitor.ask("", b"whole").json == 5
    assert seen == [5]
