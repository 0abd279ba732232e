"""Names as they are shown and given: a file's name may hold anything."""

import re


def display_name(name: str) -> str:
    """A name on one line of a terminal: line breaks, escapes and bytes that are no UTF-8 as backslash escapes."""
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in name)


def escape_controls(name: str) -> str:
    """A name for a new file: line breaks and other control characters as backslash escapes."""
    return re.sub(r"[\0-\x1f\x7f-\x9f\u2028\u2029]", lambda sign: repr(sign[0])[1:-1], name)
