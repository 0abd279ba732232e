"""`tintmill doctor`: what it prints, and its exit code."""

from tintmill.launch import doctor
from tintmill.launch.diagnosis import checks


def test_a_machine_that_colours_is_well(capsys):
    assert doctor.run_command([]) == 0
    said = capsys.readouterr().out
    assert "works   colorize, web" in said
    assert all(len(line) <= 100 for line in said.splitlines())


def test_what_fails_makes_the_exit_code_1(capsys, monkeypatch):
    monkeypatch.setattr(checks, "CHECKS", (lambda: iter([checks.Finding("GPU", False, "no driver", "install it")]),))
    assert doctor.run_command([]) == 1
    said = capsys.readouterr()
    assert said.out == "FAILS   GPU  no driver; install it\n"
    assert "GPU" in said.err


def test_arguments_are_refused(capsys):
    assert doctor.run_command(["now"]) == 1
    assert "wanted no arguments" in capsys.readouterr().err
