"""Runs the job that builds a plan's shards: shows how far it is, and says in one line why it failed."""

import contextlib
import sys
import threading
from collections.abc import Iterator

from tintmill.pipeline.beam.runners import Runner
from tintmill.pipeline.common import files, log
from tintmill.pipeline.common.errors import TintmillError
from tintmill.pipeline.dataset.names import LAST_ERROR
from tintmill.pipeline.shards.reports import Reports

_LOOK_EVERY, _LOOK_EVERY_IN_A_BUCKET = 1.0, 15.0  # seconds between two looks at the reports


def build_shards(reports: Reports, runner: Runner) -> None:
    """Runs the Beam job to its end, unless nothing is left to do; committed shards are left alone.

    Raises:
      TintmillError: with the worker's last word, and how far the job came.
    """
    said = reports.plan.path(LAST_ERROR)
    _remove(said)  # of a run that was killed
    if not reports.todo:
        return
    from tintmill.pipeline.beam.job import run  # importing Beam takes seconds

    try:
        with _show_progress(reports):
            run(reports.plan, runner)
    except Exception as error:  # runners wrap a worker's exception in types of their own
        text = _read(said) or _find_message(error)
        raise TintmillError(
            f"a worker failed: {text}; {reports.built} of {reports.built + reports.todo} shards are "
            "finished and kept; run the same command again to go on"
        ) from error
    finally:
        with contextlib.suppress(TintmillError):  # of a bucket that is gone; what failed the run is told
            _remove(said)


def _read(path: str) -> str:
    """The text of a file; empty where there is none, or its bucket does not answer."""
    with contextlib.suppress(OSError, TintmillError):
        return files.read(path).decode()
    return ""


def _remove(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        files.remove(path)


def _find_message(error: Exception) -> str:
    """What a TintmillError in a worker said, out of all that a runner puts around it; else the last line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    ours = [line for line in lines if "TintmillError: " in line]
    if ours:
        return ours[0].split("TintmillError: ")[-1].split(" [while running")[0]
    return (lines or [type(error).__name__])[-1].split(" [while running")[0]


@contextlib.contextmanager
def _show_progress(reports: Reports) -> Iterator[None]:
    """While inside, shows how far the job is; afterwards `reports` knows all that is committed."""
    finished = threading.Event()
    thread = threading.Thread(target=_draw_progress, args=(reports, finished), daemon=True)
    thread.start()
    try:
        yield
    finally:
        finished.set()
        thread.join()


def _draw_progress(reports: Reports, finished: threading.Event) -> None:
    """One line, read off the committed reports, so it works on any runner; with JSON an object for each change."""
    from tqdm import tqdm

    total = sum(dict(reports.plan.counts).values())
    before = reports.built
    pause = _LOOK_EVERY_IN_A_BUCKET if files.is_remote(reports.plan.folder) else _LOOK_EVERY
    with tqdm(
        total=total,
        initial=reports.read,
        unit=" pictures",
        desc=f"{before} shards",
        smoothing=0,
        mininterval=0,
        disable=log.is_json(),
    ) as bar:
        last = False
        while not last:
            last = finished.wait(pause)
            with contextlib.suppress(TintmillError):  # a bucket does not answer; who publishes looks again
                reports.look()
            if reports.built > before:
                before = reports.built
                if log.is_json():
                    shards = before + reports.todo
                    log.say(f"{before} of {shards} shards", shards_built=before, shards=shards, pictures=reports.read)
                bar.set_description(f"{before} shards", refresh=False)
                bar.update(reports.read - bar.n)
            if sys.stderr.isatty() and not log.is_json():
                bar.refresh()  # the clock goes on between two shards; a log file wants news only
