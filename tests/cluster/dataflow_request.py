"""Runs a `tintmill` command as far as its request to Dataflow, and keeps that: `python -m ... FOLDER COMMAND FLAGS`.

FOLDER gets request.json, the request as Google's client would send it, and below staged/ what was to be uploaded.
Beam's own code makes both; in place of the network stand three functions, and a connection is an error.
"""

import socket
import sys
from pathlib import Path

from apache_beam.io.gcp import gcsio
from apache_beam.runners.dataflow.internal import apiclient

from tintmill.launch import cli


class _Sent(BaseException):
    """The request is written. No Exception: nothing on the way may take it for a failure of the job."""


def main(folder: Path, command: list[str]) -> None:
    def stage(client, place, name, stream, mime_type="", total_size=None):
        path = folder / "staged" / f"{place}/{name}".removeprefix("gs://")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(stream.read())

    def create_job(client, request):
        (folder / "request.json").write_text(type(request).to_json(request))
        raise _Sent

    def connect(*arguments):
        raise AssertionError(f"a connection to {arguments[1:]}")

    socket.socket.connect = socket.getaddrinfo = connect
    gcsio.GcsIO.is_soft_delete_enabled = lambda *arguments: False
    apiclient.DataflowApplicationClient.stage_file = stage
    apiclient.dataflow.JobsV1Beta3Client.create_job = create_job
    try:
        sys.exit(cli.main(command))
    except _Sent:
        sys.exit(0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
