"""The names of a dataset directory's files."""

import ast
from pathlib import Path

import pytest

from tintmill.pipeline.dataset import names

ROOT = Path(__file__).parents[3]
NAMES = (names.PLAN, names.MANIFEST, names.CROISSANT, names.CONTACT_SHEET, names.DATASET_INFO, names.LAST_ERROR)


def literals(path: Path) -> list[str]:
    """Texts in a module's code; docstrings are not among them."""
    tree = ast.parse(path.read_text())
    docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in docs]
    return [node.value for node in found if isinstance(node.value, str)]


@pytest.mark.parametrize("room", ["pipeline", "model", "trainer", "launch"])
def test_no_other_module_spells_a_files_name(room):
    modules = [path for path in (ROOT / room).rglob("*.py") if path != ROOT / "pipeline" / "dataset" / "names.py"]
    assert modules
    spelt = {
        f"{path.relative_to(ROOT)}: {text}"
        for path in modules
        for text in literals(path)
        if any(name in text for name in (*NAMES, ".tfrecord-")) or text in (names.REPORTS, names.REJECTS)
    }
    assert spelt == set()


def test_shards_are_found_by_their_names_and_other_files_are_not():
    shard = names.name_shard("mine", "train", 3, 16)
    assert shard == "mine-train.tfrecord-00003-of-00016"
    assert names.is_shard_name(shard)
    assert not names.is_shard_name(names.name_report("train", 3))


def test_report_and_rejects_of_a_shard_are_named_by_its_split_and_index():
    assert names.name_report("val", 7) == "val-00007.json"
    assert names.name_rejects("val", 7) == "val-00007.jsonl"
