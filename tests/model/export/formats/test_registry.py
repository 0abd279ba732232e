"""Every format of the registry says what a card, the help and the errors tell of it."""

import ast

import pytest

from tests.support import helpers
from tintmill.model.export.formats.format import Format
from tintmill.model.export.formats.registry import FORMATS, flag_help
from tintmill.pipeline.common import extras


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_has_a_program_that_makes_ab_of_grey(name):
    """`tests/trainer/test_export.py` runs it with an export."""
    code = ast.parse(FORMATS[name].program.replace("MODEL", '"a.file"'))
    names = {(node.id, type(node.ctx)) for node in ast.walk(code) if isinstance(node, ast.Name)}
    assert ("ab", ast.Store) in names
    assert ("grey", ast.Load) in names
    assert "MODEL" in FORMATS[name].program
    assert FORMATS[name].runtime in FORMATS[name].program_imports


@pytest.mark.parametrize("name", FORMATS)
def test_what_runs_a_format_is_always_installed_or_of_an_extra(name):
    runtime = FORMATS[name].runtime
    extra = extras.find_extra(runtime)
    wanted = f'    "{extra}":' if extra else f'    "{runtime}>='
    assert wanted in (helpers.ROOT / "setup.py").read_text()


@pytest.mark.parametrize("name", FORMATS)
def test_the_help_describes_a_format(name):
    assert f"{name}: {FORMATS[name].description}" in flag_help()


def test_a_format_that_lacks_what_the_card_tells_fails_when_it_is_defined():
    with pytest.raises(TypeError, match=r"the format Half does not say its .*runtime, .*program"):

        class Half(Format):
            title = "Half"
