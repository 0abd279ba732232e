"""Names as they are shown and given."""

import pytest

from tintmill.pipeline.common.display import display_name, escape_controls


@pytest.mark.parametrize(
    ("name", "given", "shown"),
    [
        ("caf\xe9 1.jpg", "caf\xe9 1.jpg", "caf\xe9 1.jpg"),
        ("two\nlines", r"two\nlines", r"two\nlines"),
        ("\x1b[31mred\x7f", r"\x1b[31mred\x7f", r"\x1b[31mred\x7f"),
        ("a\0b\x85c\u2028d", r"a\x00b\x85c\u2028d", r"a\x00b\x85c\u2028d"),
        ("\udcff", "\udcff", r"\udcff"),
        ("\u202egpj.exe", "\u202egpj.exe", r"\u202egpj.exe"),
    ],
)
def test_control_characters_are_written_out(name, given, shown):
    assert escape_controls(name) == given
    assert display_name(name) == shown
