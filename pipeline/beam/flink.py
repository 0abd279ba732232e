"""Cancels a job on Flink by Flink's own REST interface: Beam's job server forgets a job that it is told to cancel, and
the job goes on.
"""

import contextlib
import json
import urllib.request


def cancel(master: str, name: str) -> None:
    """Cancels the unfinished jobs of that name; nothing happens where Flink is out of reach.

    Args:
      master: HOST:PORT of the JobManager, with its scheme if that is not http.
    """
    master = master if "://" in master else f"http://{master}"
    with contextlib.suppress(OSError, ValueError):
        for job in json.loads(_ask("GET", f"{master}/jobs/overview"))["jobs"]:
            if job["name"] == name and job["state"] not in ("FINISHED", "CANCELED", "FAILED"):
                _ask("PATCH", f"{master}/jobs/{job['jid']}?mode=cancel")


def _ask(method: str, url: str) -> bytes:
    with urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=10) as answer:
        return answer.read()
