"""The checkout's modules and what they import, read by `ast`: nothing is imported, and imports in functions count."""

import ast
import dataclasses
import functools
from pathlib import Path

from tintmill.launch import cli

ROOT = Path(__file__).parents[2]
ROOMS = ("pipeline", "model", "trainer", "launch")  # each may import itself and those before it
DOOR = "launch.interface"  # installed as `tintmill` itself
COMMANDS = {path.removeprefix("tintmill.") for path, _ in cli.COMMANDS.values()} | {"launch.cli"}


@dataclasses.dataclass(frozen=True)
class Module:
    """A module of a room. Its name is dotted and has no `tintmill.` in front."""

    name: str
    path: Path

    @property
    def room(self) -> str:
        return self.name.split(".")[0]

    @property
    def is_package(self) -> bool:
        return self.path.name == "__init__.py"

    @property
    def subpackage(self) -> str:
        """The subpackage of the room that the module is in; empty for the room's flat files."""
        parts = self.name.split(".")[1:]
        return parts[0] if len(parts) > 1 or (parts and self.is_package) else ""

    @property
    def is_flat(self) -> bool:
        return not self.subpackage and not self.is_package


@functools.cache
def modules() -> dict[str, Module]:
    """Every module of the four rooms by its name."""
    found = [read_module(path) for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]
    return {module.name: module for module in found}


def read_module(path: Path) -> Module:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return Module(".".join(parts[:-1] if parts[-1] == "__init__" else parts), path)


_parse = functools.cache(ast.parse)


def imported_names(source: str) -> set[str]:
    """The dotted names that a source imports: `from a import b` gives a.b."""
    names = set()
    for node in ast.walk(_parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: a relative import hides the room"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def imported_modules(source: str) -> set[str]:
    """The modules of the rooms that a source imports; a name in a module stands for the module."""
    return {_module_of(name.removeprefix("tintmill.")) for name in imported_names(source) if _is_ours(name)}


def _is_ours(name: str) -> bool:
    return name.startswith("tintmill.") and name.split(".")[1] in ROOMS


def _module_of(name: str) -> str:
    while name not in modules() and "." in name:
        name = name.rpartition(".")[0]
    return name


def used_of(source: str, module: str) -> set[str]:
    """What a source uses of a module of the rooms: names imported from it, and attributes of it."""
    tree, parent, own = _parse(source), f"tintmill.{module.rpartition('.')[0]}", module.rpartition(".")[2]
    used, aliases = set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == f"tintmill.{module}":
            used |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module == parent:
            aliases |= {alias.asname or alias.name for alias in node.names if alias.name == own}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in aliases:
            used.add(node.attr)
    return used
