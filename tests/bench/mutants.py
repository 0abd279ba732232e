"""Guards taken out one by one, and whether a test notices.

    python -m tests.bench.mutants [NAME ...]

Each mutant is a change of one place of the product. It is made in a copy of this checkout, where the tests named beside
it run until the first failure. A mutant is caught if one fails. First they all run on the copy as it is, and must pass.
The tests named are few of those that `make test-all` runs: what they catch, it catches.
"""

import dataclasses
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_ROOMS = ("pipeline", "model", "trainer", "launch")
_NOT_COPIED = shutil.ignore_patterns(
    ".git", ".venv*", ".hypothesis", ".*_cache", "__pycache__", "demo", "runs", "build"
)
_HOSTILE = "tests/test_hostile_files.py"


@dataclasses.dataclass(frozen=True)
class Mutant:
    """A guard, and the change that takes it out.

    Attributes:
      name: what no longer holds.
      file: the module, whose text `old`, which it has once, becomes `new`.
      tests: what `pytest` is told to run; by default the tests of the module.
    """

    name: str
    file: str
    old: str
    new: str
    tests: str = ""

    @property
    def arguments(self) -> list[str]:
        path = Path(self.file)
        return self.tests.split() or [str("tests" / path.with_name(f"test_{path.name}"))]


MUTANTS = [
    # Checksums
    Mutant(
        "a TFRecord's header is compared with its checksum",
        "pipeline/dataset/record.py",
        "if len(header) < HEADER or masked_crc(header[:8]) != header[8:]:",
        "if len(header) < HEADER:",
        "tests/pipeline/dataset/test_record.py",
    ),
    Mutant(
        "a shard is compared with the manifest's sha256",
        "pipeline/dataset/checks.py",
        "elif hashlib.sha256(data).hexdigest() != entry.sha256:",
        "elif False:",
        "tests/pipeline/test_verify.py",
    ),
    Mutant(
        "a shard has as many records as the manifest says",
        "pipeline/dataset/checks.py",
        "if count != entry.records:",
        "if False:",
        "tests/pipeline/test_verify.py",
    ),
    Mutant(
        "an id comes once in a dataset",
        "pipeline/dataset/checks.py",
        "if key in seen:",
        "if False:",
        "tests/pipeline/test_verify.py",
    ),
    Mutant(
        "a download is compared with the bucket's CRC-32C",
        "pipeline/common/gcs.py",
        "if found == wanted:\n            return",
        "if True:\n            return",
    ),
    Mutant(
        "an upload replaces nothing that somebody else has written since",
        "pipeline/common/gcs.py",
        "if_generation_match=generation,",
        "",
        "tests/pipeline/common/test_gcs.py",
    ),
    Mutant(
        "an upload that finds other bytes in its place is refused",
        "pipeline/common/gcs.py",
        "if (found.size, found.crc32c) != (size, _hex(checksum)):",
        "if False:",
        "tests/pipeline/common/test_gcs.py",
    ),
    Mutant(
        "a staged shard is compared with the manifest's sha256",
        "trainer/input/stage.py",
        'file.seek(0)\n        if hashlib.file_digest(file, "sha256").hexdigest() != entry.sha256:',
        "file.seek(0)\n        if False:",
    ),
    Mutant(
        "a shard of the cache is read before it is used again",
        "trainer/input/stage.py",
        'if hashlib.file_digest(file, "sha256").hexdigest() == entry.sha256:\n                return',
        "if True:\n                return",
    ),
    Mutant(
        "a shard that was cut is built again",
        "pipeline/shards/resume.py",
        "return entry.size == report.bytes and entry.crc32c in (None, report.crc32c)",
        "return True",
        "tests/pipeline/shards/test_resume.py",
    ),
    Mutant(
        "an export is compared with its own sha256",
        "model/export/reader.py",
        'whole = FORMATS[self.format_name].digests(self.path) == self.description["parts"]',
        "whole = True",
        "tests/model/export/test_reader.py",
    ),
    Mutant(
        "an installed model is compared with its sha256",
        "model/builtin/catalogue.py",
        "if found != self.sha256:",
        "if False:",
    ),
    # Atomic writing
    Mutant(
        "a file is on the disk before it has its name",
        "pipeline/common/files.py",
        "os.fsync(f.fileno())\n            os.replace",
        "os.replace",
        "tests/pipeline/common/test_files.py",
    ),
    Mutant(
        "a file has its name only once it is whole",
        "pipeline/common/files.py",
        'temporary = os.path.join(os.path.dirname(path), f".tmp-{uuid.uuid4().hex}")\n    try:',
        "temporary = path\n    try:",
        "tests/pipeline/common/test_files.py",
    ),
    Mutant(
        "a file that another run is writing is left alone",
        "pipeline/common/files.py",
        "fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)",
        "pass",
        "tests/pipeline/common/test_files.py",
    ),
    Mutant(
        "the name of a study's new file of answers is on the disk",
        "launch/pages/studies/answers.py",
        "os.fsync(descriptor)",
        "pass",
    ),
    # Manifests and other JSON
    Mutant(
        "a shard's file has a plain name",
        "pipeline/dataset/names.py",
        r'SHARD = r"[a-z0-9_]+-[a-z0-9_]+\.tfrecord-\d+-of-\d+"',
        'SHARD = r".*"',
        f"tests/pipeline/dataset/test_names.py tests/pipeline/dataset/test_manifest.py {_HOSTILE}",
    ),
    Mutant(
        "a split has a plain name",
        "pipeline/dataset/names.py",
        'SPLIT = r"[a-z][a-z0-9_]{0,63}"',
        'SPLIT = r".*"',
        f"tests/pipeline/dataset/test_names.py tests/pipeline/dataset/test_manifest.py {_HOSTILE}",
    ),
    Mutant(
        "numbers are finite",
        "pipeline/common/checked_json.py",
        "if isinstance(found, float) and not math.isfinite(found):",
        "if False:",
    ),
    Mutant(
        "nesting is bounded",
        "pipeline/common/checked_json.py",
        "if depth == deepest:",
        "if False:",
    ),
    Mutant(
        "a file is bounded",
        "pipeline/common/checked_json.py",
        "if len(text) > largest:",
        "if False:",
    ),
    Mutant(
        "a key stands once in an object",
        "pipeline/common/checked_json.py",
        "if len(values) < len(pairs):",
        "if False:",
    ),
    Mutant(
        "the splits of a manifest have the records of their shards",
        "pipeline/dataset/manifest.py",
        '_check_equal(f"splits.{split}", splits[split], records, "the records of its shards")',
        "pass",
        "tests/pipeline/dataset/test_manifest.py tests/pipeline/dataset/test_totals.py",
    ),
    Mutant(
        "the fingerprint of a manifest follows from its plan",
        "pipeline/dataset/totals.py",
        '"fingerprint": (manifest.fingerprint, fingerprint(plan)),',
        "",
    ),
    Mutant(
        "the embedder of a manifest is that of the reports",
        "pipeline/dataset/totals.py",
        'pairs["embedder"] = (_identify(dataset.embedder), _identify(report.embedder))',
        "pass",
    ),
    # Models
    Mutant(
        "a run's model is loaded in safe mode",
        "model/prediction/saved_model.py",
        "compile=False, safe_mode=True",
        "compile=False, safe_mode=False",
        "tests/model/prediction/test_saved_model.py tests/model/prediction/test_keras_archive.py",
    ),
    Mutant(
        "an exported Keras model is loaded in safe mode",
        "model/export/formats/keras_file.py",
        "compile=False, safe_mode=True",
        "compile=False, safe_mode=False",
        "tests/model/export/formats tests/model/prediction/test_keras_archive.py",
    ),
    Mutant(
        "a Keras file names layers of Keras and Tintmill alone",
        "model/prediction/keras_archive.py",
        "if not _is_known(module, name, registered):",
        "if False:",
    ),
    Mutant(
        "a member of a Keras file does not inflate to more than its bound",
        "model/prediction/keras_archive.py",
        "if member.file_size > max(_SMALL, _EXPANSION * member.compress_size):",
        "if False:",
    ),
    Mutant(
        "a SavedModel only computes",
        "model/export/formats/saved_model_graph.py",
        "if odd:",
        "if False:",
        "tests/model/export/formats",
    ),
    Mutant(
        "an ONNX file names no other files for its weights",
        "model/export/formats/onnx_file.py",
        "        _refuse_external_data(path)\n",
        "",
        "tests/model/export/formats/test_onnx_file.py",
    ),
    # Pictures
    Mutant(
        "a picture has at most --max_pixels",
        "pipeline/imaging/photo.py",
        "> limits.max_pixels",
        "> 10**18",
    ),
    Mutant(
        "the scans of a JPEG are bounded",
        "pipeline/imaging/work.py",
        "while scans <= most and (found",
        "while scans <= 0 and (found",
        "tests/pipeline/imaging/test_work.py tests/pipeline/imaging/test_photo.py",
    ),
    Mutant(
        "the strips of a TIFF are counted",
        "pipeline/imaging/work.py",
        "return max(tiff.count_pages(MOST_PARTS), tiff.count_strips())",
        "return tiff.count_pages(MOST_PARTS)",
        "tests/pipeline/imaging/test_work.py tests/pipeline/imaging/test_photo.py",
    ),
    Mutant(
        "a name with a line break is shown escaped",
        "pipeline/common/display.py",
        "sign if sign.isprintable() else repr(sign)[1:-1]",
        "sign",
    ),
    # Pages
    Mutant(
        "a request of another site is refused by Sec-Fetch-Site",
        "launch/pages/guard.py",
        'if request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):',
        "if False:",
    ),
    Mutant(
        "a request of another site is refused by Origin",
        "launch/pages/guard.py",
        'return place != request.headers.get("host") and host not in self._door.names',
        "return False",
    ),
    Mutant(
        "a server answers to its own names alone",
        "launch/pages/guard.py",
        "if not self._door.knows(host):",
        "if False:",
    ),
    Mutant(
        "where there is a token, it is asked for",
        "launch/pages/guard.py",
        'if not any(name == "token" and self._is_token(value) for name, value in query):',
        "if False:",
    ),
    Mutant(
        "a server that others reach makes up a token",
        "launch/pages/door.py",
        "token = NO_TOKEN if local_only else secrets.token_urlsafe(16)",
        "token = NO_TOKEN",
    ),
    Mutant(
        "a body beyond the limit is refused",
        "launch/pages/whole_request.py",
        "if length > self._max_bytes:\n            return",
        "if False:\n            return",
    ),
    Mutant(
        "a client that sends nothing is closed",
        "launch/pages/slow_clients.py",
        "self.patience -= passed",
        "pass",
    ),
    Mutant(
        "the connections of one address are bounded",
        "launch/pages/slow_clients.py",
        "if len(same) > self.limits.connections_of_address:",
        "if False:",
    ),
    # Workers
    Mutant(
        "servers of a prepare on one machine listen on loopback alone",
        "pipeline/beam/loopback.py",
        'ADDRESS = "127.0.0.1"',
        'ADDRESS = "0.0.0.0"',
    ),
]


def check(mutants: list[Mutant]) -> None:
    """Ends where a mutant's place is no longer there once, or its tests are not there."""
    for mutant in mutants:
        count = (ROOT / mutant.file).read_text().count(mutant.old)
        if count != 1:
            sys.exit(f"{mutant.file} has {mutant.old!r} {count} times, wanted once ({mutant.name})")
        for argument in mutant.arguments:
            if not (ROOT / argument).exists():
                sys.exit(f"{argument} is not there ({mutant.name})")


def run_tests(copy: Path, arguments: list[str]) -> subprocess.CompletedProcess:
    """Runs tests of a copy until the first failure; `tintmill` is the copy's."""
    path = os.pathsep.join([str(copy / "links"), str(copy)])
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *arguments],
        cwd=copy,
        env=os.environ | {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
    )


def copy_checkout(folder: Path) -> Path:
    """A copy of this checkout, with the links by which its rooms are `tintmill`."""
    copy = folder / "copy"
    shutil.copytree(ROOT, copy, ignore=_NOT_COPIED)
    package = copy / "links" / "tintmill"
    package.mkdir(parents=True)
    (package / "__init__.py").symlink_to(copy / "launch/interface/__init__.py")
    for room in _ROOMS:
        (package / room).symlink_to(copy / room)
    return copy


def is_caught(copy: Path, mutant: Mutant) -> tuple[bool, str]:
    """Whether a test fails on a mutant, and the last line of the tests."""
    file = copy / mutant.file
    text = file.read_text()
    file.write_text(text.replace(mutant.old, mutant.new))
    try:
        done = run_tests(copy, mutant.arguments)
    finally:
        file.write_text(text)
    lines = done.stdout.splitlines()
    failed = [line for line in lines if line.startswith(("FAILED", "ERROR"))]
    return done.returncode == 1 and bool(failed), (failed or lines or [done.stderr])[-1][:160]


def main(names: list[str]) -> None:
    mutants = [mutant for mutant in MUTANTS if not names or any(name in mutant.name for name in names)]
    check(mutants)
    with tempfile.TemporaryDirectory() as folder:
        copy = copy_checkout(Path(folder))
        whole = run_tests(copy, sorted({argument for mutant in mutants for argument in mutant.arguments}))
        if whole.returncode:
            sys.exit(f"the tests fail without a mutant:\n{whole.stdout[-4000:]}{whole.stderr[-2000:]}")
        caught = 0
        for mutant in mutants:
            start = time.monotonic()
            found, said = is_caught(copy, mutant)
            caught += found
            verdict = "caught" if found else "SURVIVED"
            print(f"{verdict:8} {time.monotonic() - start:5.0f} s  {mutant.name}: {said}", flush=True)
    print(f"{caught} of {len(mutants)} caught")


if __name__ == "__main__":
    main(sys.argv[1:])
