"""Servers of Beam's on one machine listen on it alone."""

import socket

import grpc
import pytest

from tintmill.pipeline.beam.loopback import listening_on_loopback


def listens_elsewhere(port: int) -> bool:
    """Whether a port answers under an address of this machine that is not 127.0.0.1."""
    for family, address in ((socket.AF_INET, "127.1.2.3"), (socket.AF_INET6, "::1")):
        with socket.socket(family) as one:
            if one.connect_ex((address, port)) == 0:
                return True
    return False


def start(address: str) -> tuple[grpc.Server, int]:
    from concurrent.futures import ThreadPoolExecutor

    server = grpc.server(ThreadPoolExecutor(1))
    port = server.add_insecure_port(address)
    server.start()
    return server, port


def test_a_server_for_all_interfaces_listens_on_loopback_alone():
    with listening_on_loopback():
        server, port = start("[::]:0")
    assert not listens_elsewhere(port)
    with socket.socket() as one:
        assert one.connect_ex(("127.0.0.1", port)) == 0
    server.stop(0).wait()


def test_afterwards_servers_listen_where_they_are_told():
    server, port = start("[::]:0")
    if not listens_elsewhere(port):
        pytest.skip("this machine has no other address to try")
    server.stop(0).wait()


def test_beam_asks_for_all_interfaces_by_the_address_that_is_replaced():
    """Where Beam changes, this fails, and not silently the promise."""
    from pathlib import Path

    from apache_beam.runners.portability.fn_api_runner import worker_handlers
    from apache_beam.runners.worker import worker_pool_main

    for module in (worker_handlers, worker_pool_main):
        source = Path(module.__file__).read_text()
        assert source.count("add_insecure_port(") == source.count("add_insecure_port('[::]:") + source.count(
            "add_insecure_port(\n        '[::]:"
        ), module
