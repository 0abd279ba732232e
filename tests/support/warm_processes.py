"""Python programs as processes of their own that need not import TensorFlow again: forks of `warm_server`.

Importing TensorFlow takes longer than most of what is tested. Each pytest worker keeps one server, which starts with
the first such process. A forked process is a child of pytest's own, like any other: its id, its group, signals and exit
codes are real. It differs in this: TensorFlow is in `sys.modules` from the start, and the seed of Python's hashes and
what libraries read from the environment at their import are the server's. So where the environment differs from the
server's by more than `FREE`, and where the system is not Linux, an ordinary process is started instead.
"""

import contextlib
import ctypes
import dataclasses
import functools
import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

from tests.support.warm_server import Request

_ROOT = Path(__file__).resolve().parents[2]
_PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h: orphans below this process become its children

# Programs that import TensorFlow: modules, and commands of `tintmill`.
MODULES = ("tests.support.toy_networks", "tests.support.virtual_workers")
COMMANDS = ("prepare", "train", "evaluate", "colorize", "export", "networks", "web")

# Variables that no library reads at its import.
FREE = {
    "PATH",
    "PYTEST_CURRENT_TEST",
    "STORAGE_EMULATOR_HOST",
    "TF_CONFIG",
    "TINTMILL_TEST_DATA",
    "TMPDIR",
    "XDG_CACHE_HOME",
}

_START = 900  # seconds until a server that does not answer is an error; its first answer waits for the import
_enabled = True


@functools.lru_cache(maxsize=1)
def server_environment() -> dict[str, str]:
    """The environment at the first call, which conftest.py makes when all tests are imported and none has run."""
    return {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}


class _Server:
    """The process that forks, and the channel to it."""

    def __init__(self):
        self._lock = threading.Lock()
        self._channel, other = socket.socketpair()
        self._channel.settimeout(_START)
        with other:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.warm_server", str(other.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[other.fileno()],
                cwd=_ROOT,
                env=server_environment(),
            )

    def fork(self, request: Request, streams: list[int]) -> int:
        """Starts a process, which is then a child of this one; returns its id."""
        content = json.dumps(dataclasses.asdict(request)).encode()
        with self._lock:
            _prctl(_PR_SET_CHILD_SUBREAPER, 1)
            try:
                socket.send_fds(self._channel, [len(content).to_bytes(4, "big")], streams)
                self._channel.sendall(content)
                answer = self._channel.recv(4, socket.MSG_WAITALL)
            finally:
                _prctl(_PR_SET_CHILD_SUBREAPER, 0)
        if len(answer) < 4:
            raise RuntimeError(f"the server of warm processes ended with code {self._process.wait()}")
        return int.from_bytes(answer, "big")


def _prctl(option: int, value: int) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0):
        raise OSError(ctypes.get_errno(), f"prctl({option}, {value})")


_server = functools.lru_cache(maxsize=1)(_Server)


class _Popen(subprocess.Popen):
    """`subprocess.Popen` of [python, -m or -c, ...] whose process the server forks."""

    def _execute_child(
        self, args, executable, preexec_fn, close_fds, pass_fds, cwd, env, startupinfo, creationflags, shell,
        p2cread, p2cwrite, c2pread, c2pwrite, errread, errwrite, restore_signals,
        gid, gids, uid, umask, start_new_session, process_group,
    ):  # fmt: skip
        streams = [given if given != -1 else own for own, given in enumerate((p2cread, c2pwrite, errwrite))]
        request = Request(list(args[1:]), dict(env), str(cwd), start_new_session, process_group)
        self.pid = _server().fork(request, streams)
        self._child_created = True
        self._close_pipe_fds(p2cread, p2cwrite, c2pread, c2pwrite, errread, errwrite)


def popen(arguments: list[str], env: dict | None = None, cwd=None, **options) -> subprocess.Popen:
    """`subprocess.Popen`, forked from the server where the program imports TensorFlow and that is the same.

    Args:
      options: text, errors, encoding, stdin, stdout, stderr, start_new_session, process_group.
    """
    environment = dict(os.environ if env is None else env)
    if not _can_fork(arguments, environment):
        return subprocess.Popen(arguments, env=environment, cwd=cwd, **options)
    return _Popen(arguments, env=environment, cwd=cwd or os.getcwd(), **options)


def _can_fork(arguments: list[str], environment: dict[str, str]) -> bool:
    if sys.platform != "linux" or not _enabled or not _imports_tensorflow(arguments):
        return False
    theirs = server_environment()
    different = {name for name in theirs.keys() | environment.keys() if theirs.get(name) != environment.get(name)}
    return different <= FREE


def _imports_tensorflow(arguments: list[str]) -> bool:
    match arguments:
        case [sys.executable, "-c", program, *_]:
            return "tensorflow" in program or "keras" in program
        case [sys.executable, "-m", "tintmill.launch.cli", command, *_]:
            return command in COMMANDS
        case [sys.executable, "-m", program, *_]:
            return program in MODULES
        case _:
            return False


@contextlib.contextmanager
def fresh_processes_only():
    """Until the block ends, every process is a new one: for tests of kills at any moment, the start included."""
    global _enabled
    before, _enabled = _enabled, False
    try:
        yield
    finally:
        _enabled = before


def run(arguments: list[str], timeout: float, **options) -> subprocess.CompletedProcess:
    """`subprocess.run` with captured stdout and stderr, of what `popen` takes.

    Raises:
      subprocess.TimeoutExpired: it took longer than `timeout` seconds; it has been killed.
    """
    with popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options) as process:
        try:
            stdout, stderr = process.communicate(timeout=timeout)
        except BaseException:
            process.kill()
            raise
    return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)
