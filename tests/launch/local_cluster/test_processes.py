"""Processes of a cluster: their children end with them, and one that does not start says why."""

import sys

import pytest

from tests.support import helpers
from tintmill.launch.local_cluster.processes import free_ports, is_listening, running_processes
from tintmill.pipeline.common.errors import TintmillError


def test_processes_end_with_their_children(tmp_path):
    """Those that ignore SIGTERM too."""
    stubborn = "import signal, subprocess, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    stubborn += "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(99)']); print('up', flush=True); "
    with running_processes(tmp_path) as group:
        first = group.start("first", [sys.executable, "-c", stubborn + "time.sleep(99)"])
        helpers.wait_until(lambda: "up" in group.log("first").read_text())
        assert len(helpers.processes_of_group(first.pid)) == 2
        group.kill("first")
        helpers.wait_until(lambda: helpers.processes_of_group(first.pid) == [])
        second = group.start(
            "second", [sys.executable, "-c", stubborn.replace("SIG_IGN", "SIG_DFL") + "time.sleep(99)"]
        )
        helpers.wait_until(lambda: "up" in group.log("second").read_text())
    assert helpers.processes_of_group(second.pid) == []


def test_a_process_that_does_not_start_is_told_with_its_last_words(tmp_path):
    with running_processes(tmp_path) as group:
        group.start("node", [sys.executable, "-c", "print('hello'); raise SystemExit('no memory')"])
        with pytest.raises(TintmillError, match=r"node did not start: no memory \(all of it in .*node\.log\)"):
            group.wait_until("node", lambda: False)


def test_an_outgoing_connection_never_takes_a_free_port():
    with open("/proc/sys/net/ipv4/ip_local_port_range") as file:
        first, _ = map(int, file.read().split())
    assert max(free_ports(100)) < first


def test_a_free_port_does_not_answer():
    assert not any(is_listening(port) for port in free_ports(2))
