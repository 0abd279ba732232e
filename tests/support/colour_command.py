"""Shared by the tests of colorize's output: files that are given, what is found in an output and its log."""

import io
import json
import subprocess
import tarfile
import zipfile
from pathlib import Path

from tests.support import fake_colouring, gcs, helpers
from tintmill.model.output import log as colour_log

PICTURE = helpers.encode(helpers.photo_pixels(0), "JPEG")
SCAN = helpers.encode(helpers.photo_pixels(1), "TIFF")
DRAWING = helpers.encode(helpers.photo_pixels(2))


def zipped(pictures: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in pictures.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def tarred(pictures: dict[str, bytes], compression: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=f"w:{compression}") as archive:
        for name, data in pictures.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def outputs(folder: Path) -> set[str]:
    names = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    return names - {colour_log.NAME}


def log_of(output: Path) -> list[dict]:
    return [json.loads(line) for line in (output / colour_log.NAME).read_text().splitlines()]


def state(folder: Path) -> dict[str, tuple[int, bytes]]:
    """When each file was written, and what is in it."""
    return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.rglob("*") if path.is_file()}


def coloured_since(out: Path, lines: int) -> set[str]:
    return {Path(line["input"]).name for line in log_of(out)[lines:]}


def start(tmp_path: Path, *arguments, stderr=subprocess.PIPE) -> subprocess.Popen:
    """The command in a process of its own, at most five pictures a second."""
    run = fake_colouring.make_run(tmp_path / "run")
    env = {"TINTMILL_TEST_SECONDS": "0.2", "PYTHONPATH": str(helpers.ROOT)}
    return helpers.start(fake_colouring.command_line(run, *arguments), env, stderr)


def objects(bucket: gcs.Bucket, below: str = "out/") -> set[str]:
    return {name.removeprefix(below) for name in bucket.names() if name.startswith(below)} - {colour_log.NAME}


def remote_log(bucket: gcs.Bucket) -> list[dict]:
    return [json.loads(line) for line in bucket.get(f"out/{colour_log.NAME}").splitlines()]
