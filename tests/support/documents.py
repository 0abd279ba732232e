"""Checks documents against the repository: what a *.md names in code or links to must exist."""

import ast
import functools
import importlib
import importlib.util
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from absl import flags

import tintmill
from tintmill.launch import cli

ROOT = Path(__file__).parents[2]
OF_THIS = Path("tests/test_documents.py")  # its examples name what does not exist
ROOMS = ("pipeline", "model", "trainer", "launch")
FOLDERS = (*ROOMS, "tests", "requirements")
# Where the paths begin that commands write or that stand for the reader's own files; these are not in the repository.
ELSEWHERE = (
    *("gs://", "/", ".venv", "runs/", "datasets/", "coloured/", "photos/"),
    *("checkpoints/", "best/", "evaluation/", "tensorboard/", "index/", "rejects/", "reports/", "truth-"),
)
SOURCES = (".py", ".md", ".toml", ".ini", ".lock", ".jinja", ".flags", ".in", ".js", ".css", ".sha256", ".xml")
DATA = ("json", "jsonl", "csv", "html", "keras", "txt", "npz", "jpg", "png", "zip", "onnx", "tflite", "h5")
OF_ABSL = ("help", "flagfile")  # flags of every command

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.M | re.S)
_SPAN = re.compile(r"`([^`]+)`")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_PATH = re.compile(r"[\w.*-]+(/[\w.*-]*)+")
_FILE = re.compile(rf"[\w*-][\w.*-]*({'|'.join(map(re.escape, SOURCES))})")
_DOTTED = re.compile(r"([A-Za-z_]\w*)((?:\.[A-Za-z_]\w*)+)(\(.*\))?")
_NAME = re.compile(r"([A-Za-z_]\w*)(\(.*\))?")
_MODULE_RUN = re.compile(r"python\S* -m ([\w.]+)")
_IMPORT = re.compile(r"^ *from (tintmill[\w.]*) import ([\w, ]+)", re.M)


def list_documents() -> list[Path]:
    """All but the cards of built-in models, which a command writes of other people's names."""
    found = (path for folder in FOLDERS for path in ROOT.joinpath(folder).rglob("*.md"))
    below = (path for path in found if not path.name.endswith(".card.md"))
    return sorted([*ROOT.glob("*.md"), *below])


def find_broken(text: str, folder: Path = ROOT) -> list[str]:
    """What a document in `folder` names that does not exist, a line for each find."""
    return [*_check_links(text, folder), *_check_fences(text), *_check_spans(text, folder)]


# Links


def _check_links(text: str, folder: Path) -> Iterator[str]:
    for target in _LINK.findall(_FENCE.sub("", text)):
        if re.match(r"\w+:", target):  # https:, mailto:
            continue
        path, _, anchor = target.partition("#")
        linked = (folder / path) if path else None
        if linked and not linked.exists():
            yield f"link to {target}: no such file"
        elif anchor and anchor not in list_anchors(linked.read_text() if linked else text):
            yield f"link to {target}: no such heading"


def list_anchors(text: str) -> set[str]:
    """The anchors that GitHub gives the headings."""
    headings = re.findall(r"^#+ (.+)$", _FENCE.sub("", text), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


# Commands


def _check_fences(text: str) -> Iterator[str]:
    for language, code in _FENCE.findall(text):
        if language in ("", "bash", "sh"):
            for line in code.replace("\\\n", " ").splitlines():
                yield from _check_command(line)
        yield from _check_imports(code)


def _check_command(line: str) -> Iterator[str]:
    """One line of a shell, comment included; lines that begin with no command of ours are passed over."""
    for module in _MODULE_RUN.findall(line):
        if not _find_module(module):
            yield f"python -m {module}: no such module"
    try:
        words = shlex.split(line, comments=True)
    except ValueError:  # prose with an apostrophe
        return
    if words[:1] == ["make"]:
        for target in words[1:]:
            if "=" not in target and target not in _make_targets():
                yield f"make {target}: no such target"
    elif words[:1] == ["tintmill"]:
        yield from _check_tintmill(words[1:])
    for word in words:
        path = word.partition("=")[2] or word
        if path.startswith(tuple(f"{name}/" for name in FOLDERS)) and not _exists(path, ROOT):
            yield f"{path}: no such file"


def _check_tintmill(words: list[str]) -> Iterator[str]:
    name, *rest = words or ["--help"]
    if name in ("COMMAND", "--help", "--version"):
        return
    if name not in cli.COMMANDS:
        yield f"tintmill {name}: no such command"
        return
    if "--" in rest:  # what follows is another command, as in `tintmill launch ... -- train ...`
        yield from _check_tintmill(rest[rest.index("--") + 1 :])
        rest = rest[: rest.index("--")]
    for word in rest:
        if word.startswith("--"):
            yield from _check_flag(word, [name])


def _check_flag(word: str, commands: list[str]) -> Iterator[str]:
    """--NAME, --noNAME or --NAME=VALUE, with VALUE|VALUE for several; of an enumeration the values are checked too."""
    name, _, value = word.removeprefix("--").partition("=")
    flags_so_named = [_find_flag(name, _flags_of(command)) for command in commands]
    found = [flag for flag in flags_so_named if flag is not None]
    if not found and name not in OF_ABSL and not ("prepare" in commands and _is_of_beam(name)):
        yield f"--{name}: no flag of {' or '.join(commands)}"
    allowed = {value for flag in found for value in getattr(flag.parser, "enum_values", [])}
    for choice in filter(str.islower, value.split("|")):
        if allowed and choice not in allowed:
            yield f"--{name}={choice}: wanted one of {', '.join(sorted(allowed))}"


def _find_flag(name: str, values: flags.FlagValues) -> flags.Flag | None:
    if name in values:
        return values[name]
    positive = name.removeprefix("no")
    return values[positive] if positive in values and values[positive].boolean else None


@functools.cache
def _flags_of(command: str) -> flags.FlagValues:
    return importlib.import_module(cli.COMMANDS[command][0]).FLAGS


@functools.cache
def _beam_parser():
    import argparse

    from apache_beam.options import pipeline_options

    parser = argparse.ArgumentParser(add_help=False, conflict_handler="resolve")
    for options in pipeline_options.PipelineOptions.__subclasses__():
        options._add_argparse_args(parser)
    return parser


def _is_of_beam(name: str) -> bool:
    """Flags that `prepare` does not know go to Beam; Flink's and Spark's servers name some of their own."""
    return f"--{name}" in _beam_parser().format_usage()


@functools.cache
def _make_targets() -> set[str]:
    return set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.M))


# Paths and names in prose


def _check_spans(text: str, folder: Path) -> Iterator[str]:
    prose = re.sub(r"\n(?!\n)", " ", _FENCE.sub("", text)).replace("\\|", "|")
    for span in _SPAN.findall(prose):
        first = span.split()[0]
        if span.startswith("--"):
            yield from _check_flag(first, list(cli.COMMANDS))
        elif first in cli.COMMANDS and " --" in span:
            yield from _check_command(f"tintmill {span}")
        elif " " in span:
            yield from _check_command(span)
            yield from _check_imports(span)
        elif _PATH.fullmatch(span):
            if not _exists(span, folder) and not _is_elsewhere(span):
                yield f"{span}: no such path"
        elif _FILE.fullmatch(span):
            found = _exists(span, folder) or any(path.match(span) for path in _files())
            if not found and not _is_elsewhere(span):
                yield f"{span}: no such file"
        elif match := _DOTTED.fullmatch(span):
            if not _is_defined(match[1] + match[2]):
                yield f"{span}: no such name in a module"
        elif (match := _NAME.fullmatch(span)) and match[1] not in _words():
            yield f"{span}: no such word in the code"


def _exists(path: str, folder: Path) -> bool:
    return any(next(base.glob(path.strip("/")), None) for base in (folder, ROOT))


def _is_elsewhere(path: str) -> bool:
    """Below what commands write, or with a part in capitals, which stands for a name of the reader's."""
    in_capitals = any(part.isupper() or part.startswith("NAME.") for part in path.split("/"))
    return in_capitals or path.startswith(ELSEWHERE) or path.endswith(".MODEL_CARD.md")


@functools.cache
def _files() -> list[Path]:
    below = [path for folder in FOLDERS for path in ROOT.joinpath(folder).rglob("*") if "__pycache__" not in path.parts]
    return [path.relative_to(ROOT) for path in [*ROOT.iterdir(), *below] if path.is_file()]


@functools.cache
def _words() -> set[str]:
    code = [path for path in _files() if path.suffix not in (".md", ".lock", ".jpg", ".onnx") and path != OF_THIS]
    return {word for path in code for word in re.findall(r"\w+", (ROOT / path).read_text())}


def _is_defined(name: str) -> bool:
    """Whether a module of ours has the name; of another's module, whether it is installed."""
    if name.rsplit(".", 1)[1] in DATA:  # a file, of which `_check_spans` knows no more
        return True
    if name.removeprefix("tintmill.") in tintmill.__all__:  # which are imported when they are asked for
        return True
    if name.startswith(("tintmill.", "tests.")):
        return bool(_find_module(name)) or _has_name(_find_module(name.rsplit(".", 1)[0]), name.rsplit(".", 1)[1])
    stem, attribute = name.split(".")[:2]
    python = [path for path in _files() if path.suffix == ".py"]
    if stem[0].isupper():  # a class
        modules = [path for path in python if re.search(rf"^class {stem}\b", (ROOT / path).read_text(), re.M)]
    else:
        modules = [path for path in python if stem in (path.stem, path.parent.name)]
    if not modules:
        return bool(_find_module(stem))
    return any(_has_name(ROOT / path, attribute) or path.stem == attribute for path in modules)


def _check_imports(code: str) -> Iterator[str]:
    for module, names in _IMPORT.findall(code):
        for name in names.split(","):
            if not _is_defined(f"{module}.{name.split()[0]}"):
                yield f"from {module} import {name.strip()}: no such name"


def _find_module(name: str) -> Path | bool:
    """The file of a module of ours; of another's, whether it is installed."""
    if name.split(".")[0] in ROOMS:  # a room by its old name, which Python would find in the working directory
        return False
    if not name.startswith(("tintmill.", "tests.")):
        return importlib.util.find_spec(name.split(".")[0]) is not None
    path = ROOT.joinpath(*name.removeprefix("tintmill.").split("."))
    candidates = (path.with_suffix(".py"), path / "__init__.py")
    return next((file for file in candidates if file.exists()), path.is_dir())


def _has_name(module: Path | bool, name: str) -> bool:
    """Whether a module's file defines a function, class, constant, method or field of that name."""
    if not isinstance(module, Path):
        return False
    return any(name in _defined_by(node) for node in ast.walk(ast.parse(module.read_text())))


def _defined_by(node: ast.AST) -> list[str]:
    """The names that a statement defines: a function, class, constant, field or import."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.ImportFrom):
        return [alias.name for alias in node.names]
    targets = getattr(node, "targets", [getattr(node, "target", None)])
    return [target.id for target in targets if isinstance(target, ast.Name)]
