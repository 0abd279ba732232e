"""Documents name only what exists: paths, modules, names, commands, flags, make targets, links."""

import ast
import re

import pytest

from tests.support import documents
from tintmill.launch import cli

LIMITS = {"README.md": 120, "WORKSPACE.md": 150}  # lines: what a newcomer reads to the end
BROKEN = {
    "a path": "See `tests/browser.py`.",
    "a path beside the document": "See `gone/`.",
    "a file's name": "The step is in `stepp.py`.",
    "a module": "See `tintmill.pipeline.imaging.labb`.",
    "a name in a module": "A line in `losses.PIXEL_LOSES`.",
    "a name in a module that is gone": "A line in `pixell.LOSSES`.",
    "a field of a class": "Set `LossSettings.lozz`.",
    "a name": "It is a `NetworkSpecc`.",
    "an import": "```python\nfrom tintmill.model import headds\n```",
    "a flag": "Give `--stepps`.",
    "a flag's value": "Give `--source=celebb`.",
    "a negated flag that is no boolean": "Give `--nosteps`.",
    "a flag of another command": "`tintmill train --shard_examples=3`",
    "a flag of the command that is launched": "`tintmill launch --target=slurm -- train --targett=3`",
    "a flag in an example": "```\ntintmill prepare --input=PHOTOS \\\n  --outputt=datasets\n```",
    "a command": "`tintmill colourise`",
    "a command in an example": "```\ntintmill colourise PHOTOS   # all of them\n```",
    "a make target": "`make tests`",
    "a module that is run": "`python -m tintmill.trainer.trainn`",
    "a room's old name": "`python -m trainer.train`",
    "a file of an example": "```\ndocker build --file=launch/jobs/Dockerfile .\n```",
    "a link": "[here](gone.md)",
    "a link's heading": "# Here\n\n[here](#there)",
    "a heading of another document": "[here](README.md#gone)",
}


@pytest.mark.parametrize("path", documents.list_documents(), ids=lambda path: str(path.relative_to(documents.ROOT)))
def test_a_document_names_only_what_exists(path):
    assert documents.find_broken(path.read_text(), path.parent) == []


@pytest.mark.parametrize("room", documents.ROOMS)
def test_a_rooms_docstring_names_only_what_exists(room):
    folder = documents.ROOT / room
    doc = ast.get_docstring(ast.parse((folder / "__init__.py").read_text()))
    assert documents.find_broken(doc, folder) == []


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN.keys())
def test_what_does_not_exist_is_found(text):
    assert len(documents.find_broken(text)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "`pipeline/`, `pipeline/*.py`, `lab.py`, `README.md`, `tintmill.pipeline.imaging.lab`, `losses.PIXEL_LOSSES`",
        "`Source.terms`, `OUTPUT/NAME/VERSION/`, `networks/NAME.py`, `settings.json`, `gs://`, `numpy.ndarray`",
        "`--flagfile=FILE`, `--help`",
        "`--nodrop_duplicates`, `--source=celeba|tfds`, `prepare --runner=flink`, `--environment_type=EXTERNAL`",
        "```\ntintmill launch --target=slurm ... -- \\\n  train --data=DIR  # prints it\nmake demo PHOTOS=DIR\n```",
        "```python\nfrom tintmill.pipeline.imaging import lab\n```",
        "# A heading, of *two* parts\n\n[there](#a-heading-of-two-parts), [web](https://example.org), [file](setup.py)",
    ],
)
def test_what_exists_is_not_found(text):
    assert documents.find_broken(text) == []


@pytest.mark.parametrize(("name", "limit"), LIMITS.items())
def test_the_first_documents_are_short(name, limit):
    assert len((documents.ROOT / name).read_text().splitlines()) <= limit


def test_each_document_is_linked_from_another():
    linked = set()
    for path in documents.list_documents():
        targets = re.findall(r"\]\(([^)#\s]+)", path.read_text())
        linked |= {(path.parent / target).resolve() for target in targets} - {path}
    unlinked = set(documents.list_documents()) - linked - {documents.ROOT / "README.md"}
    assert not unlinked


def test_the_readmes_table_has_every_command():
    named = re.findall(r"^\| `tintmill (\w+)`", (documents.ROOT / "README.md").read_text(), re.M)
    assert sorted(named) == sorted(cli.COMMANDS)


def test_the_map_has_every_subpackage():
    text = (documents.ROOT / "WORKSPACE.md").read_text()
    subpackages = {
        f"{init.parent.relative_to(documents.ROOT)}/"
        for r in documents.ROOMS
        for init in documents.ROOT.glob(f"{r}/*/__init__.py")
    }
    assert not {name for name in subpackages if f"| `{name}` |" not in text}
