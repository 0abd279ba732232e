"""What a command says on stderr, for people and for programs."""

import datetime
import json

import pytest
from absl import flags

from tintmill.pipeline.common import command, log
from tintmill.pipeline.common.errors import TintmillError, WrongFlagError


@pytest.fixture(autouse=True)
def in_text():
    yield
    log.use("text")


def run(error: Exception, name: str) -> int:
    """Runs a command that fails, with --log_format=`name`."""
    values = flags.FlagValues()
    flags.DEFINE_enum(log.FLAG, "text", log.FORMATS, "", flag_values=values)

    def main(_):
        log.say("  3 of 5 shards", shards_built=3)
        raise error

    return command.run("prepare", values, main, [f"--{log.FLAG}={name}"], "", {"How": (log.FLAG,)})


def test_people_get_lines(capsys):
    assert run(TintmillError("no input"), "text") == 1
    assert capsys.readouterr().err == "  3 of 5 shards\ntintmill prepare: error: no input\n"


def test_programs_get_an_object_a_line(capsys):
    assert run(WrongFlagError("--size=3: wanted 8"), "json") == 2
    first, last = map(json.loads, capsys.readouterr().err.splitlines())
    assert datetime.datetime.fromisoformat(first.pop("time")).tzinfo == datetime.UTC
    assert first == {"level": "info", "message": "3 of 5 shards", "shards_built": 3}
    del last["time"]
    assert last == {"level": "error", "message": "--size=3: wanted 8", "command": "prepare"}
