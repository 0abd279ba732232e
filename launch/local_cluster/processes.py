"""The processes of a local cluster: started with a log each, waited for, ended together."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

from tintmill.pipeline.common.errors import TintmillError

_START_SECONDS = 120  # until a node answers; a JVM on a busy machine takes ten
_END_SECONDS = 20


class Processes:
    """Named processes, each at the head of a group of its own: whoever ends one ends its children too."""

    def __init__(self, folder: Path):
        self.folder = folder
        self._running: dict[str, subprocess.Popen] = {}

    def start(self, name: str, command: list[str], env: Mapping[str, str] | None = None) -> subprocess.Popen:
        """Starts a process; what it says goes to `folder`/NAME.log."""
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

    def wait_until(self, name: str, ready) -> None:
        """Waits until `ready()` is true of a process.

        Raises:
          TintmillError: it ended first, or that took two minutes; with its last line.
        """
        end = time.monotonic() + _START_SECONDS
        while not ready():
            if self._running[name].poll() is not None or time.monotonic() > end:
                said = self.log(name).read_text(errors="replace").strip().splitlines()[-1:]
                raise TintmillError(f"{name} did not start: {' '.join(said)} (all of it in {self.log(name)})")
            time.sleep(0.2)

    def kill(self, name: str) -> None:
        """kill -9 of a process and its children, as when its container or machine is lost."""
        process = self._running.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def died(self) -> list[str]:
        """The names of the processes that ended by themselves."""
        return [name for name, process in self._running.items() if process.poll() is not None]

    def stop(self) -> None:
        """Ends all, children included: those asked in vain are killed."""
        for sent in (signal.SIGTERM, signal.SIGKILL):
            for process in self._running.values():
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, sent)
            end = time.monotonic() + _END_SECONDS
            while any(_group_lives(process) for process in self._running.values()) and time.monotonic() < end:
                time.sleep(0.05)
        self._running.clear()


def _group_lives(process: subprocess.Popen) -> bool:
    process.poll()  # or the dead head would stay, as a zombie, in its group
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, 0)
        return True
    return False


@contextlib.contextmanager
def processes(folder: Path) -> Iterator[Processes]:
    """Processes that end when the block ends."""
    folder.mkdir(parents=True, exist_ok=True)
    started = Processes(folder)
    try:
        yield started
    finally:
        started.stop()


def free_ports(count: int) -> list[int]:
    """Ports of this machine that nothing listens on at this moment."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("localhost", 0))
        return [one.getsockname()[1] for one in sockets]


def answers(port: int) -> bool:
    """Whether something listens on a port of this machine."""
    with contextlib.suppress(OSError), socket.create_connection(("localhost", port), timeout=1):
        return True
    return False


def read_json(url: str) -> dict:
    """What a process says of itself at an address; nothing while it does not answer."""
    with contextlib.suppress(OSError, ValueError), urllib.request.urlopen(url, timeout=5) as answer:
        return json.load(answer)
    return {}


def start_worker_pool(group: Processes, port: int, env: Mapping[str, str] | None = None) -> None:
    """Starts Beam's pool of Python workers, which starts a worker whenever a node of the engine asks it to.

    Args:
      env: beside this process's environment. Beam starts the `python` that is first on PATH: by default this one.
    """
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    command = [sys.executable, "-m", "tintmill.launch.local_cluster.worker_pool", f"--service_port={port}"]
    group.start("worker-pool", command, {"PATH": path} | dict(env or {}))
    group.wait_until("worker-pool", lambda: answers(port))
