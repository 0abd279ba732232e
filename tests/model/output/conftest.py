"""Fixtures of the tests of colorize's output: the command without a network, and a folder that is done."""

import pytest

from tests.support import fake_colouring
from tests.support.colour_command import SCAN, tarred
from tests.support.source_files import write_files
from tintmill.model import colorize


@pytest.fixture
def colour(tmp_path, monkeypatch, capsys):
    """Runs the command on what is given; returns its exit code and what it said."""
    fake_colouring.install(monkeypatch.setattr)
    trained = fake_colouring.make_run(tmp_path / "run")

    def run(output, *arguments) -> tuple[int, str]:
        colorize.FLAGS.unparse_flags()
        code = colorize.run_command([f"--run={trained}", f"--output={output}", *map(str, arguments)])
        return code, capsys.readouterr().err

    return run


@pytest.fixture
def done(colour, tmp_path):
    """Two pictures and an archive, coloured: what was given, and the output."""
    photos = write_files(tmp_path / "photos", {"a.tif": SCAN, "b.tif": SCAN})
    (tmp_path / "more.tar.gz").write_bytes(tarred({"c.tif": SCAN, "d.tif": SCAN}, "gz"))
    given = (photos, tmp_path / "more.tar.gz")
    assert colour(tmp_path / "out", *given)[0] == 0
    return given, tmp_path / "out"
