"""Flink and Spark with Beam's job servers: fetched once by pip and Maven, pinned by version and sha256.

The engines themselves are their releases on PyPI. Beam's job servers are put together from Beam's own libraries on
Maven: the job server in one file is not to be had everywhere, and it holds the same classes. Beam's Java side is of
another release than Beam's Python side: they talk by a protocol, and the cluster tests hold the two to it.
"""

import dataclasses
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

from tintmill.pipeline.common import files
from tintmill.pipeline.common.errors import TintmillError

JAVA_BEAM = "2.62.0"  # the newest whose runners for Flink and Spark, and job service, were all found on Maven
_HERE = Path(__file__).parent

# What Java 17 keeps shut, and Flink and Spark open for themselves.
OPENED_PACKAGES = (
    "java.io",
    "java.lang",
    "java.lang.invoke",
    "java.lang.reflect",
    "java.net",
    "java.nio",
    "java.text",
    "java.time",
    "java.util",
    "java.util.concurrent",
    "java.util.concurrent.atomic",
    "java.util.concurrent.locks",
    "sun.nio.ch",
    "sun.nio.cs",
    "sun.security.action",
    "sun.util.calendar",
)


@dataclasses.dataclass(frozen=True)
class Engine:
    """`package` is a source distribution on PyPI; `jars` are patterns of what a node needs of it; `driver` is the job
    server's main class. `NAME.pom.xml` lists what Maven fetches for the job server, and `NAME.sha256` what it came to.
    """

    name: str
    package: str
    version: str
    sha256: str
    jars: tuple[str, ...]
    driver: str


FLINK = Engine(
    name="flink",
    package="apache-flink-libraries",
    version="1.19.3",
    sha256="4a58e3a1fb7d83340bc96b6c080624c6d792d69fae5d294b96224775204a9c60",
    jars=("deps/lib/flink-dist-*.jar", "deps/lib/log4j-*.jar"),
    driver="org.apache.beam.runners.flink.FlinkJobServerDriver",
)
SPARK = Engine(
    name="spark",
    package="pyspark",
    version="3.5.9",
    sha256="ea27adc39ddac9413b8951e45aa748cbed6c785971b81386efc41938f6243d93",
    jars=("deps/jars/*.jar",),
    driver="org.apache.beam.runners.spark.SparkJobServerDriver",
)


def add_opens() -> list[str]:
    """Java's flags that open what both engines need."""
    return [f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in OPENED_PACKAGES]


def job_server_jar(engine: Engine) -> Path:
    """The job server in the form that Beam's runners start: `java -jar`."""
    return home(engine) / "job-server.jar"


def class_path(engine: Engine) -> str:
    """Of a node of the engine, for `java -cp`."""
    return ":".join(map(str, _engine_jars(engine, home(engine))))


def _engine_jars(engine: Engine, folder: Path) -> list[Path]:
    return sorted(path for pattern in engine.jars for path in (folder / "engine").glob(pattern))


def home(engine: Engine) -> Path:
    """Where an engine lies once it is fetched."""
    return Path(files.cache_folder(), f"{engine.name}-{engine.version}-beam-{JAVA_BEAM}")


def fetch(engine: Engine) -> None:
    """Fetches an engine, unless it was fetched before; a fetch that was stopped leaves nothing that looks whole.

    Raises:
      TintmillError: Java, Maven or pip is missing or fails, or something is not what it was when it was pinned.
    """
    for program in ("java", "mvn"):
        if not shutil.which(program):
            raise TintmillError(f"no {program} on PATH: a {engine.name} cluster wants Java 17 and Maven; install both")
    home(engine).parent.mkdir(parents=True, exist_ok=True)
    with open(home(engine).parent / f".{engine.name}.lock", "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another process may be fetching it
        if not home(engine).exists():
            _fetch(engine)


def _fetch(engine: Engine) -> None:
    with tempfile.TemporaryDirectory(dir=home(engine).parent, prefix=".fetching-") as temporary:
        folder = Path(temporary, "home")
        folder.mkdir()
        _fetch_distribution(engine, folder)
        _fetch_job_server(engine, folder)
        _write_launcher(engine, folder)
        os.rename(folder, home(engine))


def _fetch_distribution(engine: Engine, folder: Path) -> None:
    wanted = folder / "requirements.txt"
    wanted.write_text(f"{engine.package}=={engine.version} --hash=sha256:{engine.sha256}\n")
    source = ("--no-deps", "--no-binary=:all:", "--require-hashes", f"--requirement={wanted}")
    _run(sys.executable, "-m", "pip", "download", "--quiet", *source, f"--dest={folder}")
    archive = folder / f"{engine.package}-{engine.version}.tar.gz"
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    archive.unlink()
    os.rename(folder / f"{engine.package}-{engine.version}", folder / "engine")


def _fetch_job_server(engine: Engine, folder: Path) -> None:
    """Beam's jars without those that the engine brings: of two versions of a class the engine's own must win."""
    jars = folder / "job-server"
    _copy_dependencies(engine, folder, jars)
    check_pinned(jars, (_HERE / f"{engine.name}.sha256").read_text())
    theirs = {_artifact(path): path for path in _engine_jars(engine, folder)}
    for path in jars.glob("*.jar"):
        if _artifact(path) == "guava" and "guava" in theirs:
            # Beam's options need a newer one than Spark's of 2013, in executors too; Spark itself has a copy under
            # another name.
            theirs["guava"].unlink()
            os.rename(path, theirs["guava"].parent / path.name)
        elif _artifact(path) in theirs:
            path.unlink()


def _copy_dependencies(engine: Engine, folder: Path, jars: Path) -> None:
    pom = _HERE / f"{engine.name}.pom.xml"
    flags = ("-q", "-B", "-DincludeScope=runtime", f"-DoutputDirectory={jars}", f"-Dbeam.version={JAVA_BEAM}")
    _run("mvn", *flags, f"--file={pom}", f"-DbuildDirectory={folder}", "dependency:copy-dependencies")


def check_pinned(folder: Path, lock: str) -> None:
    """Compares a folder of jars with the lines (sha256, name) of a lock file.

    Raises:
      TintmillError: naming the first that differs.
    """
    wanted = dict(reversed(line.split()) for line in lock.splitlines())
    found = dict(reversed(line.split()) for line in lock_lines(folder))
    for name in sorted(wanted.keys() | found.keys()):
        if wanted.get(name) != found.get(name):
            raise TintmillError(
                f"{name}: its sha256 is {found.get(name)}, pinned was {wanted.get(name)}; if that is meant, "
                "write the pins anew (`make lock-engines`)"
            )


def lock_lines(folder: Path) -> list[str]:
    """The lines of a lock file for a folder of jars."""
    paths = sorted(folder.glob("*.jar"))
    return [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}" for path in paths]


def _artifact(path: Path) -> str:
    """A jar's name without its version."""
    return re.sub(r"-\d[^/]*\.jar$", "", path.name)


def _write_launcher(engine: Engine, folder: Path) -> None:
    """A jar of one manifest, which names the others: Beam's runners start their job server by `java -jar FILE`."""
    paths = [*sorted(folder.glob("job-server/*.jar")), *_engine_jars(engine, folder)]
    manifest = {
        "Manifest-Version": "1.0",
        "Main-Class": engine.driver,
        "Class-Path": " ".join(path.relative_to(folder).as_posix() for path in paths),
        "Add-Opens": " ".join(f"java.base/{package}" for package in OPENED_PACKAGES),
    }
    lines = [_wrapped(f"{name}: {value}") for name, value in manifest.items()]
    with zipfile.ZipFile(folder / "job-server.jar", "w") as jar:
        jar.writestr("META-INF/MANIFEST.MF", "".join(lines) + "\r\n")


def _wrapped(line: str) -> str:
    """A manifest's line: at most 72 bytes, continued behind a space."""
    return line[:72] + "".join(f"\r\n {line[i : i + 71]}" for i in range(72, len(line), 71)) + "\r\n"


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stdout + done.stderr).strip().splitlines() or ["nothing said"]
        errors = [line for line in said if "ERROR" in line.upper()] or said[-1:]
        raise TintmillError(f"`{' '.join(command[:4])} ...` failed: {errors[0]}")


if __name__ == "__main__":  # `make lock-engines`: pins anew what Maven fetches, without comparing it
    for one in (FLINK, SPARK):
        with tempfile.TemporaryDirectory() as place:
            _copy_dependencies(one, Path(place), Path(place, "jars"))
            (_HERE / f"{one.name}.sha256").write_text("".join(f"{line}\n" for line in lock_lines(Path(place, "jars"))))
