"""Who may come in to a page's server: by which names it is called, and with which token."""

import dataclasses
import ipaddress
import re
import secrets
import socket
from collections.abc import Sequence
from urllib.parse import urlsplit

from tintmill.pipeline.common.errors import TintmillError

NO_TOKEN = "none"  # value of --token
_TOKEN = r"[A-Za-z0-9_.~-]{16,200}"  # characters that stand in an address as they are


@dataclasses.dataclass(frozen=True)
class Door:
    """Who may come in.

    Attributes:
      local_only: the server listens on this machine alone.
      names: names that this server is called by, in lower case. It always answers to this machine's loopback names, and
        where others may come in to every address: no site can give itself an address.
      token: what a visitor must have; empty: nothing.
    """

    local_only: bool = True
    names: tuple[str, ...] = ()
    token: str = ""

    def knows(self, host: str | None) -> bool:
        """Whether a request for this host's name or address is meant for this server."""
        if is_loopback(host) or (host or "").lower().rstrip(".") in self.names:
            return True
        return not self.local_only and is_address(host)


def make_door(host: str, allowed_hosts: Sequence[str], token: str | None) -> Door:
    """The door of a server that listens on the address `host`.

    Args:
      allowed_hosts: --allowed_host, names beside this machine's own.
      token: --token; None: one is made up where other machines may come in.
    Raises:
      TintmillError: the token is too short to keep anybody out, or does not fit into an address.
    """
    local_only = is_loopback(host)
    own = socket.gethostname().lower()
    names = [] if local_only else [own, own.partition(".")[0], f"{own.partition('.')[0]}.local"]
    names += [name.lower().rstrip(".") for name in allowed_hosts]
    if token is None:
        token = NO_TOKEN if local_only else secrets.token_urlsafe(16)
    if token == NO_TOKEN:
        return Door(local_only, tuple(names))
    if not re.fullmatch(_TOKEN, token):
        raise TintmillError(
            f"--token has {len(token)} characters; wanted 16 to 200 letters, digits and -._~, or {NO_TOKEN}; left out, "
            "one is made up where --host lets other machines in"
        )
    return Door(local_only, tuple(names), token)


def is_loopback(host: str | None) -> bool:
    """Whether a host's name or address can only be this machine."""
    if host == "localhost":
        return True
    return is_address(host) and ipaddress.ip_address(host).is_loopback


def is_address(host: str | None) -> bool:
    """Whether a host is an IP address and no name."""
    try:
        ipaddress.ip_address(host or "")
    except ValueError:
        return False
    return True


def split_host(url: str) -> tuple[str, str | None]:
    """(name or address with the port, the same without the port) of a URL; ("", None) where it has none."""
    try:
        parts = urlsplit(url)
        return parts.netloc, parts.hostname
    except ValueError:  # brackets without an address
        return "", None
