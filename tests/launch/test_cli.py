"""The `tintmill` command: what it lists, what it refuses, and what it does not import."""

import importlib
import subprocess
import sys

import pytest

import tintmill as package
from tintmill.launch import cli


def tintmill(*arguments):
    return subprocess.run([sys.executable, "-m", "tintmill.launch.cli", *arguments], capture_output=True, text=True)


def test_usage_lists_every_command():
    usage = tintmill("--help")
    assert usage.returncode == 0
    assert all(name in usage.stdout for name in cli.COMMANDS)


def test_the_version_is_that_of_the_package():
    told = tintmill("--version")
    assert told.returncode == 0
    assert told.stdout.strip() == package.__version__


def test_no_arguments_is_a_question_not_an_error():
    assert tintmill().returncode == 0


def test_unknown_command_exits_2_and_names_the_commands():
    refused = tintmill("colourise")
    assert refused.returncode == 2
    assert "colourise" in refused.stderr
    assert "colorize" in refused.stderr


@pytest.mark.parametrize("name", sorted(cli.COMMANDS))
def test_help_of_every_command_starts_without_tensorflow_and_beam(name):
    """Help must come at once: TensorFlow takes seconds to import, Beam too."""
    program = (
        "import sys; from tintmill.launch import cli; code = cli.main([sys.argv[1], '--help']);"
        "assert not {'tensorflow', 'apache_beam', 'keras'} & set(sys.modules), 'imported'; sys.exit(code)"
    )
    helped = subprocess.run([sys.executable, "-c", program, name], capture_output=True, text=True)
    assert helped.returncode == 0, helped.stderr
    assert f"tintmill {name}" in helped.stdout


@pytest.mark.parametrize("name", sorted(cli.COMMANDS))
def test_unknown_flags_are_refused_with_one_line(name):
    if name == "prepare":
        pytest.skip("unknown flags go to Beam there")
    refused = tintmill(name, "--no_such_flag=1")
    assert refused.returncode == 2
    assert len(refused.stderr.strip().splitlines()) == 1
    assert "no_such_flag" in refused.stderr


def test_every_command_is_also_a_module_for_job_files():
    for module, _ in cli.COMMANDS.values():
        assert callable(importlib.import_module(module).run_command)


def test_help_that_is_cut_short_is_no_error():
    """`tintmill train --help | head -1`."""
    line = f"{sys.executable} -m tintmill.launch.cli train --help | head -1"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=True)
    assert done.stdout == "Trains a network on a dataset directory.\n"
    assert done.stderr == ""
