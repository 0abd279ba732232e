"""WordNet's names of ImageNet's classes: lists of them, and class names that are readable and different."""

import collections
import re

from tintmill.pipeline.common.errors import TintmillError

WNID = re.compile(r"n\d{8}")


def parse_synsets(text: str, path: str) -> list[str]:
    """The synsets of a list, one a line; what stands behind them is left alone.

    Raises:
      TintmillError: a line that begins with no synset, or the same one twice.
    """
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        wnid = line.split()[0]
        if not WNID.fullmatch(wnid):
            raise TintmillError(f"{path}, line {number}: found {wnid!r}, wanted a synset like n01440764")
        if wnid in found:
            raise TintmillError(f"{path}, line {number}: {wnid} is there twice")
        found.append(wnid)
    return found


def parse_names(text: str) -> dict[str, str]:
    """Names by synset from lines `n01440764<tab or space>tench, Tinca tinca`; of several names the first."""
    lines = [line.split(None, 1) for line in text.splitlines()]
    return {words[0]: words[1].split(",")[0].strip() for words in lines if len(words) == 2}


def class_names(wnids: list[str], names: dict[str, str]) -> dict[str, str]:
    """A class name for each synset: its readable name, or itself without one; both, where two share a name (crane)."""
    shown = {wnid: names.get(wnid, wnid).replace("_", " ") for wnid in wnids}
    often = collections.Counter(shown.values())
    return {wnid: name if often[name] == 1 else f"{name} ({wnid})" for wnid, name in shown.items()}
