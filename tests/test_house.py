"""Imports: light ones for light commands, and one way between the rooms."""

import ast
from pathlib import Path

import pytest

from tests.support import helpers

ROOT = Path(__file__).parents[1]
ROOMS = ("pipeline", "model", "trainer", "launch")
FOUND = "def f():\n    from tintmill.trainer import step\n    from tintmill import model"
HEAVY = ("tensorflow", "keras", "apache_beam", "tensorflow_datasets", "skimage", "matplotlib")


@pytest.mark.parametrize(
    "module",
    [
        "pipeline",
        "tintmill.pipeline.verify",
        "tintmill.pipeline.peek",
        "tintmill.pipeline.prepare",
        "tintmill.launch.cli",
    ],
)
def test_light_modules_import_nothing_heavy(module):
    """verify and peek start in a second, and --help is not paid with 13 of them."""
    loaded = helpers.run_python(f"import sys, {module}; print(*sorted(sys.modules))").split()
    assert module in loaded
    assert not set(HEAVY) & set(loaded)


def imported_rooms(source: str) -> set[str]:
    """The rooms that a module's source imports, anywhere in it."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide the room"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name.split(".")[1] for name in names if name.startswith("tintmill.")} & set(ROOMS)


@pytest.mark.parametrize("room", ROOMS)
def test_imports_go_one_way(room):
    """pipeline <- model <- trainer <- launch: a room imports itself and those before it."""
    allowed = set(ROOMS[: ROOMS.index(room) + 1])
    modules = sorted((ROOT / room).rglob("*.py"))
    assert modules
    for module in modules:
        backwards = imported_rooms(module.read_text()) - allowed
        assert not backwards, f"{module.relative_to(ROOT)} imports {backwards}"


def test_the_scan_sees_imports_inside_functions():
    assert imported_rooms(FOUND) == {"model", "trainer"}
