"""Google Cloud Storage for the tests: fake-gcs-server in a process of its own, behind a proxy that makes faults.

fake-gcs-server keeps preconditions of uploads, generations and ranges as the real thing does; what it does not keep
(preconditions of downloads and deletes, matchGlob, asking how far an upload came), the product does not use.

Why fake-gcs-server (Go), and not PyPI's gcp-storage-emulator: of 8 threads that create one object under
`ifGenerationMatch=0`, that one (2026.7.19) let all 8 through, and it answers for generations that are gone.
fake-gcs-server 1.56.1 let one through in each of 30 rounds, and refuses stale generations.
"""

import contextlib
import ctypes
import dataclasses
import http.client
import http.server
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator

from tests.support import helpers
from tintmill.launch.local_cluster.processes import free_ports

SERVER = "fake-gcs-server"
_HOP_BY_HOP = {"connection", "host", "keep-alive", "transfer-encoding", "content-length"}
_PR_SET_PDEATHSIG = 1


def find_server() -> str | None:
    """Where `make` installs it, beside this Python, or anywhere on the PATH."""
    return shutil.which(SERVER, path=os.pathsep.join([os.path.dirname(sys.executable), os.environ.get("PATH", "")]))


@dataclasses.dataclass
class Fault:
    """What happens to the next `times` requests of this method whose path matches."""

    method: str
    path: str
    happen: Callable[["_Handler", bytes], None]
    times: int = 10**9


class Storage:
    """The server's address as its clients know it, the faults to come, and what was asked so far."""

    def __init__(self, port: int, server_port: int):
        self.url, self.server_port = f"http://127.0.0.1:{port}", server_port
        self.requests: list[tuple[str, str]] = []
        self.sent = 0  # bytes of answers
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def forget(self) -> None:
        """No faults, and nothing asked."""
        self._faults.clear()
        self.requests.clear()
        self.sent = 0

    def fault(self, method: str, path: str, happen: Callable, times: int = 10**9) -> None:
        self._faults.append(Fault(method, path, happen, times))

    def count(self, method: str, path: str) -> int:
        """How many requests there were of this kind."""
        return sum(one == method and re.search(path, two) is not None for one, two in self.requests)

    def take(self, method: str, path: str) -> Fault | None:
        """Notes a request; returns the fault that it meets."""
        with self._lock:
            self.requests.append((method, path))
            for fault in self._faults:
                if fault.times and fault.method == method and re.search(fault.path, path):
                    fault.times -= 1
                    return fault
        return None


def answer(status: int, message: str = "fault of the test", **headers: str) -> Callable:
    """The server is not asked; this is the answer."""
    body = f'{{"error": {{"code": {status}, "message": "{message}"}}}}'.encode()
    return lambda handler, _: handler.send_answer(status, {"Content-Type": "application/json", **headers}, body)


def reset_in_the_body(handler: "_Handler", request: bytes) -> None:
    """Half of the answer, then the connection is reset."""
    status, headers, body = handler.ask_server(request)
    handler.send_answer(status, headers, body, cut=len(body) // 2)
    handler.reset()


def cut_the_upload(handler: "_Handler", request: bytes) -> None:
    """The connection is reset while the request's body is sent: the server never sees it."""
    handler.reset()


def lose_the_answer(handler: "_Handler", request: bytes) -> None:
    """The server does what it is asked, and its answer is lost."""
    handler.ask_server(request)
    handler.reset()


def flip_a_byte(handler: "_Handler", request: bytes) -> None:
    """The answer's body is wrong in one byte, its checksum is the true one's."""
    status, headers, body = handler.ask_server(request)
    handler.send_answer(status, headers, bytes([body[0] ^ 1]) + body[1:])


def then(action: Callable[[], None]) -> Callable:
    """Something happens just before the server is asked."""

    def happen(handler: "_Handler", request: bytes) -> None:
        action()
        handler.send_answer(*handler.ask_server(request))

    return happen


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    storage: Storage

    def _handle(self) -> None:
        fault = self.storage.take(self.command, self.path)
        length = int(self.headers.get("Content-Length") or 0)
        if fault and fault.happen is cut_the_upload:
            self.rfile.read(length // 2)
            fault.happen(self, b"")
            return
        request = self.rfile.read(length)
        if fault:
            fault.happen(self, request)
        else:
            self.send_answer(*self.ask_server(request))

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _handle

    def ask_server(self, request: bytes) -> tuple[int, dict[str, str], bytes]:
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP_BY_HOP}
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.storage.server_port)) as server:
            server.request(self.command, self.path, request, headers)
            found = server.getresponse()
            kept = {name: value for name, value in found.getheaders() if name.lower() not in _HOP_BY_HOP}
            return found.status, kept, found.read()

    def send_answer(self, status: int, headers: dict[str, str], body: bytes, cut: int | None = None) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:cut])
        self.storage.sent += len(body[:cut])
        self.wfile.flush()

    def reset(self) -> None:
        """Closes so that the other side sees a reset, not an end."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.shutdown(socket.SHUT_RD)
        self.close_connection = True
        self.connection.close()

    def finish(self) -> None:
        with contextlib.suppress(OSError, ValueError):  # after a reset there is nothing to flush to
            super().finish()

    def log_message(self, *_) -> None:
        pass


class _Proxy(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_) -> None:
        """Clients that are killed or reset leave here; they are what is tested."""


@contextlib.contextmanager
def running(server: str) -> Iterator[Storage]:
    """The server and the proxy before it, until the end of the block; nothing is left behind, or on disk."""
    port, server_port = free_ports(2)
    storage = Storage(port, server_port)
    line = [server, "-backend=memory", "-scheme=http", "-host=127.0.0.1", f"-port={server_port}", "-log-level=error"]
    process = subprocess.Popen(
        [*line, f"-external-url={storage.url}", f"-public-host=127.0.0.1:{port}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL),
    )
    proxy = _Proxy(("127.0.0.1", port), type("Handler", (_Handler,), {"storage": storage}))
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    try:
        helpers.wait_until(lambda: _listens(server_port), process)
        yield storage
    finally:
        proxy.shutdown()
        proxy.server_close()
        process.kill()
        process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


class Bucket:
    """A bucket of one test's own, looked at with Google's client."""

    def __init__(self, storage: Storage, name: str):
        from google.cloud.storage import Client

        self.storage, self.url = storage, f"gs://{name}"
        self._bucket = Client(project="test").create_bucket(name)

    def __truediv__(self, name: str) -> str:
        return f"{self.url}/{name}"

    def put(self, name: str, data: bytes) -> int:
        """Returns the new generation."""
        blob = self._bucket.blob(name)
        blob.upload_from_string(data)
        return blob.generation

    def get(self, name: str) -> bytes:
        return self._bucket.blob(name).download_as_bytes()

    def delete(self, name: str) -> None:
        self._bucket.blob(name).delete()

    def upload(self, folder, below: str) -> None:
        """All files of a local folder."""
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                self.put(f"{below}/{path.relative_to(folder)}", path.read_bytes())

    def names(self) -> list[str]:
        return [blob.name for blob in self._bucket.list_blobs()]
