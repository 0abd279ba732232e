"""The worker processes of a run on this machine: started, watched and ended.

Beam's local runner starts worker processes, waits for their answers and joins them at the end. It does not look after
them. Where one dies or stands still, it waits for an answer for ever, or joins others that wait for it. So a thread
looks at the processes here. Where one is no longer well, the thread ends them all, after which nothing of Beam's waits
any more, and tells the main thread by a signal.
"""

import contextlib
import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping

from apache_beam.portability import python_urns
from apache_beam.portability.api import endpoints_pb2
from apache_beam.runners.portability.fn_api_runner import worker_handlers
from google.protobuf import json_format, text_format

from tintmill.pipeline.beam import signs_of_life
from tintmill.pipeline.beam.loopback import ADDRESS, listening_on_loopback
from tintmill.pipeline.common import log
from tintmill.pipeline.common.errors import TintmillError

_LOOK_EVERY = 0.2  # seconds
_STOPPED_SECONDS = 10.0  # that a worker may be stopped (SIGSTOP)
_END_SECONDS = 10.0  # that a worker has to end by itself once its work is done
_LEAVE_SECONDS = 30.0  # that the main thread has to come home once its workers are dead
_active: list["LocalWorkers"] = []  # the run that Beam starts workers for: none or one


class _Failed(BaseException):
    """A worker is no longer well. No Exception: nothing on the way may swallow it."""


class LocalWorkers:
    """The worker processes of one run.

    Args:
      folder: an empty folder for what the workers say.
      patience: seconds that a worker which has work may go on without a sign of life.
    """

    def __init__(self, folder: str, patience: float):
        self.failure = ""  # in words, once a worker is no longer well
        self.is_leaving = False  # the main thread needs no signal any more
        self._folder = folder
        self._patience = patience
        self._workers: list[_Worker] = []
        self._lock = threading.Lock()
        self._is_killed = False
        self._has_left = threading.Event()
        self._looked = time.monotonic()
        self._starved = ""  # in words, once a thread of this process could not be started
        self._hook = threading.excepthook
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def start(self, command: str, env: Mapping[str, str]) -> "_Worker":
        """Starts a worker by a line for the shell.

        Raises:
          TintmillError: the system starts no more processes.
        """
        env = os.environ | env | {signs_of_life.FOLDER: self._folder, "no_grpc_proxy": ADDRESS}
        with self._lock:
            if self._is_killed:
                raise _Failed
            said = os.path.join(self._folder, f"stderr-{len(self._workers)}")
            try:
                with open(said, "wb") as stderr:
                    process = subprocess.Popen(["sh", "-c", command], env=env, stderr=stderr)
            except OSError as error:
                raise TintmillError(f"its process could not be started: {error}; try fewer --workers") from error
            self._workers.append(_Worker(process, said))
            return self._workers[-1]

    def kill(self) -> None:
        """Ends all workers at once, and those that would be started later."""
        with self._lock:
            self._is_killed = True
            for worker in self._workers:
                worker.process.kill()

    def begin(self) -> None:
        threading.excepthook = self._note_starvation
        self._thread.start()

    def leave(self) -> None:
        """The main thread is back: all workers have ended, or end now."""
        self.is_leaving = True
        self._has_left.set()
        self.kill()
        self._thread.join()
        threading.excepthook = self._hook
        for worker in self._workers:
            with contextlib.suppress(subprocess.TimeoutExpired):  # the kernel cannot end it: its disk does not answer
                worker.process.wait(_END_SECONDS)

    def give_up_later(self, code: int) -> None:
        """Ends this process with `code` where the main thread does not come home, now that its workers are dead."""
        threading.Thread(target=self._give_up, args=(code,), daemon=True).start()

    def _give_up(self, code: int) -> None:
        if not self._has_left.wait(_LEAVE_SECONDS):
            why = f"a worker failed: {self.failure}" if self.failure else "ended by a signal"
            log.fail("prepare", f"{why}; run the same command again to go on")
            os._exit(code)

    def _note_starvation(self, ended: threading.ExceptHookArgs) -> None:
        """gRPC's threads that serve the workers end where they can start no others; nobody would wait less for that."""
        if isinstance(ended.exc_value, MemoryError) or "can't start new thread" in str(ended.exc_value):
            self._starved = f"the run has no memory for its threads ({ended.exc_value}); try fewer --workers"
        else:
            self._hook(ended)

    def _watch(self) -> None:
        while not self._has_left.wait(_LOOK_EVERY):
            failure = self._find_failure()
            if failure and not self._is_killed:
                self.failure = failure
                self.kill()
                self.give_up_later(1)
                signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR1)
                return

    def _find_failure(self) -> str:
        """What is wrong with a worker, in words; empty where all are well."""
        now = time.monotonic()
        # Ctrl-Z stops this process with its workers: they had no time to give a sign either.
        slept = now - self._looked > _STOPPED_SECONDS / 2
        self._looked = now
        if self._starved:
            return self._starved
        for worker in list(self._workers):
            if slept:
                worker.forgive(now)
            failure = worker.find_failure(now, self._folder, self._patience)
            if failure:
                return failure
        return self._find_idleness(now)

    def _find_idleness(self, now: float) -> str:
        """What is wrong where no worker was given work for as long as a worker may be silent; else empty."""
        waiting = [worker.idle_since for worker in self._workers if not worker.is_done]
        if not waiting or None in waiting or now - max(waiting) <= self._patience:
            return ""
        return f"all processes wait for work for {self._patience:g} s (--worker_timeout): the run itself stands still"


class _Worker:
    """A process, and what is known of it. Times are seconds of the monotonic clock."""

    def __init__(self, process: subprocess.Popen, said: str):
        self.process = process
        self.is_done = False  # it is told to end
        self.idle_since: float | None = None  # None while it works
        self._said = said
        self._stamp = ""
        self._signed = self._ran = time.monotonic()

    def end(self) -> None:
        """Waits until the process has ended by itself, for a while."""
        self.is_done = True
        try:
            self.process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()

    def forgive(self, now: float) -> None:
        """Begins to wait for a sign anew."""
        self._signed = self._ran = now
        self.idle_since = None

    def find_failure(self, now: float, folder: str, patience: float) -> str:
        """What is wrong with it, in words; empty where it is well."""
        code = self.process.poll()
        if self.is_done:
            return ""
        if code is not None:
            return self._describe_death(code)
        name = f"its process {self.process.pid}"
        if _is_stopped(self.process.pid):
            if now - self._ran > _STOPPED_SECONDS:
                return f"{name} is stopped, as by SIGSTOP, for {_STOPPED_SECONDS:g} s"
        else:
            self._ran = now
        stamp, doing = signs_of_life.read(folder, self.process.pid)
        self.idle_since = (self.idle_since or now) if doing == signs_of_life.IDLE else None
        if stamp != self._stamp or doing == signs_of_life.IDLE:
            self._stamp, self._signed = stamp, now
        if now - self._signed > patience:
            return f"{name} gives no sign of life for {patience:g} s (--worker_timeout); last: {doing or 'starting'}"
        return ""

    def _describe_death(self, code: int) -> str:
        with open(self._said, errors="replace") as f:
            lines = [line.strip() for line in f if line.strip()]
        if code == -signal.SIGKILL:
            why = f"process {self.process.pid}; -9: killed, most often for want of memory; try fewer --workers"
        else:
            why = f"process {self.process.pid}; it said: {lines[-1] if lines else 'nothing'}"
        return f"its process died with code {code} ({why})"


def _is_stopped(process: int) -> bool:
    try:
        with open(f"/proc/{process}/stat") as f:
            return f.read().rpartition(")")[2].split()[0] == "T"
    except OSError:
        return False  # it ended


@worker_handlers.WorkerHandler.register_environment(python_urns.SUBPROCESS_SDK, bytes)
class _Handler(worker_handlers.GrpcWorkerHandler):
    """Beam's handle of a worker process; takes the place of Beam's own, which starts a thread to join each process."""

    def __init__(self, command: bytes, state, provision_info, grpc_server):
        super().__init__(state, provision_info, grpc_server)
        self._command = command.decode()

    def host_from_worker(self) -> str:
        return ADDRESS

    def start_worker(self) -> None:
        control = endpoints_pb2.ApiServiceDescriptor(url=self.control_address)
        env = {  # no address for logs: what a worker logs goes to its stderr, and its last line is told where it dies
            "CONTROL_API_SERVICE_DESCRIPTOR": text_format.MessageToString(control),
            "PIPELINE_OPTIONS": json_format.MessageToJson(self.provision_info.provision_info.pipeline_options),
            "WORKER_ID": self.worker_id,
        }
        self._worker = _active[-1].start(self._command, env)

    def stop_worker(self) -> None:
        self._worker.end()


@contextlib.contextmanager
def running_workers(patience: float) -> Iterator[None]:
    """While inside, Beam's local runner starts its workers here. To be called in the main thread.

    Raises:
      TintmillError: a worker died, was stopped, or gave no sign of life for `patience` seconds while it had work.
    """
    temporary = tempfile.TemporaryDirectory(prefix="tintmill-workers-", ignore_cleanup_errors=True)
    with temporary as folder, listening_on_loopback():
        workers = LocalWorkers(folder, patience)
        try:
            with _signals_end_workers(workers):
                _active.append(workers)
                workers.begin()
                try:
                    yield
                finally:
                    workers.leave()
                    _active.remove(workers)
        except _Failed as failed:
            raise TintmillError(workers.failure or "its process was ended") from failed


@contextlib.contextmanager
def _signals_end_workers(workers: LocalWorkers) -> Iterator[None]:
    """While inside, the workers are dead before the main thread learns of a failure, of SIGTERM or of Ctrl-C.

    Beam joins its workers on the way out, and one that is stopped or is starting would never be joined.
    """

    def fail(number, frame):
        if not workers.is_leaving:
            raise _Failed

    def end_first(number, frame):
        workers.kill()
        workers.give_up_later(128 + number)
        before[number](number, frame)

    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    handlers = {signal.SIGUSR1: fail} | {number: end_first for number, old in before.items() if callable(old)}
    replaced = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in replaced.items():
            signal.signal(number, handler)
