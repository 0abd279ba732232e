"""What commands share."""

import pytest

from tintmill.pipeline.common import command


@pytest.mark.parametrize("terminal", [True, False])
def test_only_who_waits_at_a_terminal_is_told_what_for(terminal, capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: terminal)
    command.tell("Loading the model ...")
    assert capsys.readouterr() == ("", "Loading the model ...\n" if terminal else "")
