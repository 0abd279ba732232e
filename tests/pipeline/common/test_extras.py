"""What is not installed is named with the line that installs it; colouring needs none of it."""

import json
import subprocess
import sys

import pytest

from tests.support import helpers
from tintmill.pipeline.common import extras

# Finds none of the modules that an extra installs, as where they are not installed.
BLOCK = """
import sys
from tintmill.pipeline.common.extras import find_extra

class Absent:
    def find_spec(self, name, path=None, target=None):
        if find_extra(name):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
from tintmill.launch import cli
sys.exit(cli.main(sys.argv[1:]))
"""


def run_without_extras(*arguments, cwd) -> subprocess.CompletedProcess:
    line = [sys.executable, "-c", BLOCK, *map(str, arguments)]
    return subprocess.run(line, cwd=cwd, capture_output=True, text=True, timeout=helpers.TIMEOUT)


def test_a_picture_is_coloured_and_scored_without_any_extra(tmp_path):
    folder = tmp_path / "photos"
    helpers.write_photos(folder, 2, classes=("cat",))
    first = next(folder.rglob("*.jpg"))
    done = run_without_extras("colorize", first, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert first.with_name(f"{first.stem}_coloured.jpg").exists()
    done = run_without_extras("evaluate", f"--truth={folder}", "--output=scores", "--resize=none", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "scores" / "metrics.json").exists()


@pytest.mark.parametrize(
    ("arguments", "package", "extra"),
    [
        (["prepare", "--input=photos", "--output=out", "--name=mine"], "", "prepare"),
        (["networks"], "", "train"),
        (["colorize", "gs://bucket/a.jpg", "--output=out"], "google", "cloud"),
        (["colorize", "film.mp4", "--output=out"], "", "video"),
    ],
)
def test_a_command_whose_extra_is_missing_names_the_line_to_type(tmp_path, arguments, package, extra):
    helpers.write_photos(tmp_path / "photos", 1)
    (tmp_path / "film.mp4").write_bytes(b"")
    done = run_without_extras(*arguments, cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    last = helpers.last_line(done.stderr)
    assert "pip install '" in last
    assert f"[{extra}]'" in last
    assert package in last
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("extra", sorted(set(extras.EXTRA_OF.values())))
def test_an_extra_can_be_installed(extra):
    assert f'    "{extra}":' in (helpers.ROOT / "setup.py").read_text()


def test_modules_of_other_origin_are_of_no_extra():
    assert extras.find_extra("numpy") is None
    assert extras.explain_missing(ModuleNotFoundError("no", name="numpy.linalg")) is None
    assert extras.find_extra("google.cloud.storage") == "cloud"
    assert extras.find_extra("google.cloud.dataflow_v1beta3.types") == "dataflow"


class Distribution:
    def __init__(self, url: str | None):
        self._url = url

    def read_text(self, name: str) -> str | None:
        return self._url and json.dumps({"url": self._url})


@pytest.mark.parametrize(("exists", "scheme"), [(True, "file"), (False, "file"), (True, "https")])
def test_the_line_installs_from_where_tintmill_came(tmp_path, monkeypatch, exists, scheme):
    wheel = tmp_path / "the wheel.whl"
    if exists:
        wheel.touch()
    url = wheel.as_uri().replace("file", scheme, 1)
    monkeypatch.setattr(extras.importlib.metadata, "distribution", lambda name: Distribution(url))
    origin = wheel if exists and scheme == "file" else "tintmill"
    assert extras.install_line("train") == f"pip install '{origin}[train]'"
