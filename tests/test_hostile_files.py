"""Files that others may have written: whatever they hold, the commands answer in a line, and write nothing outside."""

import json
import subprocess
import sys

import pytest

from tests.support import helpers

# Targets of tests/support/hostile.py, and the least number of different damages that are tried of each.
KINDS = {
    "manifest": 200,
    **dict.fromkeys(("plan", "report", "dataset_info", "shard", "index"), 60),
    **dict.fromkeys(("settings", "run_manifest", "metrics_csv", "validation_csv", "starts", "metrics_json"), 60),
    **dict.fromkeys(("tintmill_json", "colorize_log", "study", "flag_file", "hints"), 50),
}


def tally(folder, examples: int, *targets: str) -> dict:
    line = [sys.executable, "-m", "tests.support.hostile", str(folder), str(examples), *targets]
    done = subprocess.run(line, capture_output=True, text=True, timeout=helpers.TIMEOUT, cwd=helpers.ROOT, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def tallies(tmp_path_factory) -> dict:
    others = [name for name in KINDS if name != "manifest"]
    many = tally(tmp_path_factory.mktemp("manifest"), 300, "manifest")
    return many | tally(tmp_path_factory.mktemp("others"), 120, *others)


@pytest.mark.slow
@pytest.mark.parametrize("target", KINDS)
def test_no_damage_gives_a_traceback(tallies, target):
    found = tallies[target]
    assert found["crashes"] == {}
    assert found["kinds"] >= KINDS[target]


@pytest.mark.slow
@pytest.mark.parametrize("target", KINDS)
def test_nothing_is_written_beside_the_folder(tallies, target):
    assert set(tallies[target]["left"]) <= {"whole", "outside"}  # `outside` is written by the try itself
