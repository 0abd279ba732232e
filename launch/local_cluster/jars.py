"""Folders of jars: pinned by sha256, no class from two of them, and one jar that starts them all."""

import hashlib
import os
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path

from tintmill.pipeline.common.errors import TintmillError

_PINS = Path(__file__).parent
_LONGEST = 72  # bytes of a line of a manifest, by Java's specification of jars


def pins_path(engine: str) -> Path:
    """The file with the pins of an engine's job server: a line `sha256  NAME` for each jar."""
    return _PINS / f"{engine}.sha256"


def list_pins(folder: Path) -> list[str]:
    """The lines of a file of pins for a folder of jars."""
    paths = sorted(folder.glob("*.jar"))
    return [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}" for path in paths]


def check_pinned(folder: Path, pins: str) -> None:
    """Compares a folder of jars with the text of a file of pins.

    Raises:
      TintmillError: a jar differs, is missing, or is not pinned; the message names the first one.
    """
    wanted = dict(reversed(line.split()) for line in pins.splitlines())
    found = dict(reversed(line.split()) for line in list_pins(folder))
    for name in sorted(wanted.keys() | found.keys()):
        if wanted.get(name) != found.get(name):
            raise TintmillError(
                f"{name}: its sha256 is {found.get(name)}, pinned was {wanted.get(name)}; if that is meant, "
                "write the pins anew (`make lock-engines`)"
            )


def drop_doubles(job_server: Path, engine_jars: Sequence[Path]) -> None:
    """Removes from the job server's folder what the engine brings itself: its own version of a class must win.

    Guava is the exception. Beam's options need a newer one than Spark's of 2013, in Spark's executors too, and Spark
    itself uses a copy under another name. So the job server's guava takes the place of the engine's.
    """
    engine = {_artifact_name(path): path for path in engine_jars}
    for path in job_server.glob("*.jar"):
        name = _artifact_name(path)
        if name == "guava" and name in engine:
            engine[name].unlink()
            os.rename(path, engine[name].parent / path.name)
        elif name in engine:
            path.unlink()


def _artifact_name(path: Path) -> str:
    """A jar's name without its version."""
    return re.sub(r"-\d[^/]*\.jar$", "", path.name)


def write_launcher(launcher: Path, main_class: str, jars: Sequence[Path], opened_packages: Sequence[str]) -> None:
    """Writes a jar that holds a manifest alone, for `java -jar`.

    Args:
      jars: the class path; the manifest names them relative to the launcher's folder.
      opened_packages: packages of java.base that Java 17 keeps shut otherwise.
    """
    manifest = {
        "Manifest-Version": "1.0",
        "Main-Class": main_class,
        "Class-Path": " ".join(path.relative_to(launcher.parent).as_posix() for path in jars),
        "Add-Opens": " ".join(f"java.base/{package}" for package in opened_packages),
    }
    lines = [_wrap(f"{name}: {value}") for name, value in manifest.items()]
    with zipfile.ZipFile(launcher, "w") as jar:
        jar.writestr("META-INF/MANIFEST.MF", "".join(lines) + "\r\n")


def _wrap(line: str) -> str:
    """The manifest's line, continued behind a space where it is too long."""
    rest = range(_LONGEST, len(line), _LONGEST - 1)
    return line[:_LONGEST] + "".join(f"\r\n {line[i : i + _LONGEST - 1]}" for i in rest) + "\r\n"
