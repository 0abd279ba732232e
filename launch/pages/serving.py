"""Serves a page from this machine: a Starlette app behind uvicorn, for this machine alone unless --host says otherwise.

Every answer forbids the browser to ask any other server for anything, and to keep what it got.

The pages are Starlette, uvicorn and plain scripts, not Gradio. Gradio would install 33 packages more, where these are
five, and keeps uploads as files that a name leads to. Uploads come as bare bodies, so that they are counted as they
arrive.
"""

import dataclasses
import functools
import ipaddress
import socket
from collections.abc import Callable

from tintmill.launch.pages.door import NO_TOKEN, Door
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.common.options import between, option

TOPIC = "The page"  # heading of the options in a command's help


def host_option() -> dataclasses.Field:
    """The field `host` of a command's arguments."""
    return option("127.0.0.1", "Address to listen on; 0.0.0.0 lets other machines in, with a token.", TOPIC)


def port_option(port: int) -> dataclasses.Field:
    """The field `port` of a command's arguments."""
    return option(port, "Port to listen on; 0 takes a free one.", TOPIC, check=between(0, 65535, wrong_flag=True))


def allowed_host_option() -> dataclasses.Field:
    """The field `allowed_host` of a command's arguments."""
    help = "Name by which visitors call this server, beside this machine's own; may be given several times."
    return option((), help, TOPIC, repeated=True)


def token_option() -> dataclasses.Field:
    """The field `token` of a command's arguments."""
    help = (
        "What the address must end with (?token=) to be let in. Left out, one is made up where --host lets other "
        f"machines in; {NO_TOKEN}: everybody who reaches this server is let in."
    )
    return option(None, help, TOPIC)


def serve(app: Callable, listener: socket.socket, door: Door, what: str) -> None:
    """Prints the address, and serves an ASGI app there until a signal comes.

    Args:
      listener: a socket of `listen`.
      what: how the line with the address begins.
    """
    address = url(listener, door.local_only) + (f"?token={door.token}" if door.token else "")
    print(f"{what} at {address} ({_describe(door)}); Ctrl-C ends it", flush=True)
    make_server(app, door).run(sockets=[listener])


def _describe(door: Door) -> str:
    if door.local_only:
        return "this machine only"
    if door.token:
        return "all who reach this machine and have this whole address; it is sent unencrypted"
    return f"OPEN to all who reach this machine, because of --token={NO_TOKEN}"


def make_server(app: Callable, door: Door, limits=None):
    """The uvicorn.Server of a guarded app.

    Args:
      limits: `slow_clients.ClientLimits`; None: the usual ones.
    """
    import uvicorn

    from tintmill.launch.pages.guard import Guard
    from tintmill.launch.pages.slow_clients import ClientLimits, Clients, LimitedProtocol

    protocol = functools.partial(LimitedProtocol, Clients(limits or ClientLimits()))
    return uvicorn.Server(
        uvicorn.Config(
            Guard(app, door),
            http=protocol,
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=3,
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
