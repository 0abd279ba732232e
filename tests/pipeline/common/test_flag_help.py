"""The help of commands with many flags: every flag below one heading, with its default, within the terminal."""

import importlib

import pytest
from absl import flags

from tintmill.launch import cli
from tintmill.pipeline.common import flag_help

MODULES = {name: importlib.import_module(module) for name, (module, _) in cli.COMMANDS.items()}
MANY = [name for name, module in MODULES.items() if len(list(module.FLAGS)) > 12]


def known() -> flags.FlagValues:
    """A flag of each kind."""
    values = flags.FlagValues()
    flags.DEFINE_string("run", None, "Run directory.", flag_values=values)
    flags.DEFINE_boolean("mirror", False, "Mirror every other picture.", flag_values=values)
    flags.DEFINE_enum("keep", "last", ("last", "best"), "Which network becomes model.keras.", flag_values=values)
    flags.DEFINE_float(
        "rate", 1e-3, "Adam's learning rate, which is at its highest after the warm-up.", flag_values=values
    )
    flags.DEFINE_list("classes", [], "Take only these classes.", flag_values=values)
    return values


@pytest.mark.parametrize("name", MODULES)
def test_every_flag_is_below_one_heading(name):
    flag_help.check_topics(MODULES[name].FLAGS, MODULES[name].TOPICS)


@pytest.mark.parametrize(
    ("topics", "found"),
    [
        ({"One": ("run", "mirror", "keep", "rate")}, "--classes in 0"),
        ({"One": ("run", "mirror", "keep", "rate"), "Two": ("classes", "run")}, "--run in 2"),
        ({"One": ("run", "mirror", "keep", "rate", "classes", "runs")}, r"--runs in 1 \(no flag\)"),
    ],
)
def test_a_flag_in_no_topic_or_in_two_is_an_error(topics, found):
    with pytest.raises(ValueError, match=f"found {found}$"):
        flag_help.check_topics(known(), topics)


def test_flags_are_listed_with_their_defaults_in_the_order_of_the_topics(monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    topics = {"What": ("run", "rate"), "How": ("mirror", "keep", "classes")}
    assert flag_help.format_flags(known(), topics).splitlines()[3:] == [
        "What",
        "  --run=...       Run directory.",
        "  --rate=0.001    Adam's learning rate, which is at its",
        "                  highest after the warm-up.",
        "",
        "How",
        "  --mirror=false  Mirror every other picture.",
        "  --keep=last     Which network becomes model.keras. One of",
        "                  last, best.",
        "  --classes=      Take only these classes.",
    ]


@pytest.mark.parametrize("name", MODULES)
def test_a_flag_as_shown_gives_its_default(name):
    values = MODULES[name].FLAGS
    for flag in map(values.__getitem__, values):
        if flag.default not in (None, []):
            shown = flag_help.usage(flag).removeprefix(f"--{flag.name}=")
            assert flag.parser.parse(shown) == flag.default


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize("name", MODULES)
def test_it_stays_within_the_terminal(name, columns, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    listed = flag_help.format_flags(MODULES[name].FLAGS, MODULES[name].TOPICS)
    assert max(map(len, listed.splitlines())) <= columns
