"""The weights of the demo's embedder: random ones never stand in silently."""

import subprocess

from tintmill.launch.experiments.weights import find_weights


def test_missing_weights_are_said_aloud(monkeypatch, capsys):
    def refuse(*arguments, **options):
        return subprocess.CompletedProcess(arguments, 1, stderr="Traceback\nException: URL fetch failure on somewhere")

    monkeypatch.setattr(subprocess, "run", refuse)
    assert find_weights() == "random"
    said = capsys.readouterr().out
    assert "RANDOM WEIGHTS" in said
    assert "URL fetch failure" in said


def test_weights_that_can_be_had_are_used(monkeypatch):
    monkeypatch.setattr(subprocess, "run", lambda *a, **o: subprocess.CompletedProcess(a, 0, stderr=""))
    assert find_weights() == "imagenet"
