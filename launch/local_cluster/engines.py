"""Flink and Spark with Beam's job servers: fetched once by pip and Maven, pinned by version and sha256.

The engines are their releases on PyPI. A job server is put together from Beam's own libraries on Maven, because the job
server in one file, which holds the same classes, is not to be had everywhere. These libraries are of another release
than Beam's Python side. The two sides talk by Beam's protocol, and `make test-cluster` runs them together.
"""

import dataclasses
import fcntl
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from tintmill.launch.local_cluster import jars
from tintmill.pipeline.common import files
from tintmill.pipeline.common.errors import TintmillError

JAVA_BEAM = "2.62.0"  # the newest whose runners for Flink and Spark, and job service, were all found on Maven

# Packages of java.base that Java 17 keeps shut; Flink's and Spark's own start scripts open them.
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
    """An engine, and the job server that Beam submits to it with.

    Beside this module, NAME.pom.xml lists what Maven fetches for the job server, and NAME.sha256 pins what that was.

    Attributes:
      package: name of the source distribution on PyPI.
      sha256: of that distribution.
      jars: patterns of the files in it that are a node's class path.
      driver: main class of the job server.
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
    """Java's flags that open `OPENED_PACKAGES`."""
    return [f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in OPENED_PACKAGES]


def job_server_jar(engine: Engine) -> Path:
    """The file that Beam's runners start by `java -jar`."""
    return home(engine) / "job-server.jar"


def class_path(engine: Engine) -> str:
    """The class path of the engine's nodes, for `java -cp`."""
    return ":".join(map(str, _engine_jars(engine, home(engine))))


def _engine_jars(engine: Engine, folder: Path) -> list[Path]:
    return sorted(path for pattern in engine.jars for path in (folder / "engine").glob(pattern))


def home(engine: Engine) -> Path:
    """The folder that a fetched engine lies in."""
    return Path(files.cache_folder(), f"{engine.name}-{engine.version}-beam-{JAVA_BEAM}")


def fetch(engine: Engine) -> None:
    """Fetches an engine unless it was fetched before. The folder appears whole, so that a stopped fetch leaves none.

    Raises:
      TintmillError: Java or Maven is missing, Maven or pip fails, or a file is not the pinned one.
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
    job_server = folder / "job-server"
    _copy_dependencies(engine, folder, job_server)
    jars.check_pinned(job_server, jars.pins_path(engine.name).read_text())
    jars.drop_doubles(job_server, _engine_jars(engine, folder))
    both = [*sorted(job_server.glob("*.jar")), *_engine_jars(engine, folder)]
    jars.write_launcher(folder / "job-server.jar", engine.driver, both, OPENED_PACKAGES)


def _copy_dependencies(engine: Engine, build: Path, target: Path) -> None:
    """Has Maven copy Beam's libraries for an engine into `target`."""
    pom = Path(__file__).parent / f"{engine.name}.pom.xml"
    flags = ("-q", "-B", "-DincludeScope=runtime", f"-DoutputDirectory={target}", f"-Dbeam.version={JAVA_BEAM}")
    _run("mvn", *flags, f"--file={pom}", f"-DbuildDirectory={build}", "dependency:copy-dependencies")


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stdout + done.stderr).strip().splitlines() or ["nothing said"]
        errors = [line for line in said if "ERROR" in line.upper()] or said[-1:]
        raise TintmillError(f"`{' '.join(command[:4])} ...` failed: {errors[0]}")


def write_pins(engine: Engine) -> None:
    """Pins what Maven fetches for an engine now, without comparing it with what was pinned before."""
    with tempfile.TemporaryDirectory() as place:
        target = Path(place, "jars")
        _copy_dependencies(engine, Path(place), target)
        jars.pins_path(engine.name).write_text("".join(f"{line}\n" for line in jars.list_pins(target)))


if __name__ == "__main__":  # `make lock-engines`
    for one in (FLINK, SPARK):
        write_pins(one)
