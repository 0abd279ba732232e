"""The run directory: each of its names stands in one place."""

import ast

from tests.support import helpers, run_folder
from tintmill.trainer.run.folder import RunFolder

# Not "best", which is also a word; what else a run holds is found by the files' extensions.
NAMES = {"settings.json", "dataset.json", "model.keras", "flags.txt", "starts.jsonl", "checkpoints", "metrics.csv"}
NAMES |= {"validation.csv", "ids.jsonl", "tensorboard", "report.html", "evaluation", "metrics.json", "comparison.json"}
PLACES = ["model/prediction/saved_model.py", "trainer/run/folder.py"]


def list_names(source: str) -> list[str]:
    """The names of a run's files that are texts of a module, docstrings aside."""
    texts = [node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant)]
    return [text for text in texts if isinstance(text, str) and text in NAMES]


def test_a_name_of_a_run_stands_once():
    modules = [
        path for room in ("pipeline", "model", "trainer", "launch") for path in (helpers.ROOT / room).rglob("*.py")
    ]
    modules = [path for path in modules if path.name != "extras.py"]  # it names the package tensorboard
    found = {str(path.relative_to(helpers.ROOT)): list_names(path.read_text()) for path in modules}
    assert sorted(path for path, names in found.items() if names) == PLACES
    assert sorted(name for names in found.values() for name in names) == sorted(NAMES)


def test_a_folder_is_called_by_its_path_as_it_was_given():
    assert f"{RunFolder('runs/../runs/a')}" == "runs/../runs/a"


def test_a_run_is_read_as_training_and_evaluation_left_it(tmp_path):
    run = run_folder.make(tmp_path / "run", seed=7)
    run_folder.evaluate(run, "val", psnr=20.5)
    run_folder.evaluate(run, "test", psnr=21.5)
    (run / "evaluation" / "interrupted").mkdir()
    folder = RunFolder(str(run))
    assert folder.read_settings()["seed"] == 7
    assert folder.read_manifest() == run_folder.MANIFEST
    assert [row["step"] for row in folder.read_log()] == [10, 20, 30]
    assert folder.read_validations()[-1] == {"step": 30, "loss": 0.3, "psnr": 21, "chroma": 0.4}
    assert [start.processor for start in folder.read_starts()] == ["Some Processor"]
    found = folder.read_evaluations()
    assert [(split, metrics["rows"][0]["psnr"]) for split, metrics in found.items()] == [("test", 21.5), ("val", 20.5)]


def test_a_row_that_is_being_written_does_not_count(tmp_path):
    (tmp_path / "metrics.csv").write_text("step,loss\n10,0.5\n20,0.")
    assert RunFolder(str(tmp_path)).read_log() == [{"step": 10, "loss": 0.5}]


def test_a_run_that_logged_nothing_has_no_rows(tmp_path):
    assert RunFolder(str(tmp_path)).read_log() == []
    assert RunFolder(str(tmp_path)).read_evaluations() == {}
