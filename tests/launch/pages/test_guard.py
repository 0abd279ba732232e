"""What a page's server refuses before the page sees it: other names, other sites, visitors without the token."""

import pytest
from starlette.responses import PlainTextResponse

from tests.support import pages
from tintmill.launch.pages.door import Door

TOKEN = "a-token-of-a-person"
OPEN = Door(local_only=False, names=("photos.example",))


@pytest.fixture(scope="module")
def visitor():
    with pages.serving_app(PlainTextResponse("content")) as address:
        yield pages.Visitor(address)


@pytest.fixture(scope="module")
def visitor_from_outside():
    with pages.serving_app(PlainTextResponse("content"), OPEN) as address:
        yield pages.Visitor(address)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:7860", "[::1]:80"])
def test_this_machine_may_ask(visitor, host):
    assert visitor.ask("", Host=host).status == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "192.168.1.5:7860", "[", ""])
def test_a_name_that_only_leads_here_is_refused(visitor, host):
    """DNS rebinding: a site elsewhere gives its own name this machine's address."""
    refused = visitor.ask("", Host=host)
    assert refused.status == 403
    assert b"127.0.0.1" in refused.body


@pytest.mark.parametrize("host", ["evil.example", "photos.example.evil.example:7860", "[", ""])
def test_a_server_for_others_too_refuses_names_that_only_lead_to_it(visitor_from_outside, host):
    refused = visitor_from_outside.ask("", Host=host)
    assert refused.status == 403
    assert b"--allowed_host=NAME" in refused.body


@pytest.mark.parametrize("host", ["192.168.1.5:7860", "[2001:db8::1]:7860", "photos.example", "PHOTOS.example:7860"])
def test_a_server_for_others_answers_to_its_names(visitor_from_outside, host):
    assert visitor_from_outside.ask("", Host=host).status == 200


@pytest.mark.parametrize(
    ("site", "status"), [("same-origin", 200), ("none", 200), ("same-site", 403), ("cross-site", 403)]
)
def test_other_sites_cannot_make_a_browser_send(visitor, site, status):
    assert visitor.ask("", b"", Sec_Fetch_Site=site).status == status


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://192.168.1.5:7860", 200),
        ("https://192.168.1.5:7860", 200),  # behind a proxy that ends TLS
        ("https://photos.example", 200),  # behind a proxy that changes Host
        ("http://192.168.1.5:7861", 403),
        ("http://192.168.1.5", 403),
        ("http://evil.example", 403),
        ("null", 403),
        ("http://[", 403),
        ("", 403),
    ],
)
def test_browsers_that_say_only_origin_are_asked_for_it(visitor_from_outside, origin, status):
    """Browsers leave Sec-Fetch-Site out where the address is neither https nor this machine's."""
    assert visitor_from_outside.ask("", b"", Origin=origin, Host="192.168.1.5:7860").status == status


def test_programs_that_are_no_browsers_say_neither_and_pass(visitor_from_outside):
    assert visitor_from_outside.ask("", b"").status == 200


def test_other_sites_may_link_here(visitor):
    assert visitor.ask("", Sec_Fetch_Site="cross-site", Origin="http://evil.example").status == 200


@pytest.fixture
def guarded():
    with pages.serving_app(PlainTextResponse("content"), Door(False, (), TOKEN)) as address:
        yield address


@pytest.mark.parametrize("path", ["", "?token=", "?token=other", f"?token={TOKEN}x", "?token=%ff", "pictures/1"])
def test_without_the_token_nothing_is_answered(guarded, path):
    for data in (None, b""):
        refused = pages.Visitor(guarded).ask(path, data)
        assert refused.status == 401
        assert b"?token=" in refused.body
        assert TOKEN.encode() not in refused.body


def test_with_the_whole_address_a_browser_comes_in_and_stays(guarded):
    """The token leaves the address, where it would be shown and kept, for a cookie that scripts cannot read."""
    visitor = pages.Visitor(guarded)
    assert visitor.ask(f"?token={TOKEN}&more=1").body == b"content"
    assert visitor.ask("pictures/1").status == visitor.ask("pictures/1", b"").status == 200
    (cookie,) = visitor.cookies
    assert cookie.has_nonstandard_attr("HttpOnly")
    assert cookie.get_nonstandard_attr("SameSite") == "lax"
    assert pages.Visitor(guarded).ask("").status == 401


def test_a_program_gives_the_token_with_each_request(guarded):
    visitor = pages.Visitor(guarded)
    assert visitor.ask(f"pictures?token={TOKEN}", b"").status == 200
    assert not list(visitor.cookies)


def test_a_cookie_of_another_server_is_no_token(guarded):
    for cookie in ("tintmill_x=1", 'a="\\', "=;=", f"token={TOKEN}"):
        assert pages.Visitor(guarded).ask("", Cookie=cookie).status == 401
