"""A process that has imported TensorFlow and forks itself for each command of a test; `warm_processes` talks to it.

python -m tests.support.warm_server FD, where FD is a Unix socket

A request is four bytes of length and that many bytes of JSON (`Request`), with stdin, stdout and stderr as file
descriptors. The answer is the id of the process that runs it, in four bytes. Nothing here runs an operation of
TensorFlow: its threads start with the first one, in the process that needs them.
"""

import atexit
import dataclasses
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import sys
import tempfile
import threading
import time
import types

# What `prepare`, `train` and `colorize` import sooner or later, apart from the product's own modules.
LIBRARIES = (
    "numpy.random",
    "keras",
    "tensorflow_datasets",
    "apache_beam",
    "apache_beam.runners.portability.fn_api_runner.fn_runner",
    "scipy.ndimage",
    "skimage.color",
    "skimage.metrics",
)


@dataclasses.dataclass(frozen=True)
class Request:
    """A Python program to run as a process of its own; `arguments` are those of the interpreter, `-m` or `-c` first."""

    arguments: list[str]
    environment: dict[str, str]
    folder: str
    new_session: bool = False
    group: int = -1


def main() -> Request | None:
    """Serves until the other end closes, then returns None; in each forked process returns what that one is to run."""
    channel = socket.socket(fileno=int(sys.argv[1]))
    _import_libraries()
    gc.collect()
    gc.freeze()  # or each process's collections would copy the pages that they share
    try:
        while (received := _receive(channel)) is not None:
            request, streams = received
            if not (process := _fork_orphan()):
                channel.close()
                _become(request, streams)
                return request
            for stream in streams:
                os.close(stream)
            channel.sendall(process.to_bytes(4, "big"))
    except KeyboardInterrupt:
        pass  # Ctrl-C in a terminal is for pytest, which closes the channel
    return None


def _import_libraries() -> None:
    from tintmill.pipeline.common.command import quiet_libraries
    from tintmill.pipeline.common.tensorflow import import_tensorflow

    quiet_libraries()  # as the commands themselves do, before anything imports TensorFlow
    import_tensorflow()
    for name in LIBRARIES:
        importlib.import_module(name)


def _receive(channel: socket.socket) -> tuple[Request, list[int]] | None:
    length, streams, _, _ = socket.recv_fds(channel, 4, 3)
    if not length:
        return None
    content = b""
    while len(content) < int.from_bytes(length, "big"):
        content += channel.recv(1 << 16)
    return Request(**json.loads(content)), streams


def _fork_orphan() -> int:
    """Forks a process whose parent ends at once, so that pytest's process inherits it; returns 0 in it, else its id."""
    reader, writer = os.pipe()
    middle = os.fork()
    if middle:
        os.close(writer)
        os.waitpid(middle, 0)
        process = int.from_bytes(os.read(reader, 4), "big")
        os.close(reader)
        return process
    parent, process = os.getpid(), os.fork()
    if process:
        os.write(writer, process.to_bytes(4, "big"))
        os._exit(0)
    os.close(reader)
    os.close(writer)
    while os.getppid() == parent:
        time.sleep(0.001)
    return 0


def _become(request: Request, streams: list[int]) -> None:
    """Gives this process what a new one would have: its streams, environment, folder, group and random state."""
    if request.new_session:
        os.setsid()
    if request.group >= 0:
        os.setpgid(0, request.group)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    sys.stdout.reconfigure(line_buffering=os.isatty(1))
    os.chdir(request.folder)
    os.environ.clear()
    os.environ.update(request.environment)
    tempfile.tempdir = None  # it came from TMPDIR
    sys.modules["numpy.random"].seed()


def run_to_exit(request: Request) -> None:
    """Runs and ends this process as the interpreter does, but leaves modules to the system instead of clearing them.

    To clear what TensorFlow imported would copy the pages that hold it, which takes longer than most commands.
    """
    code = 0
    try:
        run(request)
    except SystemExit as end:
        if isinstance(end.code, str):
            raise  # the interpreter prints it
        code = end.code or 0
    threading._shutdown()
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError as error:
        print(f"Exception ignored in: {sys.stdout!r}\n{type(error).__name__}: {error}", file=sys.stderr)
        code = 120  # as the interpreter ends where its last output cannot be written
    os._exit(code & 0xFF)


def run(request: Request) -> None:
    """Does what the interpreter does for `-m MODULE ...` and for `-c CODE ...`."""
    kind, program, *arguments = request.arguments
    module = sys.modules["__main__"] = types.ModuleType("__main__")
    module.__builtins__ = __builtins__
    importlib.invalidate_caches()
    sys.argv = [kind, *arguments]
    if kind == "-m":
        sys.path[0] = request.folder
        runpy._run_module_as_main(program)
    else:
        sys.path[0] = ""
        exec(compile(program, "<string>", "exec"), vars(module))


if __name__ == "__main__" and (wanted := main()):
    run_to_exit(wanted)
