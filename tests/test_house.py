"""The rule that the folders follow, read from the checkout.

The flat files of a room are its commands. All else lives in a subpackage of at most 13 modules. The subpackages of a
room form no circle, and none imports a command. Rooms import one way: pipeline <- model <- trainer <- launch. The
folders of `tests/` are those of the rooms.
"""

import graphlib
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import helpers, source_tree
from tests.support.source_tree import COMMANDS, DOOR, ROOMS, ROOT, Module, modules
from tintmill.launch import cli

MOST_MODULES = 13
HEAVY = ("tensorflow", "keras", "apache_beam", "tensorflow_datasets", "skimage", "matplotlib")

# What others may use of a command, beside its function (named as the module is) and its dataclasses of arguments.
DOORS = {"FLAGS", "run_command"}

# Test files whose name is no module's, and why.
NAMED_FOR_NO_MODULE = {
    "tests/pipeline/dataset/test_cards.py": "croissant and contact_sheet, of one dataset",
    "tests/pipeline/imaging/test_reduced_decode.py": "photo and lab together: what decoding at a smaller scale costs",
    "tests/trainer/reporting/test_report_in_a_browser.py": "the page as a whole, in a browser",
    "tests/trainer/training/test_losses.py": "every loss in a compiled step",
    "tests/trainer/training/test_networks_on_replicas.py": "every network in a compiled step",
    "tests/trainer/training/test_overfit.py": "step, optimizer and network: whether they learn",
    "tests/trainer/training/test_schedule.py": "the learning rate over a run",
    "tests/trainer/training/test_workers.py": "several processes that train one run",
}

FOUND = "def f():\n    from tintmill.trainer import train\n    from tintmill.model import losses"


def sources() -> list[Module]:
    return list(modules().values())


def imports_within_room(module: Module) -> list[Module]:
    imported = source_tree.imported_modules(module.path.read_text())
    return [modules()[name] for name in sorted(imported) if modules()[name].room == module.room]


def test_the_flat_files_of_a_room_are_its_commands():
    assert {module.name for module in sources() if module.is_flat} == COMMANDS


def test_a_command_is_in_the_file_of_its_name():
    """But `networks`, because model/networks/ holds the networks themselves."""
    files = {name: path.rpartition(".")[2] for name, (path, _) in cli.COMMANDS.items()}
    assert files == {name: name for name in cli.COMMANDS} | {"networks": "list_networks"}


@pytest.mark.parametrize("room", ROOMS)
def test_a_subpackage_has_at_most_13_modules(room):
    folders = [path.parent for path in (ROOT / room).rglob("__init__.py")]
    assert len(folders) > 1
    for folder in folders:
        found = [path for path in folder.glob("*.py") if path.name != "__init__.py"]
        assert len(found) <= MOST_MODULES, f"{folder.relative_to(ROOT)} has {len(found)} modules"


@pytest.mark.parametrize("room", ROOMS)
def test_every_folder_with_modules_is_a_package(room):
    """A folder without `__init__.py` is found in the checkout and missing in the wheel."""
    for path in (ROOT / room).rglob("*.py"):
        assert (path.parent / "__init__.py").exists(), f"{path.parent.relative_to(ROOT)} has no __init__.py"


@pytest.mark.parametrize("room", ROOMS)
def test_the_subpackages_of_a_room_form_no_circle(room):
    graph: dict[str, set[str]] = {}
    for module in sources():
        if module.room == room and module.subpackage:
            imported = {other.subpackage for other in imports_within_room(module)} - {module.subpackage, ""}
            graph.setdefault(module.subpackage, set()).update(imported)
    assert list(graphlib.TopologicalSorter(graph).static_order())  # raises CycleError, which names the circle


def test_no_module_imports_a_command_of_its_room():
    """Neither a subpackage nor another command: what several need lives in a subpackage."""
    for module in sources():
        commands = {(module.name, other.name) for other in imports_within_room(module) if other.name in COMMANDS}
        odd = commands - {("launch.cli", "launch.cli")}
        assert not odd, f"{odd}: move what is shared to a subpackage"


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_other_rooms_use_a_command_s_function_arguments_and_flags_alone(command):
    for module in sources():
        used = source_tree.used_of(module.path.read_text(), command)
        odd = {name for name in used - DOORS - {command.rpartition(".")[2]} if not name.endswith("Arguments")}
        assert not odd, f"{module.name} uses {odd} of the command {command}; move them to a subpackage"


@pytest.mark.parametrize("room", ROOMS)
def test_imports_go_one_way(room):
    """pipeline <- model <- trainer <- launch: a room imports itself and those before it."""
    allowed = set(ROOMS[: ROOMS.index(room) + 1])
    for module in sources():
        if module.room == room:
            imported = {name.split(".")[0] for name in source_tree.imported_modules(module.path.read_text())}
            assert imported <= allowed, f"{module.name} imports {imported - allowed}"


def test_the_scan_sees_imports_inside_functions():
    assert source_tree.imported_modules(FOUND) == {"trainer.train", "model.losses"}
    assert source_tree.used_of(FOUND + "\n    train.read_flags()", "trainer.train") == {"read_flags"}


@pytest.mark.parametrize("room", ROOMS)
def test_the_folders_of_the_tests_are_those_of_the_room(room):
    for path in (ROOT / "tests" / room).rglob("*.py"):
        folder = path.parent.relative_to(ROOT / "tests")
        assert (ROOT / folder / "__init__.py").exists(), f"{path.relative_to(ROOT)}: there is no {folder}/"


@pytest.mark.parametrize("room", ROOMS)
def test_a_test_file_is_named_for_what_it_tests(room):
    """test_X.py or test_X_SUBJECT.py, where X is a module or a folder of the tested folder, or that folder itself."""
    tests = sorted((ROOT / "tests" / room).rglob("test_*.py"))
    assert tests
    for path in tests:
        name = str(path.relative_to(ROOT))
        if name not in NAMED_FOR_NO_MODULE:
            assert _tested(path), f"{name}: no module of {path.parent.relative_to(ROOT / 'tests')}/ has this name"


def _tested(path: Path) -> list[str]:
    """The modules and folders that a test file is named for."""
    folder = ROOT / path.parent.relative_to(ROOT / "tests")
    names = {folder.name} | {p.stem for p in folder.glob("*.py")} | {p.name for p in folder.iterdir() if p.is_dir()}
    return [name for name in names if f"{path.stem}_".startswith(f"test_{name}_")]


def test_the_list_of_odd_test_files_is_no_longer_than_it_must_be():
    for name, reason in NAMED_FOR_NO_MODULE.items():
        assert (ROOT / name).exists(), f"{name} is gone: take it off the list"
        assert not _tested(ROOT / name), f"{name} is named for a module: take it off the list"
        assert reason


def test_nothing_that_is_installed_imports_tests():
    for path in [ROOT / "setup.py", *(module.path for module in sources())]:
        names = {name.split(".")[0] for name in source_tree.imported_names(path.read_text())}
        assert "tests" not in names, path


@pytest.mark.parametrize("room", ROOMS)
def test_lint_refuses_a_room_without_tintmill_before_it(room):
    """pytest puts the checkout on the path, so that `import model` would work there and nowhere else."""
    for line in (f"from {room} import x", f"from {room}.y import x", f"import {room} as x"):
        assert "TID251" in _lint(f"{line}\n\nx()\n"), line
    assert _lint(f"from tintmill import {room}\n\n{room}.x()\n") == ""


def _lint(source: str) -> str:
    line = [sys.executable, "-m", "ruff", "check", "--output-format=concise", "--quiet", "--stdin-filename=x.py", "-"]
    return subprocess.run(line, input=source, capture_output=True, text=True, cwd=ROOT, check=False).stdout


def test_the_interface_is_the_package_itself():
    """`import tintmill` imports the interface, which setup.py maps to the package's own name."""
    assert DOOR in modules()
    loaded = helpers.run_python("import tintmill; print(tintmill.__file__)").strip()
    assert Path(loaded).resolve() == modules()[DOOR].path


@pytest.mark.parametrize(
    "module",
    [
        "tintmill.pipeline",
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
