"""What is installed: the one package `tintmill`, with all of its modules and the files that they read."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.support.helpers import ROOT, TIMEOUT
from tests.support.source_tree import DOOR, ROOMS
from tintmill.launch import cli

pytestmark = pytest.mark.slow
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
OFFLINE = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
FOR_READERS = {".md", ".jpg"}  # documents and their pictures


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel that is built of the source distribution, as pip does where it gets no wheel."""
    checkout = tmp_path_factory.mktemp("checkout")  # setuptools writes beside what it builds
    for room in ROOMS:
        shutil.copytree(ROOT / room, checkout / room, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, checkout)
    _run([sys.executable, "setup.py", "--quiet", "sdist"], checkout)
    (archive,) = (checkout / "dist").iterdir()
    _run([*PIP, "wheel", *OFFLINE, "--wheel-dir=wheels", str(archive)], checkout)
    (found,) = (checkout / "wheels").iterdir()
    return found


def _run(line: list[str], cwd: Path, env: dict[str, str] | None = None) -> str:
    more = os.environ | (env or {})
    done = subprocess.run(line, cwd=cwd, env=more, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _is_shipped(path: Path) -> bool:
    """All but documents and their pictures; the card of a built-in model and the demo's photographs are read."""
    return path.suffix not in FOR_READERS or path.name.endswith(".card.md") or path.match("history/*.jpg")


def test_tintmill_alone_lands_in_site_packages(wheel):
    top = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert top == {"tintmill", f"{'-'.join(wheel.name.split('-')[:2])}.dist-info"}


def test_the_wheel_has_every_module_and_every_file_that_they_read(wheel):
    door = DOOR.replace(".", "/")
    files = [path.relative_to(ROOT) for room in ROOMS for path in (ROOT / room).rglob("*") if path.is_file()]
    wanted = {str(path) for path in files if "__pycache__" not in path.parts and _is_shipped(path)}
    wanted = {f"tintmill/{name}" for name in wanted if not name.startswith(door)} | {"tintmill/__init__.py"}
    assert {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("tintmill/")} == wanted


def test_what_is_installed_runs_from_an_empty_folder(wheel, tmp_path):
    """Modules and templates come from the installation, not from the checkout."""
    site, elsewhere = tmp_path / "site", tmp_path / "elsewhere"
    elsewhere.mkdir()
    _run([*PIP, "install", *OFFLINE, f"--target={site}", str(wheel)], elsewhere)
    env = {"PYTHONPATH": str(site)}
    said = _run([str(site / "bin" / "tintmill"), "--help"], elsewhere, env)
    assert all(name in said for name in cli.COMMANDS)
    launch = ["launch", "--target=slurm", "--", "train", "--data=/shared/data", "--run=/shared/run"]
    assert "#SBATCH" in _run([str(site / "bin" / "tintmill"), *launch], elsewhere, env)
    where = (
        "import tintmill.launch.cli, tintmill.trainer; print(tintmill.launch.cli.__file__, tintmill.trainer.__file__)"
    )
    files = _run([sys.executable, "-c", where], elsewhere, env).split()
    assert all(Path(file).is_relative_to(site) for file in files)


def test_the_wheel_says_its_licence_and_holds_it(wheel):
    archive = zipfile.ZipFile(wheel)
    names = {Path(name).name: name for name in archive.namelist() if ".dist-info/" in name}
    assert archive.read(names["LICENSE"]) == (ROOT / "LICENSE").read_bytes()
    assert "Apache-2.0" in archive.read(names["METADATA"]).decode().split("\n\n")[0]
