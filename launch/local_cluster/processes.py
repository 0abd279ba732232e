"""The processes of a local cluster: started with a log each, waited for, ended together."""

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from tintmill.pipeline.common.errors import TintmillError

_START_SECONDS = 300  # until a node answers; a JVM takes ten, where ten others share its cores two minutes
_END_SECONDS = 20
_SERVER_PORTS = range(20_000, 32_768)  # Linux gives outgoing connections those from 32768 on


class Processes:
    """Named processes, each at the head of a process group of its own, so that its children end with it."""

    def __init__(self, folder: Path):
        self.folder = folder
        self._running: dict[str, subprocess.Popen] = {}

    def start(self, name: str, command: list[str], env: Mapping[str, str] | None = None) -> subprocess.Popen:
        """Starts a process; its output goes to `folder`/NAME.log."""
        with open(self.log(name), "ab") as log:
            self._running[name] = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env=os.environ | dict(env or {}),
                start_new_session=True,
            )
        return self._running[name]

    def log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def wait_until(self, name: str, ready: Callable[[], object]) -> None:
        """Waits until `ready()` is true.

        Raises:
          TintmillError: the process ended first, or five minutes went by. The message has the last line of its log.
        """
        end = time.monotonic() + _START_SECONDS
        while not ready():
            if self._running[name].poll() is not None or time.monotonic() > end:
                said = self.log(name).read_text(errors="replace").strip().splitlines()[-1:]
                raise TintmillError(f"{name} did not start: {' '.join(said)} (all of it in {self.log(name)})")
            time.sleep(0.2)

    def kill(self, name: str) -> None:
        """Kills a process and its children at once (SIGKILL), as when its container or machine is lost."""
        process = self._running.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def list_ended(self) -> list[str]:
        """The names of the processes that ended by themselves."""
        return [name for name, process in self._running.items() if process.poll() is not None]

    def stop(self) -> None:
        """Ends all processes and their children: SIGTERM first, SIGKILL for those that stay."""
        for sent in (signal.SIGTERM, signal.SIGKILL):
            for process in self._running.values():
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, sent)
            end = time.monotonic() + _END_SECONDS
            while any(_group_lives(process) for process in self._running.values()) and time.monotonic() < end:
                time.sleep(0.05)
        self._running.clear()


def _group_lives(process: subprocess.Popen) -> bool:
    process.poll()  # a dead head that nobody waits for stays in its group as a zombie
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, 0)
        return True
    return False


@contextlib.contextmanager
def running_processes(folder: Path) -> Iterator[Processes]:
    """Processes that end with the block."""
    folder.mkdir(parents=True, exist_ok=True)
    started = Processes(folder)
    try:
        yield started
    finally:
        started.stop()


def free_ports(count: int) -> list[int]:
    """Ports of this machine that nothing listens on at this moment.

    They lie below those that systems give to outgoing connections. A port of that range may be taken by any connection
    before the server that was told its number listens.
    """
    ports = []
    with contextlib.ExitStack() as stack:
        while len(ports) < count:
            port = random.choice(_SERVER_PORTS)
            with contextlib.suppress(OSError):  # taken: another one
                stack.enter_context(socket.socket()).bind(("localhost", port))
                ports.append(port)
    return ports


def is_listening(port: int) -> bool:
    """Whether something listens on a port of this machine."""
    with contextlib.suppress(OSError), socket.create_connection(("localhost", port), timeout=1):
        return True
    return False


def read_json(url: str) -> dict:
    """The JSON object at an address; an empty one while nothing answers there."""
    with contextlib.suppress(OSError, ValueError), urllib.request.urlopen(url, timeout=5) as answer:
        return json.load(answer)
    return {}


def start_worker_pool(group: Processes, port: int, env: Mapping[str, str] | None = None) -> None:
    """Starts Beam's pool of Python workers. The pool starts a worker whenever a node of the engine asks for one.

    Args:
      env: environment of the workers, beside that of this process. Beam starts the `python` that is first on PATH; by
        default it is the one that runs this process.
    """
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    command = [sys.executable, "-m", "tintmill.launch.local_cluster.worker_pool", f"--service_port={port}"]
    group.start("worker-pool", command, {"PATH": path} | dict(env or {}))
    group.wait_until("worker-pool", lambda: is_listening(port))
