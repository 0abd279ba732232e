"""Serves a page from this machine: a Starlette app behind uvicorn, for this machine alone unless --host says otherwise.

Every answer forbids the browser to ask any other server for anything, and to keep what it got.

The pages are Starlette, uvicorn and plain scripts, not Gradio. Gradio would install 33 packages more, where these are
five, and keeps uploads as files that a name leads to. Uploads come as bare bodies, so that they are counted as they
arrive.
"""

import dataclasses
import importlib.util
import ipaddress
import socket
from collections.abc import Callable
from urllib.parse import urlsplit

from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.common.options import option

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
TOPIC = "The page"  # heading of the options in a command's help
_SAFE_METHODS = ("GET", "HEAD")


def host_option() -> dataclasses.Field:
    """The field `host` of a command's arguments."""
    return option("127.0.0.1", "Address to listen on; 0.0.0.0 lets other machines in.", TOPIC)


def port_option(port: int) -> dataclasses.Field:
    """The field `port` of a command's arguments."""
    return option(port, "Port to listen on; 0 takes a free one.", TOPIC, least=0, most=65535)


def check_installed(command: str) -> None:
    """Raises TintmillError where the packages of the extra `web` are not installed."""
    missing = [name for name in ("starlette", "uvicorn") if importlib.util.find_spec(name) is None]
    if missing:
        raise TintmillError(f"{command} wants {' and '.join(missing)}; install them: pip install 'tintmill[web]'")


def serve(app: Callable, listener: socket.socket, what: str) -> None:
    """Prints the address, and serves an ASGI app there until a signal comes.

    Args:
      listener: a socket of `listen`.
      what: how the line with the address begins.
    """
    local = is_loopback(listener.getsockname()[0])
    who = "this machine only" if local else "OPEN to all who reach this machine"
    print(f"{what} at {url(listener, local)} ({who}); Ctrl-C ends it", flush=True)
    make_server(app, local).run(sockets=[listener])


def make_server(app: Callable, local_only: bool):
    """The uvicorn.Server of a guarded app."""
    import uvicorn

    return uvicorn.Server(
        uvicorn.Config(
            Guard(app, local_only), log_config=None, access_log=False, server_header=False, timeout_graceful_shutdown=3
        )
    )


def listen(host: str, port: int) -> socket.socket:
    """A listening socket.

    Raises:
      TintmillError: the address is not one of this machine's, or the port is taken or not allowed.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise TintmillError(
            f"--host={host} --port={port}: cannot listen there: {error.strerror or error}; --port=0 takes a free port"
        ) from error


def url(listener: socket.socket, local: bool) -> str:
    """The address to type into a browser; where other machines may ask, with the name of this one."""
    host, port = listener.getsockname()[:2]
    if not local and ipaddress.ip_address(host).is_unspecified:
        host = socket.gethostname()
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/"


def is_loopback(host: str | None) -> bool:
    """Whether a host's name or address can only be this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


class Guard:
    """An ASGI app with `HEADERS` on every answer, which refuses requests that other sites make a browser send.

    A page of another site may make a visitor's browser call this server: by the server's address, or by a name of the
    site's own that leads here. A browser tells the first by Sec-Fetch-Site, and the second by Host.
    """

    def __init__(self, app: Callable, local_only: bool):
        self._app = app
        self._local_only = local_only

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        from starlette.datastructures import Headers, MutableHeaders
        from starlette.responses import PlainTextResponse

        async def send_with_headers(message):
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        reason = self._refusal(scope["method"], Headers(scope=scope))
        app = PlainTextResponse(reason, 403) if reason else self._app
        return await app(scope, receive, send_with_headers)

    def _refusal(self, method: str, headers) -> str | None:
        if self._local_only and not is_loopback(_requested_host(headers)):
            return "this server is for this machine only: call it by 127.0.0.1 or localhost\n"
        if method not in _SAFE_METHODS and headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            return "refused: sent by another site\n"
        return None


def _requested_host(headers) -> str | None:
    try:
        return urlsplit(f"//{headers.get('host', '')}").hostname
    except ValueError:  # brackets without an address
        return None
