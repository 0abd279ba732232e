"""What every page of ours promises, whatever it shows."""

import socket

import pytest
from starlette.responses import PlainTextResponse

from tests.support import helpers, pages
from tintmill.launch.pages import serving
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


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:7860", "[::1]:80"])
def test_this_machine_may_ask(visitor, host):
    assert visitor.ask("", Host=host).status == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "192.168.1.5:7860", "[", ""])
def test_a_name_that_only_leads_here_is_refused(visitor, host):
    """DNS rebinding: a site elsewhere gives its own name this machine's address."""
    refused = visitor.ask("", Host=host)
    assert refused.status == 403
    assert b"127.0.0.1" in refused.body


@pytest.mark.parametrize(
    ("site", "status"), [("same-origin", 200), ("none", 200), ("same-site", 403), ("cross-site", 403)]
)
def test_other_sites_cannot_make_a_browser_send(visitor, site, status):
    assert visitor.ask("", b"", Sec_Fetch_Site=site).status == status


def test_other_sites_may_link_here(visitor):
    assert visitor.ask("", Sec_Fetch_Site="cross-site").status == 200


def test_a_server_for_all_does_not_ask_for_its_name():
    with pages.serving_app(PlainTextResponse("content"), local_only=False) as address:
        assert pages.Visitor(address).ask("", Host="workstation:7860").status == 200


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


def test_missing_packages_are_named_with_the_extra(monkeypatch):
    monkeypatch.setattr(serving.importlib.util, "find_spec", lambda name: None if name == "uvicorn" else object())
    with pytest.raises(TintmillError, match=r"tintmill web wants uvicorn; .*tintmill\[web\]"):
        serving.check_installed("tintmill web")


@pytest.mark.parametrize("module", ["tintmill.launch.web", "tintmill.launch.study", "tintmill.launch.pages.serving"])
def test_the_servers_packages_are_imported_when_a_server_starts(module):
    loaded = helpers.run_python(f"import sys, {module}; print(*sys.modules)").split()
    assert not {"starlette", "uvicorn", "anyio", "sqlite3", "tensorflow"} & set(loaded)
