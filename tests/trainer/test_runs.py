"""`tintmill runs`: which runs it lists, and what it says of others."""

import pytest

from tests.support import helpers, run_folder
from tintmill.trainer import runs


def test_damaged_and_half_made_runs_are_named_and_the_others_listed(tmp_path):
    run_folder.make_small(tmp_path / "good")
    (run_folder.make_small(tmp_path / "cut") / "settings.json").write_text('{"network": "koal')
    (run_folder.make_small(tmp_path / "list") / "settings.json").write_text("[]")
    (run_folder.make_small(tmp_path / "rows", validation="step,loss,psnr\n10,many,1\n"))
    (run_folder.make_small(tmp_path / "scores") / "evaluation" / "test").mkdir(parents=True)
    (tmp_path / "scores" / "evaluation" / "test" / "metrics.json").write_text("")
    (run_folder.make_small(tmp_path / "half") / "settings.json").unlink()
    (tmp_path / "editor").mkdir()
    (tmp_path / "editor" / "settings.json").write_text("{}")  # of another program
    done = helpers.tintmill("runs", tmp_path)
    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.split("\n\n")[0].splitlines()] == ["name", "good"]
    reasons = sorted(line.removeprefix(f"left out: {tmp_path}/") for line in done.stderr.splitlines())
    wanted = (
        "cut/settings.json is damaged",
        "half: no settings.json",
        "list/settings.json is damaged",
        "rows/validation.csv is",
    )
    assert len(reasons) == 5
    assert all(
        reason.startswith(begin) for reason, begin in zip(reasons, (*wanted, "scores/evaluation/test/"), strict=True)
    )


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["{}"], ["no runs below", "wanted folders of `tintmill train`"]),
        (["{}/none"], ["/none: no such folder"]),
    ],
)
def test_no_runs_are_an_error(tmp_path, arguments, parts):
    done = helpers.tintmill("runs", *(argument.format(tmp_path) for argument in arguments))
    helpers.assert_one_line_error(done, *parts)


def test_without_a_folder_it_looks_at_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert runs.run_command([]) == 1
    assert "runs: no such folder" in capsys.readouterr().err
    run_folder.make_small(tmp_path / "runs" / "a")
    assert runs.run_command([]) == 0
    assert "a " in capsys.readouterr().out


def test_it_answers_without_tensorflow(tmp_path):
    run_folder.make_small(tmp_path / "a")
    program = (
        "import sys; from tintmill.trainer import runs; code = runs.run_command(sys.argv[1:]);"
        "assert not {'tensorflow', 'keras', 'matplotlib', 'jinja2'} & set(sys.modules); sys.exit(code)"
    )
    assert helpers.run_python(program, tmp_path).startswith("name  step  steps  state ")
