"""Shared by the tests: synthetic photographs, commands in processes of their own, digests of folders.

Commands run in their own processes: TensorFlow's threads are set once a process, and TensorFlow and the `tfrecord`
package cannot live in one. `warm_processes` saves those that need TensorFlow its import.
"""

import contextlib
import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image

from tests.support import warm_processes

ROOT = Path(__file__).resolve().parents[2]  # of the repository
TIMEOUT = 900  # seconds until a hung command fails its test; far above what any takes on a busy machine


def photo_pixels(seed: int, height: int = 72, width: int = 96) -> np.ndarray:
    """A smooth colourful picture, uint8 [height, width, 3], different for every seed."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))


def encode(pixels: np.ndarray, kind: str = "PNG", **options) -> bytes:
    """Pixels as the bytes of a picture file."""
    return encode_image(Image.fromarray(pixels), kind, **options)


def encode_image(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def write_photos(folder: Path, count: int, classes: tuple[str, ...] = ("cat", "dog"), first_seed: int = 0) -> Path:
    """`count` synthetic photographs below `folder`, dealt out to class subfolders; every third one a PNG."""
    for i in range(count):
        place = folder / classes[i % len(classes)] if classes else folder
        place.mkdir(parents=True, exist_ok=True)
        kind, suffix = ("PNG", "png") if i % 3 == 0 else ("JPEG", "jpg")
        (place / f"photo_{i:03d}.{suffix}").write_bytes(encode(photo_pixels(first_seed + i), kind))
    return folder


def write_large_photos(folder: Path, count: int) -> Path:
    """Photographs of 480x360 pixels, large enough that a run can be caught in the middle."""
    for i in range(count):
        (folder / f"{i:03d}.jpg").write_bytes(encode(photo_pixels(i, 360, 480), "JPEG"))
    return folder


def write_lpips_weights(path: Path, shapes: dict[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """Random weights of a `model.lpips` network, of a size that keeps the signal; those of the lin layers positive."""
    generator = np.random.default_rng(0)
    arrays = {}
    for name, shape in shapes.items():
        values = generator.normal(0, np.sqrt(2 / np.prod(shape[1:])) if len(shape) == 4 else 0.1, shape)
        arrays[name] = (np.abs(values) if name.startswith("lin") else values).astype(np.float32)
    np.savez(path, **arrays, ignored=np.zeros(3))
    return arrays


def command_line(command: str, *arguments) -> list[str]:
    return [sys.executable, "-m", "tintmill.launch.cli", command, *map(str, arguments)]


def tintmill(command: str, *arguments, env: dict | None = None, cwd=None) -> subprocess.CompletedProcess:
    """Runs a command to its end; stdout and stderr are text."""
    line = command_line(command, *arguments)
    return warm_processes.run(line, TIMEOUT, text=True, errors="replace", env=os.environ | (env or {}), cwd=cwd)


def prepare_flags(photos, output, *flags, workers: int = 1) -> list[str]:
    """Flags of a small prepare: 32 pixels, two splits, several small shards, no embedder unless `flags` say so."""
    small = [f"--input={photos}", f"--output={output}", "--name=toy", "--size=32", "--shard_examples=8"]
    return [*small, "--splits=train:0.7,val:0.3", "--embedder=none", f"--workers={workers}", *map(str, flags)]


NO_FILTERS = ("--nodrop_grey", "--nodrop_uniform", "--nodrop_letterbox", "--nodrop_duplicates")
EMBEDDER = ("--embedder=mobilenet_v2", "--embedder_weights=random")


def prepare(photos, output, *flags, workers: int = 1, env: dict | None = None) -> Path:
    """Prepares a small dataset, which must succeed; returns its folder."""
    done = tintmill("prepare", *prepare_flags(photos, output, *flags, workers=workers), env=env)
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.strip().splitlines()[-1])


def last_line(stderr: str) -> str:
    """The last line of a command's stderr; a progress bar redraws its line by carriage returns."""
    return [line for line in stderr.replace("\r", "\n").split("\n") if line.strip()][-1]


def assert_one_line_error(done: subprocess.CompletedProcess, *parts: str, code: int = 1) -> None:
    """The command failed as a person wants it: exit code, one line that names `parts`, no traceback."""
    assert done.returncode == code, (done.returncode, done.stderr)
    assert "Traceback" not in done.stderr, done.stderr
    line = last_line(done.stderr)
    command = done.args[3]
    assert line.startswith(f"tintmill {command}: error: "), done.stderr
    assert done.stderr.count("error: ") == line.count("error: "), done.stderr
    for part in parts:
        assert part in line, line


def digests(folder: Path) -> dict[str, str]:
    """sha256 of everything in a dataset directory, by relative path: equal for equal datasets."""
    found = sorted(path for path in Path(folder).rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


def shard_files(folder: Path) -> list[Path]:
    return sorted(Path(folder).glob("*.tfrecord-*"))


def manifest(folder: Path) -> dict:
    return json.loads((Path(folder) / "manifest.json").read_text())


def run_python(code: str, *arguments, env: dict | None = None, cwd=None, flags: tuple[str, ...] = ()) -> str:
    """Runs Python source in a fresh process, which must succeed; returns its stdout."""
    done = subprocess.run(
        [sys.executable, *flags, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        env=os.environ | (env or {}),
        cwd=cwd,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def start(arguments: list[str], env: dict | None = None, stderr=subprocess.PIPE) -> subprocess.Popen:
    """Starts a command as the leader of its own process group, so that a test can kill all of it."""
    return warm_processes.popen(
        arguments,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        env=os.environ | (env or {}),
        start_new_session=True,
    )


# Makes every publishing of a file take its time, so that a run can be caught in the middle on any machine.
_SLOW_PUBLISHING = """
import os, time
_replace = os.replace

def replace(source, target, **options):
    if ".tmp-" in str(source):
        time.sleep(0.4)
    _replace(source, target, **options)

os.replace = replace
"""


def site(folder: Path, code: str) -> dict[str, str]:
    """The environment in which every Python process runs `code` at its start; `folder` will hold it."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(code)
    return {"PYTHONPATH": str(folder)}


def slow_publishing(folder: Path) -> dict[str, str]:
    """The environment of a run that is slow enough to be caught in the middle."""
    return site(folder, _SLOW_PUBLISHING)


def wait_until(condition, process: subprocess.Popen | None = None, seconds: float = TIMEOUT) -> None:
    """Waits until `condition()` holds; fails where the process ends before, or time runs out."""
    end = time.monotonic() + seconds
    while not condition():
        assert process is None or process.poll() is None, "the process ended before the condition held"
        assert time.monotonic() < end, "the condition never held"
        time.sleep(0.02)


def kill_group(process: subprocess.Popen, number: int = signal.SIGKILL) -> None:
    """Signals a process started by `start` and all its children, and reaps it."""
    with contextlib.suppress(ProcessLookupError):  # it had ended by itself
        os.killpg(process.pid, number)
    process.communicate(timeout=TIMEOUT)


def processes_of_group(group: int) -> list[int]:
    """Live processes of a process group, by /proc."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                state, _, group_id = (entry / "stat").read_text().rpartition(")")[2].split()[:3]
            except OSError:
                continue  # it ended while we looked
            if int(group_id) == group and state != "Z":
                found.append(int(entry.name))
    return found
