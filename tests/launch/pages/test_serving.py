"""What every page of ours promises, whatever it shows."""

import socket

import pytest
from starlette.responses import PlainTextResponse

from tests.support import helpers, pages
from tintmill.launch.pages import serving
from tintmill.launch.pages.door import make_door
from tintmill.pipeline.common.errors import TintmillError


@pytest.fixture(scope="module")
def visitor():
    with pages.serving_app(PlainTextResponse("content")) as address:
        yield pages.Visitor(address)


def test_answers_forbid_the_browser_to_ask_others_and_to_keep_what_it_got(visitor):
    answer = visitor.ask("")
    assert answer.body == b"content"
    headers = {name.lower(): value for name, value in answer.headers.items()}
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert "http" not in headers["content-security-policy"]
    assert headers["cache-control"] == "no-store"
    assert "server" not in headers


def test_a_taken_port_is_one_line_that_names_the_flags():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(TintmillError, match=f"--host=127.0.0.1 --port={port}: cannot listen there"):
            serving.listen("127.0.0.1", port)


def test_an_address_that_is_not_this_machines_is_one_line():
    with pytest.raises(TintmillError, match=r"--host=203\.0\.113\.1"):
        serving.listen("203.0.113.1", 0)


def test_the_address_printed_is_one_to_type():
    with serving.listen("127.0.0.1", 0) as listener:
        assert serving.url(listener, True) == f"http://127.0.0.1:{listener.getsockname()[1]}/"
    with serving.listen("0.0.0.0", 0) as listener:
        assert serving.url(listener, False) == f"http://{socket.gethostname()}:{listener.getsockname()[1]}/"


class Ends(Exception):
    """In place of a server that runs until a signal comes."""


@pytest.mark.parametrize(
    ("host", "token", "parts"),
    [
        ("127.0.0.1", None, ["/ (this machine only)"]),
        ("0.0.0.0", "a-token-of-a-person", ["/?token=a-token-of-a-person (all who", "unencrypted"]),
        ("0.0.0.0", "none", ["/ (OPEN to all who reach this machine, because of --token=none)"]),
    ],
)
def test_the_line_with_the_address_says_who_is_let_in(monkeypatch, capsys, host, token, parts):
    def end(*arguments):
        raise Ends

    monkeypatch.setattr(serving, "make_server", end)
    with serving.listen(host, 0) as listener, pytest.raises(Ends):
        serving.serve(PlainTextResponse("content"), listener, make_door(host, (), token), "It is")
    line = capsys.readouterr().out
    assert all(part in line for part in parts), line


@pytest.mark.parametrize("module", ["tintmill.launch.web", "tintmill.launch.study", "tintmill.launch.pages.serving"])
def test_the_servers_packages_are_imported_when_a_server_starts(module):
    loaded = helpers.run_python(f"import sys, {module}; print(*sys.modules)").split()
    assert not {"starlette", "uvicorn", "anyio", "sqlite3", "tensorflow"} & set(loaded)
