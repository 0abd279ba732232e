"""What `tintmill COMMAND --help` prints, wrapped to the terminal: what it does, and its flags below headings."""

import collections
import textwrap
from collections.abc import Mapping

from absl import flags

Topics = Mapping[str, tuple[str, ...]]  # heading: names of the flags below it

_NARROWEST, _WIDEST = 60, 120  # characters: lines beyond are hard to read, whatever the terminal


def format_help(name: str, values: flags.FlagValues, doc: str, topics: Topics) -> str:
    """The help of `tintmill NAME`: its docstring, and its flags.

    Raises:
      ValueError: of `check_topics`.
    """
    if not topics:
        return f"{_reflow(doc.strip())}\n\n`tintmill {name}` has no flags."
    return (
        f"{_reflow(doc.strip())}\n\nFlags of `tintmill {name}`, also read from --flagfile=FILE:\n"
        f"{format_flags(values, topics)}"
    )


def format_flags(values: flags.FlagValues, topics: Topics) -> str:
    """Each flag as --NAME=DEFAULT with its help, below its heading, in the order of `topics`.

    Raises:
      ValueError: of `check_topics`.
    """
    check_topics(values, topics)
    margin = max((len(usage(values[name])) for name in values), default=0) + 4
    lines = _wrap("Each is shown with its default, ... where it has none; booleans are also --NAME and --noNAME.")
    for topic, names in topics.items():
        lines += ["", topic]
        for name in names:
            lines += _wrap(describe(values[name]), f"  {usage(values[name])}".ljust(margin), " " * margin)
    return "\n".join(lines)


def usage(flag: flags.Flag) -> str:
    """The flag as typed to get its default: --steps=1000, --mirror=false; --data=... where it has none."""
    if flag.default is None:
        return f"--{flag.name}=..."
    return f"--{flag.name}={'' if flag.default == [] else flag.default_as_str[1:-1]}"  # absl puts it in quotes


def describe(flag: flags.Flag) -> str:
    """What the flag's definition says, an enumeration's choices last: absl has them first, in one long word."""
    if not isinstance(flag, flags.EnumFlag):
        return flag.help
    choices = flag.parser.enum_values
    before = f"<{'|'.join(choices)}>: "
    return f"{flag.help.removeprefix(before)} One of {', '.join(choices)}."


def check_topics(values: flags.FlagValues, topics: Topics) -> None:
    """Raises ValueError where a flag is in no topic or in two, or where a topic names what is no flag."""
    places = collections.Counter(name for names in topics.values() for name in names)
    odd = sorted(name for name in {*values, *places} if name not in values or places[name] != 1)
    if odd:
        found = ", ".join(f"--{name} in {places[name]}{'' if name in values else ' (no flag)'}" for name in odd)
        raise ValueError(f"each flag belongs below one heading of its command's TOPICS; found {found}")


def _reflow(doc: str) -> str:
    """Paragraphs of prose to the terminal's width; what is indented (examples, lists) as it is."""
    paragraphs = doc.split("\n\n")
    return "\n\n".join(part if part.startswith(" ") else "\n".join(_wrap(part)) for part in paragraphs)


def _wrap(text: str, first: str = "", others: str = "") -> list[str]:
    width = min(max(flags.get_help_width(), _NARROWEST), _WIDEST)
    return textwrap.wrap(
        " ".join(text.split()),
        width,
        initial_indent=first,
        subsequent_indent=others,
        break_long_words=False,
        break_on_hyphens=False,
    )
