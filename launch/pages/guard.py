"""Refuses requests that other sites make a browser send, and asks for the token where there is one.

A page of another site may make a visitor's browser call this server: by the server's address, or by a name of the
site's own that leads here. A browser tells the first by Sec-Fetch-Site or, where it is older or the address is not
https, by Origin. It tells the second by Host. A program that is no browser sends what it likes: against these there is
the token.
"""

import hashlib
import secrets
from collections.abc import Callable
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from tintmill.launch.pages.door import Door, split_host

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_SAFE_METHODS = ("GET", "HEAD")
_COOKIE_AGE = 30 * 24 * 3600  # seconds


class Guard:
    """An ASGI app with `HEADERS` on every answer, which passes on what comes through the door."""

    def __init__(self, app: Callable, door: Door):
        self._app = app
        self._door = door
        # Browsers send a cookie to all ports of a machine, so that two servers need cookies of two names.
        self._cookie = f"tintmill_{hashlib.sha256(door.token.encode()).hexdigest()[:12]}"

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            return await self._app(scope, receive, send)

        async def send_with_headers(message):
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        app = self._answer_instead(Request(scope)) or self._app
        return await app(scope, receive, send_with_headers)

    def _answer_instead(self, request: Request) -> Response | None:
        """What is answered in place of the app; None where the request may pass."""
        _, host = split_host(f"//{request.headers.get('host', '')}")
        if not self._door.knows(host):
            return PlainTextResponse(self._explain_name(), 403)
        if request.method not in _SAFE_METHODS and self._is_of_another_site(request):
            return PlainTextResponse("refused: sent by another site\n", 403)
        return self._ask_token(request) if self._door.token else None

    def _explain_name(self) -> str:
        if self._door.local_only:
            return "this server is for this machine only: call it by 127.0.0.1 or localhost\n"
        return "this server does not know this name: call it by its address, or start it with --allowed_host=NAME\n"

    def _is_of_another_site(self, request: Request) -> bool:
        if request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            return True
        origin = request.headers.get("origin")
        if origin is None:
            return False  # no browser, or one that says it by Sec-Fetch-Site
        # A proxy before this server may have changed Host; then the origin's name is one of --allowed_host.
        place, host = split_host(origin)
        return place != request.headers.get("host") and host not in self._door.names

    def _ask_token(self, request: Request) -> Response | None:
        if self._is_token(request.cookies.get(self._cookie, "")):
            return None
        query = parse_qsl(request.url.query, keep_blank_values=True)
        if not any(name == "token" and self._is_token(value) for name, value in query):
            return PlainTextResponse("open the whole address that the server has printed, with its ?token=\n", 401)
        if request.url.path != "/":
            return None
        rest = urlencode([(name, value) for name, value in query if name != "token"])
        welcome = RedirectResponse(f"./?{rest}" if rest else "./", 303)
        # Not strict: a browser that follows a link from a mail would not send such a cookie after the redirection.
        welcome.set_cookie(self._cookie, self._door.token, max_age=_COOKIE_AGE, httponly=True, samesite="lax")
        return welcome

    def _is_token(self, text: str) -> bool:
        return secrets.compare_digest(text.encode(errors="replace"), self._door.token.encode())
