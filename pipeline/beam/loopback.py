"""Servers of Beam's that listen on this machine alone.

Beam's servers for its workers listen on all interfaces, and it knows no flag for that. They hand pickles to, and take
them from, whoever reaches them: code that is run. On one machine nobody else needs to.
"""

import contextlib
from collections.abc import Iterator

import grpc

ADDRESS = "127.0.0.1"


@contextlib.contextmanager
def listening_on_loopback() -> Iterator[None]:
    """While inside, servers of grpc that are to listen on all interfaces listen on 127.0.0.1."""
    original = grpc.server

    def make_server(*arguments, **options):
        server = original(*arguments, **options)
        add = server.add_insecure_port
        server.add_insecure_port = lambda address: add(address.replace("[::]:", f"{ADDRESS}:"))
        return server

    grpc.server = make_server
    try:
        yield
    finally:
        grpc.server = original
