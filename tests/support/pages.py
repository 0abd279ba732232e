"""Shared by the tests of pages: a server in a thread, requests to it, a browser that reaches this machine alone.

The browser is the Chromium that is installed, driven through Playwright, which wants no driver beside it. Nothing is
downloaded.
"""

import contextlib
import io
import json
import shutil
import threading
import urllib.error
import urllib.request
from http.cookiejar import CookieJar
from typing import NamedTuple

import pytest
from PIL import Image

from tintmill.launch.pages import serving
from tintmill.launch.pages.door import Door

_SECONDS = 180  # until a page that does not do what it should fails its test

# Of every element with text of its own: how far it stands out from what is behind it, by the formula of WCAG 2.
_CONTRASTS = """
(() => {
  const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = (colour) => {
    const linear = (v) => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
    const [r, g, b] = numbers(colour).map((v) => linear(v / 255));
    return .2126 * r + .7152 * g + .0722 * b;
  };
  const behind = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const colour = getComputedStyle(e).backgroundColor;
      if ((numbers(colour)[3] ?? 1) === 1) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const ofText = (e) => e.checkVisibility() && [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
  return [...document.querySelectorAll("body *:not(script)")].filter(ofText).map((e) => {
    const [a, b] = [light(getComputedStyle(e).color), light(behind(e))].sort((x, y) => y - x);
    return [(a + .05) / (b + .05), e.outerHTML.slice(0, 60)];
  });
})()
"""


class Answer(NamedTuple):
    status: int
    headers: dict
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)


def open_image(answer: Answer) -> Image.Image:
    assert answer.status == 200, answer.body
    return Image.open(io.BytesIO(answer.body))


class Visitor:
    """Somebody with a cookie jar of their own, without a browser."""

    def __init__(self, address: str):
        self.address, self.cookies = address, CookieJar()
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(self.cookies)
        )

    def ask(self, path: str, data: bytes | None = None, method: str | None = None, **headers) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(self.address + path, data, named, method=method)
        try:
            with self._opener.open(request, timeout=_SECONDS) as response:
                return Answer(response.status, dict(response.headers), response.read())
        except urllib.error.HTTPError as error:
            return Answer(error.code, dict(error.headers), error.read())

    def post(self, path: str, content) -> Answer:
        return self.ask(path, json.dumps(content).encode())


@contextlib.contextmanager
def serving_app(app, door: Door | None = None, limits=None):
    """The address, with a / at its end, of a server of `app` in a thread of this process."""
    listener = serving.listen("127.0.0.1", 0)
    server = serving.make_server(app, door or Door(), limits)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield serving.url(listener, True)
    finally:
        server.should_exit = True
        thread.join(_SECONDS)
        listener.close()


@contextlib.contextmanager
def open_browser():
    """A headless Chromium that reaches no name and no address but 127.0.0.1. Skips the test where there is none."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not program:
        pytest.skip("no chromium on PATH: pages are not tried in a browser")
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (extra `test`)")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program,
            args=["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--no-proxy-server"],
        )
        yield browser
        browser.close()


class Tab:
    """A page in a browser of its own (cookies and all), and what went wrong in it; `more` as Playwright's contexts."""

    def __init__(self, browser, address: str, width: int = 1280, height: int = 800, phone: bool = False, **more):
        self.context = browser.new_context(viewport={"width": width, "height": height}, has_touch=phone, **more)
        self.page = self.context.new_page()
        self.page.set_default_timeout(_SECONDS * 1000)
        self.asked: list[str] = []  # every address that the page asked for
        self.errors: list[str] = []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", lambda message: message.type == "error" and self.errors.append(message.text))
        self.page.goto(address)

    def scrolls_sideways(self) -> bool:
        return self.page.evaluate("document.documentElement.scrollWidth > window.innerWidth")

    def contrasts(self) -> list[tuple[float, str]]:
        """(contrast, HTML) of every text that is shown; WCAG 2 wants 4.5 (AA)."""
        return self.page.evaluate(_CONTRASTS)
